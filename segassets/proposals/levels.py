"""Levels of granularity: what their numbers mean, and when one mask is a part of another.

Levels are My3DIS's: 1 and 2 are wholes (furniture, a person, a wall), 3 and 4 their parts, 5 and 6 parts of
parts. The pairs exist because Semantic-SAM tells six granularities apart; SAM 2 tells three, so one of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

LEVEL_NAMES = {1: "whole", 2: "whole", 3: "part", 4: "part", 5: "sub-part", 6: "sub-part"}


def check_levels(levels: Sequence[int]) -> list[int]:
    """The levels as a list.

    Raises:
        ValueError: there are none, one is not in 1..6, or they do not increase strictly.
    """
    levels = list(levels)
    known = set(levels) <= set(LEVEL_NAMES)
    if not levels or not known or any(b <= a for a, b in pairwise(levels)):
        raise ValueError(
            "expected strictly increasing levels of 1..6 (1, 2 whole; 3, 4 part; 5, 6 sub-part), "
            f"e.g. [2, 4, 6], found {levels}"
        )
    return levels


def depth_of(level: int) -> int:
    """0 for wholes, 1 for parts, 2 for sub-parts."""
    return (level - 1) // 2


@dataclass(frozen=True)
class Nesting:
    """When one mask counts as a part of another.

    Attributes:
        containment: least share of the part's pixels inside the other.
        max_share: largest share of the other's pixels that the part may cover; beyond, it repeats it.
    """

    containment: float = 0.85
    max_share: float = 0.8


def shared_pixels(iou: np.ndarray, first_areas: np.ndarray, second_areas: np.ndarray) -> np.ndarray:
    """Intersections in pixels (N, M) from IoU (N, M) and areas."""
    total = np.asarray(first_areas, float)[:, None] + np.asarray(second_areas, float)[None, :]
    return iou * total / (1 + iou)


def inside(
    iou: np.ndarray, child_areas: np.ndarray, parent_areas: np.ndarray, nesting: Nesting
) -> np.ndarray:
    """Bool (N, M): mask n is a part of mask m."""
    shared = shared_pixels(iou, child_areas, parent_areas)
    children = np.asarray(child_areas, float)[:, None]
    parents = np.asarray(parent_areas, float)[None, :]
    enclosed = shared >= nesting.containment * children
    return enclosed & (shared <= nesting.max_share * parents) & (children < parents)


def smallest_container(is_inside: np.ndarray, parent_areas: np.ndarray) -> np.ndarray:
    """Position of the smallest mask each is a part of, -1 for none; int64 (N,)."""
    if is_inside.shape[1] == 0:
        return np.full(len(is_inside), -1, np.int64)
    areas = np.where(is_inside, np.asarray(parent_areas, float)[None, :], np.inf)
    return np.where(is_inside.any(1), areas.argmin(1), -1)


def outermost(is_inside: np.ndarray) -> np.ndarray:
    """Bool (N,): masks that are no part of another of the same collection; `is_inside` is (N, N)."""
    return np.logical_not(is_inside.any(axis=1))
