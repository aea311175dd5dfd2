"""Figures of one tag's scenes, read from its artifacts: counts, seconds, memory, quality."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from segassets.storage.store import ArtifactStore

# What a row of the comparison is called, and how scenes are put together.
SUMMED = ("candidates", "filtered_masks", "tracks", "track_masks", "seconds")
LARGEST = ("peak_cpu_mb",)
AVERAGED = ("j", "j_first_mask", "object_recall", "id_switches")
_ASSETS = (
    *("frames", "coco_masks", "mask_candidates", "filtered_masks"),
    *("sam2_tracks", "track_comparison", "scene_report"),
)


def mask_counts(store: ArtifactStore, scenes: Sequence[str]) -> dict[str, int]:
    """Candidates, masks kept and tracks of all scenes together; nothing where no scene has tracks."""
    found = {"candidates": 0, "filtered_masks": 0, "tracks": 0}
    with_tracks = [scene for scene in scenes if store.has("sam2_tracks", scene)]
    for scene in with_tracks:
        folders = {asset: store.peek(asset, scene).path for asset in _ASSETS if store.has(asset, scene)}
        for name in found:
            found[name] += _counts(folders)[name] or 0
    return found if with_tracks else {}


def scene_figures(store: ArtifactStore, scene: str) -> dict[str, float | int | None]:
    """Figures of one scene that has tracks; None where an asset or the truth is not there."""
    folders = {asset: store.peek(asset, scene).path for asset in _ASSETS if store.has(asset, scene)}
    runs = [_read_json(folder / "run.json") for folder in folders.values()]
    peaks = [run["peak_cpu_bytes"] for run in runs if run.get("peak_cpu_bytes")]
    return {
        **_counts(folders),
        "seconds": round(sum(run.get("seconds", 0.0) for run in runs), 3),
        "peak_cpu_mb": round(max(peaks) / 1e6, 1) if peaks else None,
        **_quality(folders),
    }


def together(figures: Sequence[dict[str, Any]]) -> dict[str, float | int | None]:
    """Figures of several scenes as one: counts and seconds summed, peaks the largest, quality the mean."""
    ways: dict[str, Callable] = {
        **dict.fromkeys(SUMMED, sum),
        **dict.fromkeys(LARGEST, max),
        **dict.fromkeys(AVERAGED, fmean),
    }
    found: dict[str, float | int | None] = {}
    for name, way in ways.items():
        values = [row[name] for row in figures if row.get(name) is not None]
        found[name] = round(way(values), 4) if values else None
    return found


def _quality(folders: dict[str, Path]) -> dict[str, float | int | None]:
    nothing = dict.fromkeys(AVERAGED)
    if not {"frames", "coco_masks", "sam2_tracks"} <= folders.keys():
        return nothing
    from segassets.evaluation.track_quality import track_quality
    from segassets.reports.data import SceneTables

    tables = SceneTables("", folders)
    if tables.truth is None or tables.truth.num_rows == 0:
        return nothing
    quality = track_quality(tables.tracks, tables.truth, tables.annotated_frames)
    return {name: quality.get(name) for name in AVERAGED}


def _counts(folders: dict[str, Path]) -> dict[str, int | None]:
    return {
        "candidates": _rows(folders, "mask_candidates", "masks.parquet"),
        "filtered_masks": _rows(folders, "filtered_masks", "masks.parquet"),
        "tracks": _rows(folders, "sam2_tracks", "tracks.parquet"),
        "track_masks": _rows(folders, "sam2_tracks", "masks.parquet"),
    }


def _rows(folders: dict[str, Path], asset: str, name: str) -> int | None:
    import pyarrow.parquet as pq

    path = folders[asset] / name if asset in folders else None
    return pq.read_metadata(path).num_rows if path is not None and path.is_file() else None


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}
