"""What an asset function is given for one scene or experiment, and what it gives back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segassets.errors import StaleInput
from segassets.runtime.progress import Progress, progress_for

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from segassets.datasets.frames import FrameSource
    from segassets.datasets.scene import Scene
    from segassets.models.protocols import DepthEstimator, Embedder, ImageSegmenter
    from segassets.models.streaming import VideoTracker
    from segassets.orchestration.model_choice import LoadedNetwork
    from segassets.storage.provenance import Provenance
    from segassets.storage.store import Artifact, ArtifactStore

FRAMES_FILE = "frames.parquet"
MASKS_FILE = "masks.parquet"
TRACKS_FILE = "tracks.parquet"
TUBES_FILE = "tubes.parquet"
SKIPPED_FILE = "skipped.json"
DROPPED_FILE = "dropped.json"
STATS_FILE = "stats.json"
_LOG_EVERY_S = 15.0


@dataclass(frozen=True)
class Made:
    """What the asset function tells about what it wrote.

    Attributes:
        numbers: few and good: each becomes a plot over scenes in the UI.
        preview: a picture for the UI, RGB uint8 (H, W, 3).
        details: further facts, JSON values.
        plots: SVG files for the UI, by name.
    """

    numbers: Mapping[str, float | int | None]
    preview: np.ndarray | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    plots: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Work:
    """One scene or experiment on its way through one asset.

    Attributes:
        key: the scene or experiment.
        out: staging folder; what lies in it when the function returns becomes the artifact.
        inputs: upstream asset -> its artifact, known to fit what it was made from.
        provenance: the record that will be stored with the artifact.
        gpu_slot: from a device (auto, cpu, cuda, cuda:<i>) to exclusive use of one, for assets that load networks
            of their own.
        device: what the step holds, for assets whose config chooses a model; else cpu.
    """

    asset: str
    key: str
    store: ArtifactStore
    out: Path
    inputs: Mapping[str, Artifact]
    provenance: Provenance
    log: Logger
    gpu_slot: Callable[[str], AbstractContextManager[str]] = nullcontext
    device: str = "cpu"

    @cached_property
    def work_dir(self) -> Path:
        """A folder that outlives a kill; the next attempt at the same version finds it again."""
        return self.store.work_dir(self.asset, self.key, self.provenance.version)

    @cached_property
    def progress(self) -> Progress:
        """To be called with (done, total, note): heard by the command line, and now and then by the run's log."""
        report = progress_for(self.asset, self.key)
        last = time.monotonic()

        def tell(done: int, total: int, note: str = "") -> None:
            nonlocal last
            report(done, total, note)
            if time.monotonic() - last >= _LOG_EVERY_S:
                last = time.monotonic()
                self.log.info(f"{self.key}: {done} of {total} {note}")

        return tell

    def close(self) -> None:
        """Close what was opened for reading."""


@dataclass(kw_only=True)
class SceneWork(Work):
    """One scene on its way through one asset.

    Attributes:
        load_network: loads the step's network, once per process; for assets whose config chooses a model.
    """

    open_scene: Callable[[], Scene]
    load_network: Callable[[], LoadedNetwork] | None = None

    @cached_property
    def scene(self) -> Scene:
        """The scene in its dataset, with the frames of the `frames` artifact; known to be the same footage."""
        return self.open_scene()

    @cached_property
    def frames(self) -> pa.Table:
        """The frames table: of the `frames` artifact, or as just written when this is that asset."""
        from segassets.masks.schemas import FRAMES
        from segassets.masks.table import read_table

        folder = self.inputs["frames"].path if "frames" in self.inputs else self.out
        return read_table(folder / FRAMES_FILE, FRAMES)

    @cached_property
    def source(self) -> FrameSource:
        """The pictures of the frames table."""
        from segassets.datasets.frames import FrameSource

        return FrameSource(self.frames, self.scene.root)

    def masks(self, asset: str) -> pa.Table:
        """The mask table of an upstream asset."""
        from segassets.masks.schemas import MASKS
        from segassets.masks.table import read_table

        return read_table(self.inputs[asset].path / MASKS_FILE, MASKS)

    def stored_masks(self, asset: str) -> pa.Table | None:
        """The mask table of an asset that need not be there."""
        from segassets.masks.schemas import MASKS
        from segassets.masks.table import read_table

        if not self.store.has(asset, self.key):
            return None
        return read_table(self.store.peek(asset, self.key).path / MASKS_FILE, MASKS)

    @cached_property
    def made_masks(self) -> pa.Table:
        """The mask table this asset has just written."""
        from segassets.masks.schemas import MASKS
        from segassets.masks.table import read_table

        return read_table(self.out / MASKS_FILE, MASKS)

    def segmenter(self) -> ImageSegmenter:
        """The step's model as a promptable segmenter of single pictures."""
        from segassets.models.sam2.images import Sam2ImageSegmenter

        loaded = self._loaded()
        return Sam2ImageSegmenter(loaded.network, loaded.precision)

    def tracker(self) -> VideoTracker:
        """The step's model as a tracker of many objects."""
        from segassets.models.sam2.video import Sam2Tracker

        loaded = self._loaded()
        return Sam2Tracker(loaded.network, len(self.source), loaded.precision, loaded.threshold)

    def depth_estimator(self) -> DepthEstimator:
        """The step's model as a network that sees depth; of an asset declared with model_of="depth_model"."""
        estimator: DepthEstimator = self._loaded().network
        return estimator

    def embedder(self) -> Embedder:
        """The step's model as one that embeds pictures and texts; of an asset declared with
        model_of="embedding_model"."""
        embedder: Embedder = self._loaded().network
        return embedder

    def _loaded(self) -> LoadedNetwork:
        if self.load_network is None:
            raise TypeError(f"{self.asset} is declared without a choice of a model, so it has no network")
        return self.load_network()

    def close(self) -> None:
        """Close what was opened for reading."""
        if "source" in self.__dict__:
            self.source.close()


Make = Callable[[Any, Any], Made]


def check_footage(scene: Scene, frames: Artifact) -> None:
    """Raises StaleInput when the footage is no longer what the frames artifact was made from."""
    from segassets.datasets.scene import scene_fingerprint

    stored, fingerprint = frames.provenance.inputs.get("footage"), scene_fingerprint(scene)
    if stored != fingerprint:
        raise StaleInput(
            f"frames of scene {scene.key} was made from other footage: stored={stored}, expected={fingerprint}; "
            "refresh frames and what depends on it: dagster asset materialize -m segassets.definitions "
            f"--select '+key:\"scene_report\"' --partition {scene.key}"
        )
