"""The tree of the candidates: which mask lies in which, as CSV and JSON, for every keyframe."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from segassets.exports.source import MASK_ASSETS, ExportSource
from segassets.storage import atomic
from segassets.strict import StrictModel

COLUMNS = ("id", "parent", "level", "area", "bbox", "frame_idx")


class RelationsOptions(StrictModel):
    """Options of the relations export."""

    asset: str = Field("mask_candidates", description=f"Which masks: {', '.join(MASK_ASSETS)}.")


def write_relations(
    sources: Sequence[ExportSource], folder: Path, options: RelationsOptions
) -> dict[str, Any]:
    """`<scene>/relations.csv` and `<scene>/tree.json`; returns {"nodes"}."""
    nodes = 0
    for source in sources:
        masks = source.masks(options.asset)
        write_scene_relations(source, masks, folder / source.scene)
        nodes += masks.num_rows
    return {"nodes": nodes}


def write_scene_relations(source: ExportSource, masks: pa.Table, folder: Path) -> None:
    """`relations.csv` (id, parent, level, area, bbox xywh, frame_idx) and `tree.json` (with children).

    A parent outside the table (a mask that was filtered away) is written as none.
    """
    columns = ["source_frame", "mask_id", "parent_id", "level", "area", "bbox_xywh"]
    rows = masks.select(columns).to_pylist()
    known = {row["mask_id"] for row in rows}
    children: dict[int, list[int]] = {}
    for row in rows:
        row["parent_id"] = row["parent_id"] if row["parent_id"] in known else 0
        children.setdefault(row["parent_id"], []).append(row["mask_id"])
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_text(folder / "relations.csv", _csv(rows))
    atomic.write_text(folder / "tree.json", json.dumps(_tree(rows, children), separators=(",", ":")))


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        box = json.dumps(row["bbox_xywh"])
        values = (row["mask_id"], row["parent_id"] or "", row["level"], row["area"], box, row["source_frame"])
        writer.writerow(values)
    return text.getvalue()


def _tree(rows: list[dict[str, Any]], children: dict[int, list[int]]) -> dict[str, Any]:
    frames: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        node = {
            "id": row["mask_id"],
            "parent": row["parent_id"] or None,
            "children": children.get(row["mask_id"], []),
            "level": row["level"],
            "area": row["area"],
            "bbox": row["bbox_xywh"],
        }
        frames.setdefault(row["source_frame"], []).append(node)
    return {"frames": [{"frame_idx": frame, "nodes": nodes} for frame, nodes in frames.items()]}
