"""From loose masks of one picture to a tree: wholes, and inside each the parts that are found next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segassets.masks import rle
from segassets.proposals.frame import FrameCandidates
from segassets.proposals.levels import Nesting, inside, outermost, shared_pixels, smallest_container
from segassets.proposals.regions import points_within

FRAME_SHARE = 0.95  # a mask of more than this share of the frame is the frame, not a thing in it
WHOLE_SHARE = 0.25  # of three outputs that agree, each gives a third of the answers


def choose_wholes(
    counts: list[str], height: int, width: int, nesting: Nesting, whole_share: np.ndarray
) -> np.ndarray:
    """Positions of the masks that are no part of another, or that the network itself calls wholes.

    Args:
        whole_share: float (N,), the share of a mask's answers that came from the network's last output, which is
            the one for wholes. A cup on a table is answered by it, a table's leg is not; so a mask that merges two
            things does not make parts of them.
    """
    areas = rle.areas(counts, height, width)
    usable = np.flatnonzero(areas <= FRAME_SHARE * height * width)
    texts, areas = [counts[at] for at in usable], areas[usable]
    nested = inside(rle.iou_matrix(texts, texts, height, width), areas, areas, nesting)
    return usable[outermost(nested) | (whole_share[usable] >= WHOLE_SHARE)]


def choose_children(
    counts: list[str], parents: list[str], height: int, width: int, nesting: Nesting
) -> tuple[np.ndarray, np.ndarray]:
    """Masks that are a part of a parent and of no other part of the same parent.

    Returns:
        int64 (K,) positions of the children in `counts`, int64 (K,) positions of their smallest `parents`.
    """
    areas = rle.areas(counts, height, width)
    parent_areas = rle.areas(parents, height, width)
    is_inside = inside(rle.iou_matrix(counts, parents, height, width), areas, parent_areas, nesting)
    owner = smallest_container(is_inside, parent_areas)
    eligible = np.flatnonzero(owner >= 0)
    texts, areas, owner = [counts[at] for at in eligible], areas[eligible], owner[eligible]
    nested = inside(rle.iou_matrix(texts, texts, height, width), areas, areas, nesting)
    first = outermost(nested & (owner[:, None] == owner[None, :]))
    return eligible[first], owner[first]


def clamp(children: list[str], parents: list[str], height: int, width: int) -> list[str]:
    """Each child without the pixels outside its parent."""
    return [
        rle.intersection([child, parent], height, width)
        for child, parent in zip(children, parents, strict=True)
    ]


def points_inside_parents(
    parents: list[str], height: int, width: int, prompted_xy: np.ndarray, count: int, min_area: int
) -> np.ndarray:
    """Points spread over every parent that has had fewer than `count` prompts: xy pixels float32 (N, 2).

    Args:
        prompted_xy: points the network has been asked already, float32 (N, 2).
        min_area: parents of fewer than twice this many pixels have no parts to find.
    """
    x = prompted_xy[:, 0].astype(int).clip(0, width - 1)
    y = prompted_xy[:, 1].astype(int).clip(0, height - 1)
    points = [np.zeros((0, 2), np.float32)]
    for parent in parents:
        mask = rle.decode(parent, height, width)
        if mask[y, x].sum() < count and mask.sum() >= 2 * max(1, min_area):
            points.append(points_within(mask, count))
    return np.concatenate(points)


def nest(candidates: FrameCandidates, nesting: Nesting, min_area: int) -> FrameCandidates:
    """The tree of candidates that come with levels, and perhaps without parents.

    A mask without a parent goes to the smallest mask that contains it at the nearest coarser level. A mask
    with a parent loses its pixels outside; what then repeats its parent or is too small is dropped.
    """
    height, width = candidates.height, candidates.width
    counts, parent = list(candidates.rle_counts), candidates.parent.copy()
    sound = np.ones(len(candidates), bool)
    levels = np.unique(candidates.level)
    for number, level in enumerate(levels):
        for coarser in levels[:number][::-1]:
            loose = np.flatnonzero((candidates.level == level) & (parent < 0))
            above = np.flatnonzero((candidates.level == coarser) & sound)
            texts = [counts[at] for at in loose], [counts[at] for at in above]
            parent[loose] = np.append(above, -1)[enclosing(*texts, height, width, nesting.containment)]
        nested = np.flatnonzero((candidates.level == level) & (parent >= 0))
        parents = [counts[at] for at in parent[nested]]
        clamped = clamp([counts[at] for at in nested], parents, height, width)
        areas, limits = (
            rle.areas(clamped, height, width),
            nesting.max_share * rle.areas(parents, height, width),
        )
        sound[nested] = (areas <= limits) & (areas >= max(1, min_area))
        for at, text in zip(nested, clamped, strict=True):
            counts[at] = text
    whole = replace(candidates, rle_counts=counts, parent=parent)
    return whole.select(np.flatnonzero(sound))


def enclosing(
    counts: list[str], others: list[str], height: int, width: int, containment: float
) -> np.ndarray:
    """Position of the smallest of the others that holds a `containment` share of each mask, -1 = none."""
    areas, other_areas = rle.areas(counts, height, width), rle.areas(others, height, width)
    shared = shared_pixels(rle.iou_matrix(counts, others, height, width), areas, other_areas)
    return smallest_container(shared >= containment * areas[:, None], other_areas)
