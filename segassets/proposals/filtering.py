"""Which candidates are kept: by area, measured quality, overlap. Every dropped mask is counted by reason."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.masks import rle
from segassets.proposals.config import FilterConfig
from segassets.proposals.frame import reparent
from segassets.proposals.levels import shared_pixels
from segassets.proposals.nms import keep_distinct

REASONS = ("small_area", "large_area", "low_stability", "low_predicted_iou", "overlap", "contained")


def filter_masks(table: pa.Table, config: FilterConfig) -> tuple[pa.Table, dict[str, int]]:
    """The masks kept, ids unchanged, and how many were dropped for each reason (the first that applies).

    A mask whose parent was dropped gets the parent's parent, and so on up; 0 when no ancestor is left. What
    is null (a gap fill has no stability) is not judged. Overlap is judged among what is left, within one
    frame and level, from the highest score down.

    Args:
        table: schema MASKS.
    """
    reason = np.full(table.num_rows, -1)
    for number, wrong in enumerate(_flaws(table, config)):
        reason[(reason < 0) & wrong] = number
    for rows, counts, size_hw in _groups(table, reason < 0):
        score = _numbers(table, "score")[rows]
        kept = keep_distinct(counts, score, *size_hw, config.max_overlap)
        dropped = np.delete(rows, kept)
        reason[dropped] = REASONS.index("overlap")
        if config.max_containment < 1:
            contained = _contained([counts[at] for at in kept], *size_hw, config.max_containment)
            reason[rows[kept[contained]]] = REASONS.index("contained")
    kept_rows = np.flatnonzero(reason < 0)
    result = _with_parents(table, kept_rows)
    return result, {name: int((reason == number).sum()) for number, name in enumerate(REASONS)}


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    """A column as float64, nan for null."""
    return pc.fill_null(table.column(name).cast(pa.float64()), float("nan")).to_numpy()


def _flaws(table: pa.Table, config: FilterConfig) -> list[np.ndarray]:
    """Per reason, in the order of REASONS, which rows have it; comparisons with nan are false."""
    area = _numbers(table, "area")
    frame_area = _numbers(table, "height") * _numbers(table, "width")
    return [
        area < config.min_area,
        area > config.max_area_share * frame_area,
        _below(_numbers(table, "stability"), config.stability),
        _below(_numbers(table, "predicted_iou"), config.predicted_iou),
    ]


def _below(values: np.ndarray, threshold: float) -> np.ndarray:
    """Stored as float32, so compared as float32: a stability of exactly the threshold passes."""
    return values.astype(np.float32) < np.float32(threshold)


def _groups(table: pa.Table, usable: np.ndarray) -> list[tuple[np.ndarray, list[str], tuple[int, int]]]:
    """Rows of each frame and level, with their counts and the picture's (height, width)."""
    rows = np.flatnonzero(usable)
    keys = np.stack([table.column(name).to_numpy()[rows].astype(np.int64) for name in ("frame", "level")], 1)
    order = np.lexsort(keys.T[::-1])
    starts = np.flatnonzero(np.any(np.diff(keys[order], axis=0) != 0, axis=1)) + 1
    counts, heights, widths = (table.column(name) for name in ("rle_counts", "height", "width"))
    groups = []
    for members in np.split(rows[order], starts) if len(rows) else ():
        texts = counts.take(pa.array(members)).to_pylist()
        groups.append((members, texts, (heights[int(members[0])].as_py(), widths[int(members[0])].as_py())))
    return groups


def _contained(counts: list[str], height: int, width: int, max_containment: float) -> np.ndarray:
    """Positions of masks with more than this share of their pixels inside a larger one."""
    areas = rle.areas(counts, height, width)
    shared = shared_pixels(rle.iou_matrix(counts, counts, height, width), areas, areas)
    larger = areas[None, :] > areas[:, None]
    return np.flatnonzero(((shared > max_containment * areas[:, None]) & larger).any(1))


def _with_parents(table: pa.Table, kept_rows: np.ndarray) -> pa.Table:
    """The kept rows, each with the nearest kept ancestor as its parent."""
    ids = table.column("mask_id").to_numpy()
    position = {mask_id: at for at, mask_id in enumerate(ids.tolist())}
    parent = np.array([position.get(value, -1) for value in table.column("parent_id").to_pylist()], np.int64)
    ancestor = reparent(parent, kept_rows)[kept_rows]
    kept_ids = ids[kept_rows]
    parent_ids = np.where(ancestor >= 0, np.append(kept_ids, 0)[ancestor], 0)
    column = table.schema.get_field_index("parent_id")
    kept = table.take(pa.array(kept_rows, pa.int64()))
    return kept.set_column(column, table.schema.field(column), pa.array(parent_ids, pa.int64()))
