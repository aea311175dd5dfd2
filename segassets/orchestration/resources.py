"""Resources of the graph: where artifacts lie, where footage comes from, how networks get their GPU."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field, PrivateAttr

from segassets.orchestration.gpu import gpu_slot
from segassets.storage.store import ArtifactStore

if TYPE_CHECKING:
    from segassets.datasets.config import DatasetConfig
    from segassets.datasets.layouts import Layout
    from segassets.datasets.scene import Scene

LAYOUT_KEPT_S = 30.0  # new footage is seen after at most this long


class StoreResource(dg.ConfigurableResource):
    """The artifact store: `<root>/<tag>/<asset>/<scene>/`."""

    root: str = Field(description="Output root: a local path or an fsspec URL such as s3://bucket/segassets.")
    wait_s: float = Field(
        0.0,
        ge=0,
        description="Seconds to wait for another run that makes the same artifact, before refusing.",
    )

    def of(self, tag: str) -> ArtifactStore:
        """The store of one experiment tag."""
        return ArtifactStore(self.root, tag)


class FootageResource(dg.ConfigurableResource):
    """The datasets of `configs/datasets/`."""

    datasets: list[str] = Field(
        [], description="Datasets whose scenes are looked for by the sensor of new scenes; empty means all."
    )
    _layouts: dict[tuple[str, str | None], tuple[float, Layout]] = PrivateAttr(default_factory=dict)

    def open(self, key: str, frames: str | None = None) -> Scene:
        """The scene of a key; `frames` (start:end:step) stands for its own frame selection when given."""
        from segassets.datasets.load import dataset_of

        layout = self._layout(dataset_of(key), frames)
        return layout.load(key.partition(".")[2] or layout.config.name)

    def scene_keys(self) -> tuple[list[str], dict[str, str]]:
        """Keys of all scenes that can be listed, and by dataset why it could not be."""
        from segassets.datasets.load import list_scenes

        listing = list_scenes(self.datasets or None)
        return listing.keys, listing.problems

    def _layout(self, dataset: str, frames: str | None) -> Layout:
        """The dataset's layout, kept for a while: a batch opens many scenes of one dataset."""
        from segassets.datasets.config import load_dataset
        from segassets.datasets.layouts import make_layout

        made, layout = self._layouts.get((dataset, frames), (-LAYOUT_KEPT_S, None))
        if layout is None or time.monotonic() - made > LAYOUT_KEPT_S:
            layout = make_layout(_with_frames(load_dataset(dataset), frames))
            self._layouts[dataset, frames] = (time.monotonic(), layout)
        return layout


def _with_frames(config: DatasetConfig, frames: str | None) -> DatasetConfig:
    """The dataset with one frame selection for all its scenes."""
    if frames is None:
        return config
    overrides = {name: scene.model_copy(update={"frames": None}) for name, scene in config.overrides.items()}
    return config.model_copy(update={"frames": frames, "overrides": overrides})


class GpuResource(dg.ConfigurableResource):
    """Which GPU a step may use: one process per GPU at a time, whatever launched it."""

    lock_dir: str | None = Field(
        None,
        description="Folder of the GPUs' lock files, the same for all processes of a machine; empty for /tmp.",
    )
    wait_s: float = Field(3600.0, ge=0, description="Seconds to wait for a free GPU, before refusing.")

    @contextmanager
    def slot(self, device: str) -> Iterator[str]:
        """Hold a GPU while the block runs; yields the device (the CPU needs no lock)."""
        lock_dir = Path(self.lock_dir) if self.lock_dir else None
        with gpu_slot(device, lock_dir=lock_dir, wait_s=self.wait_s) as chosen:
            yield chosen
