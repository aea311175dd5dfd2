"""How alike two masks are: IoU and Dice of pairs, as arrays or as run lengths.

Two empty masks agree fully (1), an empty and a filled one not at all (0).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segassets.errors import BadInput
from segassets.masks import rle


def pair_iou(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Intersection over union of boolean masks (..., H, W), pair by pair: float64 (...)."""
    both, one, other = _counts(predicted, truth)
    return _share(both, one + other - both)


def pair_dice(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Dice, twice the intersection over the sum of areas, of boolean masks (..., H, W): float64 (...)."""
    both, one, other = _counts(predicted, truth)
    return _share(2 * both, one + other)


def pair_iou_rle(predicted: Sequence[str], truth: Sequence[str], height: int, width: int) -> np.ndarray:
    """IoU of run lengths, pair by pair: float64 (N,)."""
    if len(predicted) != len(truth):
        raise BadInput(f"expected as many predicted as true masks, found {len(predicted)} and {len(truth)}")
    met = [rle.intersection([a, b], height, width) for a, b in zip(predicted, truth, strict=True)]
    both, one, other = (rle.areas(list(masks), height, width) for masks in (met, predicted, truth))
    return _share(both, one + other - both)


def _counts(predicted: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    predicted, truth = np.asarray(predicted, bool), np.asarray(truth, bool)
    if predicted.shape != truth.shape or predicted.ndim < 2:
        raise BadInput(f"expected masks (..., H, W) of one shape, found {predicted.shape} and {truth.shape}")
    return tuple(  # type: ignore[return-value]
        np.count_nonzero(masks, axis=(-2, -1)) for masks in (predicted & truth, predicted, truth)
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), 1.0)
