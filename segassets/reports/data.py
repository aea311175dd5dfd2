"""What reports read: the artifact folders of one scene, each optional but frames and tracks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from segassets.errors import BadInput, MissingInput
from segassets.masks.schemas import FRAMES, MASKS, TRACKS
from segassets.masks.table import read_table
from segassets.storage.provenance import FILE_NAME, Provenance

ASSETS = (
    "frames",
    "coco_masks",
    "mask_candidates",
    "filtered_masks",
    "sam2_tracks",
    "depth_maps",
    "depth_lifts",
    "gaussians",
    "novel_views",
    "scene_instances",
    "track_comparison",
)


@dataclass(frozen=True)
class SceneTables:
    """The tables and records of one scene.

    Attributes:
        folders: asset name -> local artifact folder.
    """

    scene: str
    folders: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for asset in ("frames", "sam2_tracks"):
            if asset not in self.folders:
                raise MissingInput(
                    f"scene {self.scene}: a report needs {asset}, which is not among its inputs"
                )

    @cached_property
    def frames(self) -> pa.Table:
        """Schema FRAMES, in order."""
        return read_table(self.folders["frames"] / "frames.parquet", FRAMES).sort_by("frame")

    @cached_property
    def facts(self) -> dict[str, Any]:
        """`scene.json`: dataset, root, categories, ..."""
        return self._json("frames", "scene.json")

    @property
    def categories(self) -> dict[int, str]:
        """Category id to name."""
        return {int(key): str(name) for key, name in (self.facts.get("categories") or {}).items()}

    @cached_property
    def tracks(self) -> pa.Table:
        """Masks of the tracks, in order of frame."""
        return self._masks("sam2_tracks")

    @cached_property
    def summary(self) -> pa.Table:
        """Schema TRACKS."""
        return read_table(self.folders["sam2_tracks"] / "tracks.parquet", TRACKS)

    @cached_property
    def candidates(self) -> pa.Table | None:
        """Candidates before the filter."""
        return self._masks("mask_candidates") if "mask_candidates" in self.folders else None

    @cached_property
    def filtered(self) -> pa.Table | None:
        """Candidates after the filter."""
        return self._masks("filtered_masks") if "filtered_masks" in self.folders else None

    @cached_property
    def truth(self) -> pa.Table | None:
        """Annotations; None where no frame is annotated."""
        if "coco_masks" not in self.folders or not any(self.frames.column("annotated").to_pylist()):
            return None
        return self._masks("coco_masks")

    @property
    def annotated_frames(self) -> list[int]:
        """Frames whose annotations are complete."""
        annotated = self.frames.column("annotated").to_numpy(zero_copy_only=False)
        return self.frames.column("frame").to_numpy()[annotated].tolist()

    @property
    def dropped(self) -> dict[str, int]:
        """Candidates the filter dropped, by reason."""
        found = self._json("filtered_masks", "dropped.json")
        return {str(reason): int(count) for reason, count in found.items()}

    @property
    def stats(self) -> dict[str, Any]:
        """Counts the tracker kept: founded, supported, over_limit, ..."""
        return self._json("sam2_tracks", "stats.json")

    def provenance(self) -> dict[str, Provenance]:
        """The record of each asset that has one, upstream first."""
        paths = {asset: folder / FILE_NAME for asset, folder in self._in_order()}
        return {asset: Provenance.read(path) for asset, path in paths.items() if path.is_file()}

    def runs(self) -> dict[str, dict[str, Any]]:
        """`run.json` (seconds, peaks) of each asset that has one, upstream first."""
        found = {asset: self._json(asset, "run.json") for asset, _ in self._in_order()}
        return {asset: record for asset, record in found.items() if record}

    def _in_order(self) -> list[tuple[str, Path]]:
        rank = {asset: at for at, asset in enumerate(ASSETS)}
        return sorted(self.folders.items(), key=lambda item: (rank.get(item[0], len(rank)), item[0]))

    def _masks(self, asset: str) -> pa.Table:
        table = read_table(self.folders[asset] / "masks.parquet", MASKS)
        return table.sort_by([("frame", "ascending"), ("mask_id", "ascending")])

    def _json(self, asset: str, name: str) -> dict[str, Any]:
        path = self.folders[asset] / name if asset in self.folders else None
        if path is None or not path.is_file():
            return {}
        try:
            found = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise BadInput(f"{path}: expected JSON, found {error}") from error
        if not isinstance(found, dict):
            raise BadInput(f"{path}: expected a JSON object, found {type(found).__name__}")
        return found


def rows_by_frame(masks: pa.Table) -> dict[int, pa.Table]:
    """Rows of each frame, by slicing: `masks` is in order of frame."""
    if masks.num_rows == 0:
        return {}
    frames, starts = np.unique(masks.column("frame").to_numpy(), return_index=True)
    ends = [*starts[1:], masks.num_rows]
    return {
        int(frame): masks.slice(int(start), int(end - start))
        for frame, start, end in zip(frames, starts, ends, strict=True)
    }


def levels_of(*tables: pa.Table | None) -> list[int]:
    """Levels that occur in any of the tables, coarse to fine."""
    return sorted(
        {level for table in tables if table is not None for level in table.column("level").to_pylist()}
    )
