"""Tracks as pseudo tubes: scored, without short ones and duplicates; and scenes that give too little, left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.errors import BadInput
from segassets.exports.skips import SkipReport
from segassets.masks.schemas import MASKS, TUBES
from segassets.masks.tubes import Tubes, tube_iou, tubes_of_table
from segassets.tracking.tube_config import TubeConfig

SOURCE = "tube"
_TRUST = (
    "score",
    "stability",
    "predicted_iou",
)  # what a mask's confidence is read from, the first that is known


@dataclass(frozen=True)
class PseudoTubes:
    """Pseudo tubes of one scene.

    Attributes:
        masks: schema MASKS, source `tube`, mask and track ids as in the tracks.
        tubes: schema TUBES, by track_id.
        dropped: reason (low_score, too_short, low_coverage, duplicate, too_many) -> track ids.
        skipped: the scene's record for the skip report, None when it is kept; then both tables are empty.
    """

    masks: pa.Table
    tubes: pa.Table
    dropped: dict[str, list[int]]
    skipped: dict[str, Any] | None


def make_tubes(
    tracks: pa.Table,
    frames: pa.Table,
    scene: str,
    config: TubeConfig | None = None,
    support: Mapping[int, float] | None = None,
) -> PseudoTubes:
    """Pseudo tubes of the tracks of one scene.

    Args:
        tracks: schema MASKS; rows without a track id are no tubes.
        frames: schema FRAMES, all frames of the scene.
        support: by track id what `score: mean_support` multiplies with; 1 for a track it does not name.

    Raises:
        BadInput: the frames have several sizes, or a track has two masks on a frame.
    """
    config = config or TubeConfig()
    tracks = tracks.filter(pc.greater(tracks.column("track_id"), 0))
    if config.levels is not None:
        tracks = tracks.filter(pc.is_in(tracks.column("level"), pa.array(config.levels, pa.int8())))
    length, covered = frames.num_rows, len(pc.unique(tracks.column("frame")))
    reason = config.reason(scene, length, covered)
    if reason:
        record = SkipReport(config).add(scene, reason, length, covered)
        return PseudoTubes(MASKS.empty_table(), TUBES.empty_table(), {}, record)
    tubes = tubes_of_table(tracks)
    count = np.array([len(masks) for masks in tubes.masks])
    scores = _scores(tracks, tubes)
    if config.score == "mean_coverage":
        scores = scores * count / length
    elif config.score == "mean_support" and support:
        scores = scores * np.array([support.get(int(track), 1.0) for track in tubes.ids])
    kept, dropped = _choose(tubes, scores, count / length, config)
    summary = {
        "scene": [scene] * len(kept),
        "track_id": tubes.ids[kept],
        "category_id": tubes.categories[kept],
        "score": scores[kept],
        "frames": count[kept],
        "coverage": count[kept] / length,
    }
    rows = tracks.filter(pc.is_in(tracks.column("track_id"), pa.array(tubes.ids[kept], pa.int64())))
    column = pa.array([SOURCE] * rows.num_rows, pa.string())
    rows = rows.set_column(MASKS.get_field_index("source"), MASKS.field("source"), column)
    return PseudoTubes(rows.cast(MASKS), pa.table(summary, TUBES), dropped, None)


def _scores(tracks: pa.Table, tubes: Tubes) -> np.ndarray:
    """Mean confidence of each tube's masks, float64 (N,); 1 where nothing is known."""
    known = pc.cast(pc.coalesce(*(tracks.column(name) for name in _TRUST)), pa.float64())
    values = known.to_numpy(zero_copy_only=False)
    owner = np.searchsorted(tubes.ids, tracks.column("track_id").to_numpy())
    there = np.isfinite(values)
    total = np.bincount(owner[there], values[there], len(tubes))
    count = np.bincount(owner[there], minlength=len(tubes))
    return np.divide(total, count, out=np.ones(len(tubes)), where=count > 0)


def _choose(
    tubes: Tubes, scores: np.ndarray, coverage: np.ndarray, config: TubeConfig
) -> tuple[np.ndarray, dict[str, list[int]]]:
    """Positions of the tubes kept, in order of id, and the ids of the others by reason."""
    frames = np.array([len(masks) for masks in tubes.masks])
    rules = {
        "low_score": scores < config.min_score,
        "too_short": frames < config.min_tube_frames,
        "low_coverage": coverage < config.min_tube_coverage,
    }
    left = np.ones(len(tubes), bool)
    dropped: dict[str, list[int]] = {}

    def drop(reason: str, at: np.ndarray) -> None:
        if len(at):
            dropped[reason] = sorted(tubes.ids[at].tolist())
            left[at] = False

    for reason, wrong in rules.items():
        drop(reason, np.flatnonzero(left & wrong))
    order = np.flatnonzero(left)
    order = order[np.lexsort((-coverage[order], -scores[order]))]
    distinct = order[distinct_tubes(tubes.take(order), config.max_tube_iou)]
    drop("duplicate", np.setdiff1d(order, distinct))
    if config.max_tubes is not None:
        drop("too_many", distinct[config.max_tubes :])
    return np.flatnonzero(left), dropped


def distinct_tubes(tubes: Tubes, max_iou: float) -> np.ndarray:
    """Positions of tubes whose IoU with every earlier one kept is at most `max_iou`; int64."""
    iou = tube_iou(tubes, tubes, at_least=max_iou)
    kept: list[int] = []
    for at in range(len(tubes)):
        if not kept or iou[at, kept].max() <= max_iou:
            kept.append(at)
    return np.array(kept, np.int64)


def attribute_tubes(tubes: pa.Table, categories: Mapping[int, int]) -> pa.Table:
    """The summary with the categories an attribution gives its tubes; the others keep theirs.

    Args:
        tubes: schema TUBES.
        categories: track id -> category id.

    Raises:
        BadInput: a track that is not among the tubes.
    """
    ids = tubes.column("track_id").to_pylist()
    unknown = sorted(set(categories) - set(ids))
    if unknown:
        raise BadInput(f"expected an attribution of tubes of this scene, found track {unknown[0]}")
    old = tubes.column("category_id").to_pylist()
    new = [categories.get(track, category) for track, category in zip(ids, old, strict=True)]
    at = TUBES.get_field_index("category_id")
    return tubes.set_column(at, TUBES.field("category_id"), pa.array(new, pa.int32()))
