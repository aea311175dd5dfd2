"""A scene's annotations as a mask table: the stage behind the asset `coco_masks`.

From JSON or label maps to rows without ever building a dense stack of masks. Areas and boxes come from the
run lengths, not from the file. Crowds (COCO's iscrowd) are rows of source `annotation_crowd`, all others of
source `annotation`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from segassets.datasets.json_files import no_collection
from segassets.datasets.scene import AnnotationRow, Exclusion, Scene
from segassets.errors import BadInput
from segassets.masks.table import masks_table, measure

_NAMED = 20  # exclusions named in full; beyond, the counts tell enough


@dataclass(frozen=True)
class Annotations:
    """The annotations of a scene.

    Attributes:
        table: schema MASKS, rows in order of frame.
        excluded: what was left out, counted by reason.
        notes: the first of them in words, with reason and annotation.
    """

    table: pa.Table
    excluded: dict[str, int]
    notes: list[str]


def annotation_table(scene: Scene, *, strict: bool = False) -> Annotations:
    """All annotations of the scene's frames.

    Args:
        strict: raise at the first annotation that cannot be used instead of leaving it out and counting it.

    Raises:
        BadInput: a label map cannot be read; or, when strict, the first unusable annotation, named.
    """
    with no_collection():
        rows, exclusions = _read(scene)
        columns, area = _columns(scene, rows)
    present = area > 0  # an absent object has no row
    exclusions += [Exclusion("empty_mask", rows[at].where) for at in np.flatnonzero(~present)]
    if strict and exclusions:
        first = exclusions[0]
        raise BadInput(
            f"scene {scene.key}: {first.where}: {first.reason} ({len(exclusions)} such annotations)"
        )
    table = masks_table(columns)
    return Annotations(
        table=table if present.all() else table.filter(pa.array(present)),
        excluded=dict(Counter(item.reason for item in exclusions)),
        notes=[f"{item.reason}: {item.where}" for item in exclusions[:_NAMED]],
    )


def _read(scene: Scene) -> tuple[list[AnnotationRow], list[Exclusion]]:
    rows: list[AnnotationRow] = []
    exclusions: list[Exclusion] = []
    for item in scene.annotations() if scene.annotations is not None else ():
        if isinstance(item, AnnotationRow):
            rows.append(item)
        else:
            exclusions.append(item)
    rows.sort(key=lambda row: row.frame)
    return rows, exclusions


def _columns(scene: Scene, rows: list[AnnotationRow]) -> tuple[dict[str, object], np.ndarray]:
    """Columns of the mask table, and the areas; empty masks are still among them."""
    frame = np.array([row.frame for row in rows], np.int64)
    heights = np.array([record.height for record in scene.frames], np.int32)[frame]
    widths = np.array([record.width for record in scene.frames], np.int32)[frame]
    source_frame = np.array([record.source_frame for record in scene.frames], np.int32)[frame]
    counts = [row.rle_counts for row in rows]
    area, boxes = measure(counts, heights, widths)
    columns = {
        "scene": [scene.key] * len(rows),
        "frame": frame,
        "source_frame": source_frame,
        "mask_id": _mask_ids(scene, rows, area),
        "track_id": [row.track_id for row in rows],
        "parent_id": [row.parent_id for row in rows],
        "level": [row.level for row in rows],
        "category_id": [row.category_id for row in rows],
        "score": pa.nulls(len(rows), pa.float32()),
        "stability": [row.stability for row in rows],
        "predicted_iou": [row.predicted_iou for row in rows],
        "area": area,
        "bbox_xywh": boxes,
        "height": heights,
        "width": widths,
        "rle_counts": counts,
        "source": ["annotation_crowd" if row.crowd else "annotation" for row in rows],
    }
    return columns, area


def _mask_ids(scene: Scene, rows: list[AnnotationRow], area: np.ndarray) -> np.ndarray:
    """The rows' own ids, or 1, 2, ... over the rows that stay when they have none."""
    given = np.array([row.mask_id for row in rows], np.int64)
    if not given.any():
        return np.maximum(np.cumsum(area > 0), 1)
    if (given < 1).any() or len(np.unique(given)) != len(given):
        raise BadInput(f"scene {scene.key}: expected unique annotation mask ids from 1, or none at all")
    return given
