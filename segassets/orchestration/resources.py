"""Resources of the graph: where artifacts lie, where footage comes from, how networks get their GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from segassets.orchestration.gpu import gpu_slot
from segassets.storage.store import ArtifactStore

if TYPE_CHECKING:
    from segassets.datasets.scene import Scene


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

    def open(self, key: str, frames: str | None = None) -> Scene:
        """The scene of a key; `frames` (start:end:step) stands for its own frame selection when given."""
        from segassets.datasets.load import open_scene

        return open_scene(key) if frames is None else _open_with_frames(key, frames)

    def scene_keys(self) -> tuple[list[str], dict[str, str]]:
        """Keys of all scenes that can be listed, and by dataset why it could not be."""
        from segassets.datasets.load import list_scenes

        listing = list_scenes(self.datasets or None)
        return listing.keys, listing.problems


def _open_with_frames(key: str, frames: str) -> Scene:
    from segassets.datasets.config import SceneOverride, load_dataset
    from segassets.datasets.load import dataset_of, open_scene_of

    config = load_dataset(dataset_of(key))
    name = key.partition(".")[2] or config.name
    options = config.overrides[name].options if name in config.overrides else {}
    overrides = {**config.overrides, name: SceneOverride(frames=frames, options=options)}
    return open_scene_of(config.model_copy(update={"overrides": overrides}), key)


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
