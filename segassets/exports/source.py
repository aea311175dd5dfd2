"""What an exporter reads: one scene's frames, masks and facts, opened from the store only when asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.errors import BadInput
from segassets.masks.schemas import FRAMES, MASKS, TUBES
from segassets.masks.table import read_table
from segassets.storage.store import Artifact, ArtifactStore

MASK_ASSETS = (
    "coco_masks",
    "mask_candidates",
    "filtered_masks",
    "sam2_tracks",
    "pseudo_masks",
    "pseudo_tubes",
    "vis_scene_checkpoint",
)


class ExportSource:
    """One scene of one store.

    Args:
        allow_stale: read artifacts whose inputs have changed since, instead of refusing them.
    """

    def __init__(self, store: ArtifactStore, scene: str, *, allow_stale: bool = False) -> None:
        self.store, self.scene, self.allow_stale = store, scene, allow_stale
        self.versions: dict[str, str] = {}

    def artifact(self, asset: str) -> Artifact:
        """The artifact; its version is noted in `versions`."""
        read = self.store.peek if self.allow_stale else self.store.open
        artifact = read(asset, self.scene)
        self.versions[asset] = artifact.version
        return artifact

    def has(self, asset: str) -> bool:
        """Whether the asset has been made."""
        return self.store.has(asset, self.scene)

    @cached_property
    def frames(self) -> pa.Table:
        """Table of schema FRAMES, in order of `frame`."""
        table = read_table(self.artifact("frames").path / "frames.parquet", FRAMES)
        return table.sort_by("frame")

    @cached_property
    def frame_rows(self) -> list[dict[str, Any]]:
        """`frames` as dictionaries."""
        return self.frames.to_pylist()

    @cached_property
    def facts(self) -> dict[str, Any]:
        """`scene.json`: key, dataset, name, root, categories."""
        return json.loads((self.artifact("frames").path / "scene.json").read_text("utf-8"))

    @property
    def categories(self) -> dict[int, str]:
        """Category id to name."""
        return {int(key): str(name) for key, name in (self.facts.get("categories") or {}).items()}

    def masks(self, asset: str) -> pa.Table:
        """Masks of an asset, in order of frame and mask_id.

        Raises:
            BadInput: it is not an asset of masks.
        """
        if asset not in MASK_ASSETS:
            raise BadInput(f"expected an asset of masks ({', '.join(MASK_ASSETS)}), found {asset!r}")
        table = read_table(self.artifact(asset).path / "masks.parquet", MASKS)
        return table.sort_by([("frame", "ascending"), ("mask_id", "ascending")])

    def summary(self, asset: str) -> pa.Table | None:
        """Table of schema TUBES; None for an asset without one."""
        path = self.artifact(asset).path / "tubes.parquet"
        return read_table(path, TUBES) if path.is_file() else None

    def skipped(self, asset: str) -> dict[str, Any] | None:
        """Why pseudo tubes were not made of the scene (reason, frames, masks, ...); None where they were."""
        path = self.artifact(asset).path / "skipped.json"
        return {"video": self.scene, **json.loads(path.read_text("utf-8"))} if path.is_file() else None

    def looked_at(self, asset: str) -> list[int] | None:
        """Frames an asset of pseudo masks looked at; None where it does not say."""
        path = self.artifact(asset).path / "stats.json"
        found = json.loads(path.read_text("utf-8")).get("frames") if path.is_file() else None
        return found if isinstance(found, list) else None

    def config(self, asset: str) -> dict[str, Any]:
        """The configuration the asset was made with."""
        return self.artifact(asset).provenance.config


def frame_name(row: dict[str, Any]) -> str:
    """The picture's own file name, `clip.mp4#12` for a frame of a video."""
    return PurePosixPath(row["uri"]).name


def by_frame(masks: pa.Table) -> dict[int, pa.Table]:
    """Rows of each frame, by slicing: `masks` is in order of frame."""
    if masks.num_rows == 0:
        return {}
    column = masks.column("frame").to_numpy()
    frames, starts = np.unique(column, return_index=True)
    ends = [*starts[1:], len(column)]
    return {
        int(frame): masks.slice(int(start), int(end - start))
        for frame, start, end in zip(frames, starts, ends, strict=True)
    }


def of_level(masks: pa.Table, level: int) -> pa.Table:
    """The rows of one level."""
    return masks.filter(pc.equal(masks.column("level"), level))


def levels_of(masks: pa.Table) -> list[int]:
    """Levels that occur, ascending (coarse to fine)."""
    return sorted(set(masks.column("level").to_pylist()))


def categories_of(sources: Iterable[ExportSource]) -> dict[int, str]:
    """Category id to name over scenes.

    Raises:
        BadInput: one id has two names; names the scene.
    """
    found: dict[int, str] = {}
    for source in sources:
        for key, name in source.categories.items():
            if found.setdefault(key, name) != name:
                raise BadInput(
                    f"scene {source.scene}: category {key} is '{name}', but '{found[key]}' in a scene before "
                    "it; export the scenes of each dataset apart"
                )
    return found
