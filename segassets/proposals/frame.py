"""Candidates of one picture as columns: what an engine returns, before they become rows of a mask table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from segassets.masks import rle


@dataclass
class FrameCandidates:
    """N masks of one picture, of any levels, in any order.

    Attributes:
        height, width: pixels of the picture.
        rle_counts: compressed counts, one per mask.
        level: int8 (N,).
        parent: int64 (N,), position of the enclosing mask in this collection, -1 = none.
        stability, predicted_iou: float32 (N,), nan where unknown.
        source: "candidate" or "gap_fill", one per mask.
    """

    height: int
    width: int
    rle_counts: list[str] = field(default_factory=list)
    level: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))
    parent: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    stability: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    predicted_iou: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    source: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rle_counts)

    @property
    def score(self) -> np.ndarray:
        """See `combined_score`; float32 (N,)."""
        return combined_score(self.stability, self.predicted_iou)

    @property
    def areas(self) -> np.ndarray:
        """Pixels, int64 (N,)."""
        return rle.areas(self.rle_counts, self.height, self.width)

    def select(self, positions: Sequence[int] | np.ndarray) -> FrameCandidates:
        """Some of the masks, in the order given; children of the others go to the nearest kept ancestor."""
        kept = np.asarray(positions, np.int64)
        return FrameCandidates(
            self.height,
            self.width,
            [self.rle_counts[at] for at in kept],
            self.level[kept],
            reparent(self.parent, kept)[kept],
            self.stability[kept],
            self.predicted_iou[kept],
            [self.source[at] for at in kept],
        )

    def followed_by(self, other: FrameCandidates) -> FrameCandidates:
        """These masks, then the other's."""
        shifted = np.where(other.parent >= 0, other.parent + len(self), -1)
        return FrameCandidates(
            self.height,
            self.width,
            self.rle_counts + other.rle_counts,
            np.concatenate([self.level, other.level]),
            np.concatenate([self.parent, shifted]),
            np.concatenate([self.stability, other.stability]),
            np.concatenate([self.predicted_iou, other.predicted_iou]),
            self.source + other.source,
        )


def combined_score(stability: np.ndarray, predicted_iou: np.ndarray) -> np.ndarray:
    """Stability x predicted IoU; where one is nan the other alone; nan where both are. float32 (N,)."""
    factors = [np.where(np.isnan(values), 1, values) for values in (stability, predicted_iou)]
    product = factors[0] * factors[1]
    return np.where(np.isnan(stability) & np.isnan(predicted_iou), np.nan, product).astype(np.float32)


def reparent(parent: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """New position of each mask's nearest kept ancestor, int64 (N,); -1 = none.

    Args:
        parent: position of the parent, -1 = none; int64 (N,).
        kept: old positions in their new order.
    """
    new_position = np.full(len(parent) + 1, -1, np.int64)  # the last entry answers for parent -1
    new_position[kept] = np.arange(len(kept))
    ancestor = np.asarray(parent, np.int64).copy()
    while (lost := (ancestor >= 0) & (new_position[ancestor] < 0)).any():
        ancestor[lost] = parent[ancestor[lost]]
    return new_position[ancestor]
