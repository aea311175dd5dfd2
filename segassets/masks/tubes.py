"""Tubes of one video: the masks of each identity through time, and how much two tubes overlap in space and time.

Nothing is decoded: overlaps come from run lengths, one call into pycocotools per frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.errors import BadInput
from segassets.masks import rle
from segassets.masks.table import MaskRows

CROWD_SOURCE = "annotation_crowd"


@dataclass(frozen=True)
class FrameTubes:
    """The tubes on one frame: positions int64 (K,), counts, areas int64 (K,), boxes xywh float32 (K, 4)."""

    members: np.ndarray
    counts: list[str]
    areas: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True)
class Tubes:
    """Tubes of one video, in order.

    Attributes:
        height, width: pixels of every frame.
        masks: by tube, frame -> RLE counts; a frame on which the tube is absent is missing.
        ids: int64 (N,), identities; 0 is as good as any other.
        categories: int64 (N,), -1 = none; 0 is a valid category.
        scores: float64 (N,), 1 where nothing is known.
        crowd: bool (N,), tubes over a group that was not separated: neither found nor missed.
    """

    height: int
    width: int
    masks: Sequence[dict[int, str]]  # the columns that follow are arrays once the tubes are made
    ids: np.ndarray = None  # type: ignore[assignment]
    categories: np.ndarray = None  # type: ignore[assignment]
    scores: np.ndarray = None  # type: ignore[assignment]
    crowd: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        count = len(self.masks)
        columns = {
            "ids": (np.arange(1, count + 1), np.int64),
            "categories": (np.full(count, -1), np.int64),
            "scores": (np.ones(count), np.float64),
            "crowd": (np.zeros(count, bool), bool),
        }
        for name, (default, kind) in columns.items():
            given = getattr(self, name)
            values = np.asarray(default if given is None else given, kind)
            if values.shape != (count,):
                raise BadInput(f"tubes: expected {count} {name}, one a tube, found shape {values.shape}")
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.masks)

    def take(self, at: np.ndarray) -> Tubes:
        """The tubes at these positions, in that order."""
        return Tubes(
            self.height,
            self.width,
            [self.masks[int(index)] for index in at],
            self.ids[at],
            self.categories[at],
            self.scores[at],
            self.crowd[at],
        )

    @cached_property
    def by_frame(self) -> dict[int, FrameTubes]:
        """What is on each frame that has any tube."""
        places: dict[int, tuple[list[int], list[str]]] = {}
        for at, masks in enumerate(self.masks):
            for frame, counts in masks.items():
                members, texts = places.setdefault(frame, ([], []))
                members.append(at)
                texts.append(counts)
        return {
            frame: FrameTubes(np.array(members), texts, *rle.areas_and_boxes(texts, self.height, self.width))
            for frame, (members, texts) in places.items()
        }

    def areas(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of each tube over all frames, int64 (N,), and frames with at least one pixel, int64 (N,)."""
        total, frames = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        for there in self.by_frame.values():
            total[there.members] += there.areas
            frames[there.members] += there.areas > 0
        return total, frames


def tube_iou(first: Tubes, second: Tubes, at_least: float = 0.0) -> np.ndarray:
    """Pixels two tubes share over pixels either has, summed over all frames: float64 (len(first), len(second)).

    A frame that only one of them is on adds to what either has; two empty tubes have IoU 0.

    Args:
        at_least: values below may be given as 0, except the largest of each column. Boxes and areas rule most pairs
            out, which need no masks then: worth it where most tubes have nothing to do with each other.

    Raises:
        BadInput: the videos differ in size.
    """
    if (first.height, first.width) != (second.height, second.width):
        raise BadInput(
            f"expected tubes of one video, found frames of {first.height} x {first.width} and {second.height} x "
            f"{second.width} (height x width)"
        )
    sums = first.areas()[0][:, None] + second.areas()[0][None]
    if at_least <= 0:
        return _over(_shared(first, second, np.ones(sums.shape, bool)), sums)
    bound = _over(_at_most(first, second), sums)
    wanted = (bound > 0) & (bound >= at_least)
    shared = _shared(first, second, wanted)
    more = ~wanted & (bound > _over(shared, sums).max(0, initial=0.0))
    if more.any():  # the best of a column is below `at_least`: find it among what was left out
        shared += _shared(first, second, more)
    return _over(shared, sums)


def _over(shared: np.ndarray, sums: np.ndarray) -> np.ndarray:
    either = sums - shared
    return np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)


def _at_most(first: Tubes, second: Tubes) -> np.ndarray:
    """More pixels than this no pair shares: on each frame no more than the smaller mask has, or both boxes have."""
    most = np.zeros((len(first), len(second)))
    one, other = first.by_frame, second.by_frame
    for frame in one.keys() & other.keys():
        mine, theirs = one[frame], other[frame]
        boxes, their_boxes = mine.boxes, theirs.boxes
        low, high = boxes[:, None, :2], boxes[:, None, :2] + boxes[:, None, 2:]
        their_low, their_high = their_boxes[:, :2], their_boxes[:, :2] + their_boxes[:, 2:]
        sides = np.maximum(np.minimum(high, their_high) - np.maximum(low, their_low), 0)
        both = np.minimum(
            sides[..., 0].astype(float) * sides[..., 1], np.minimum(mine.areas[:, None], theirs.areas)
        )
        most[np.ix_(mine.members, theirs.members)] += both
    return most


def _shared(first: Tubes, second: Tubes, wanted: np.ndarray) -> np.ndarray:
    """Pixels the wanted pairs share, float64; 0 elsewhere."""
    shared = np.zeros(wanted.shape)
    one, other = first.by_frame, second.by_frame
    for frame in one.keys() & other.keys():
        mine, theirs = one[frame], other[frame]
        pairs = wanted[np.ix_(mine.members, theirs.members)]
        if not pairs.any():
            continue
        iou = rle.iou_of_pairs(mine.counts, theirs.counts, pairs, first.height, first.width)
        # i = iou (a + b) / (1 + iou) is a whole number but for rounding
        pixels = np.rint(iou * (mine.areas[:, None] + theirs.areas) / (1 + iou))
        shared[np.ix_(mine.members, theirs.members)] += pixels
    return shared


def tubes_of_table(
    masks: pa.Table, summary: pa.Table | None = None, size_hw: tuple[int, int] | None = None
) -> Tubes:
    """Tubes of the rows of a mask table that have a track id, in order of track id.

    Args:
        masks: schema MASKS, of one scene.
        summary: track_id, category_id and score of each tube (schema TUBES); without it a tube's score is the mean over
            its masks (1 where none has a score), its category that of its first mask.
        size_hw: size of the frames, for a table that may have no rows.

    Raises:
        BadInput: frames of several sizes, or two masks of a track on one frame.
    """
    masks = masks.filter(pc.greater(masks.column("track_id"), 0))
    sizes = set(zip(masks.column("height").to_pylist(), masks.column("width").to_pylist(), strict=True))
    if len(sizes | ({size_hw} if size_hw else set())) > 1:
        raise BadInput(f"expected tubes in frames of one size, found (height, width) {sorted(sizes)[:4]}")
    height, width = size_hw or (sizes.pop() if sizes else (1, 1))
    names = ("track_id", "frame", "rle_counts", "category_id", "score", "source")
    tubes: dict[int, dict[int, str]] = {}
    facts: dict[int, tuple[int, bool, list[float]]] = {}
    for track, frame, counts, category, score, source in zip(
        *(masks.column(name).to_pylist() for name in names), strict=True
    ):
        tube = tubes.setdefault(track, {})
        if frame in tube:
            raise BadInput(f"expected one mask of track {track} on frame {frame}, found two")
        tube[frame] = counts
        known = facts.setdefault(track, (category, source == CROWD_SOURCE, []))[2]
        if score is not None:
            known.append(score)
    ids = sorted(tubes)
    categories = [facts[track][0] for track in ids]
    scores = [float(np.mean(facts[track][2])) if facts[track][2] else 1.0 for track in ids]
    if summary is not None:
        rows = {row["track_id"]: row for row in summary.to_pylist()}
        missing = [track for track in ids if track not in rows]
        if missing:
            raise BadInput(f"expected a summary of every tube, found none of track {missing[0]}")
        categories = [rows[track]["category_id"] for track in ids]
        scores = [rows[track]["score"] for track in ids]
    crowd = [facts[track][1] for track in ids]
    return Tubes(
        height, width, [tubes[track] for track in ids], np.array(ids, np.int64), np.array(categories, np.int64),
        np.array(scores, np.float64), np.array(crowd, bool),
    )  # fmt: skip


def table_of_tubes(
    scene: str, tubes: Tubes, source_frames: Sequence[int], source: str, *, scored: bool = True
) -> pa.Table:
    """Tubes as a table of schema MASKS, frame by frame; a tube's id becomes its track id.

    Args:
        source_frames: number of each frame in the whole footage.
        scored: false where the tubes' scores are not known: the table's are null then.

    Raises:
        BadInput: a tube's id is below 1, which means "no identity" in a table.
    """
    if len(tubes) and tubes.ids.min() < 1:
        raise BadInput(f"expected tubes with ids from 1, found {tubes.ids.min()}")
    rows = MaskRows(scene)
    for frame, there in sorted(tubes.by_frame.items()):
        for at, counts in zip(there.members.tolist(), there.counts, strict=True):
            rows.add(
                frame=frame, source_frame=source_frames[frame], height=tubes.height, width=tubes.width,
                rle_counts=counts, source=CROWD_SOURCE if tubes.crowd[at] else source, track_id=int(tubes.ids[at]),
                category_id=int(tubes.categories[at]), score=float(tubes.scores[at]) if scored else None,
            )  # fmt: skip
    return rows.to_table()
