"""The candidates of a scene as My3DIS stores them: all without pixels, the filtered with packed masks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from segassets.exports.packed import pack
from segassets.exports.relations import write_scene_relations
from segassets.exports.source import ExportSource, by_frame, frame_name, levels_of, of_level
from segassets.masks import rle

_Frame = tuple[dict[str, Any], pa.Table]


def write_candidates(
    source: ExportSource, root: Path, levels: Sequence[int] | None, scale: float
) -> dict[str, Any]:
    """candidates.json and filtered.json of each level, and the relations, as far as the assets are there.

    Returns:
        {asset: {level: masks}} of the assets that were there.
    """
    summary: dict[str, Any] = {}
    for asset in ("mask_candidates", "filtered_masks"):
        if not source.store.has(asset, source.scene):
            continue
        masks = source.masks(asset)
        summary[asset] = {}
        for level in levels or levels_of(masks):
            rows = of_level(masks, level)
            summary[asset][str(level)] = rows.num_rows
            folder = root / f"level_{level}"
            if asset == "mask_candidates":
                _write_all(source, rows, folder / "candidates" / "candidates.json")
            else:
                _write_filtered(source, rows, folder / "filtered" / "filtered.json", scale)
        if asset == "mask_candidates":
            write_scene_relations(source, masks, root / "relations")
    return summary


def _write_all(source: ExportSource, masks: pa.Table, path: Path) -> None:
    _write_list(
        path, "items", (_item(row) for _, group in _frames_with(source, masks) for row in group.to_pylist())
    )


def _write_filtered(source: ExportSource, masks: pa.Table, path: Path, scale: float) -> None:
    _write_list(path, "frames", (_filtered_frame(*frame, scale) for frame in _frames_with(source, masks)))


def _filtered_frame(frame: dict[str, Any], group: pa.Table, scale: float) -> dict[str, Any]:
    items = []
    for row in group.to_pylist():
        mask = pack(rle.decode(row["rle_counts"], row["height"], row["width"]), scale)
        items.append({**_item(row), "mask_scale_ratio": scale, "mask": mask})
    head = {"frame_idx": frame["source_frame"], "frame_name": frame_name(frame)}
    return {**head, "count": len(items), "items": items}


def _frames_with(source: ExportSource, masks: pa.Table) -> Iterator[_Frame]:
    groups = by_frame(masks)
    return ((row, groups[row["frame"]]) for row in source.frame_rows if row["frame"] in groups)


def _item(row: dict[str, Any]) -> dict[str, Any]:
    x, y, w, h = row["bbox_xywh"]
    return {
        "frame_idx": row["source_frame"],
        "id": row["mask_id"],
        "parent": row["parent_id"] or None,
        "level": row["level"],
        "area": row["area"],
        "bbox": [x, y, w, h],
        "bbox_xyxy": [x, y, x + w, y + h],
        "stability_score": row["stability"],
        "predicted_iou": row["predicted_iou"],
        "source": row["source"],
    }


def _write_list(path: Path, name: str, items: Iterator[dict[str, Any]]) -> None:
    """{name: [items]} as JSON, item by item: packed masks of a long scene need not fit into memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as stream:
        stream.write(f'{{"{name}":[')
        for at, item in enumerate(items):
            stream.write(("," if at else "") + json.dumps(item, separators=(",", ":")))
        stream.write("]}")
