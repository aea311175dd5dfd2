"""IoU, Dice and mean absolute error of one mask, from counts of pixels, at one threshold or at a whole grid of them.

A pixel is foreground from its threshold on (`>=`), compared in float32. Two empty masks agree fully (1), or are not
judged (nan) where the caller says so; an empty and a filled one do not agree at all (0).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segassets.errors import BadInput


def count_at_thresholds(
    probabilities: np.ndarray, truth: np.ndarray, thresholds: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Foreground pixels, and how many of them are truly foreground, at each of K thresholds: int64 (K,), (K,).

    One pass: histograms of the probabilities with the thresholds as bin edges. Only pixels between the lowest and the
    highest threshold are sorted into bins, which are few: the rest lies in the first or the last one.

    Args:
        probabilities: (H, W) floats in [0, 1]; no nan.
        truth: boolean (H, W).
        thresholds: ascending.
    """
    _same_shape(probabilities, truth)
    edges = np.asarray(thresholds, np.float32)
    flat, true = np.asarray(probabilities, np.float32).ravel(), np.asarray(truth, bool).ravel()
    lowest, highest = flat >= edges[0], flat >= edges[-1]
    between = np.flatnonzero(lowest ^ highest)
    values = flat[between]
    bins = np.zeros(len(values), np.min_scalar_type(len(edges)))
    for edge in edges[1:-1]:  # on a short grid much faster than a binary search for each value
        bins += values >= edge
    hits = bins[true[between]]
    predicted, hit = (np.bincount(found, minlength=len(edges)) for found in (bins, hits))
    predicted[-1], hit[-1] = np.count_nonzero(highest), np.count_nonzero(highest & true)
    return _from_above(predicted), _from_above(hit)


def count_brute_force(
    probabilities: np.ndarray, truth: np.ndarray, thresholds: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """What `count_at_thresholds` counts, one threshold after the other: its reference in tests and measurements."""
    _same_shape(probabilities, truth)
    flat = np.asarray(probabilities, np.float32)
    masks = [flat >= np.float32(threshold) for threshold in thresholds]
    predicted = [np.count_nonzero(mask) for mask in masks]
    return np.array(predicted, np.int64), np.array(
        [np.count_nonzero(mask & truth) for mask in masks], np.int64
    )


def iou_of_counts(
    predicted: np.ndarray, hit: np.ndarray, truth: np.ndarray, both_empty: float = 1.0
) -> np.ndarray:
    """Intersection over union from pixel counts of any common shape: float64.

    Args:
        predicted, hit, truth: pixels of the prediction, of both masks, of the truth.
        both_empty: the value where neither has a pixel, e.g. nan.
    """
    predicted, hit, truth = (np.asarray(counts, np.int64) for counts in (predicted, hit, truth))
    return _share(hit, predicted + truth - hit, both_empty)


def dice_of_counts(
    predicted: np.ndarray, hit: np.ndarray, truth: np.ndarray, both_empty: float = 1.0
) -> np.ndarray:
    """Dice, twice the intersection over the sum of areas; arguments as in `iou_of_counts`."""
    predicted, hit, truth = (np.asarray(counts, np.int64) for counts in (predicted, hit, truth))
    return _share(2 * hit, predicted + truth, both_empty)


def mean_absolute_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the pixels of |probability - truth|; (H, W) each."""
    _same_shape(probabilities, truth)
    values = np.asarray(probabilities, np.float32)
    inside = float(values[truth].sum(dtype=np.float64))
    everywhere = float(values.sum(dtype=np.float64))
    return (everywhere - 2 * inside + np.count_nonzero(truth)) / values.size


def _from_above(counts: np.ndarray) -> np.ndarray:
    """Counts of pixels at or above each edge, from counts a bin."""
    return np.cumsum(counts[::-1])[::-1].astype(np.int64)


def _share(part: np.ndarray, whole: np.ndarray, both_empty: float) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), both_empty)


def _same_shape(probabilities: np.ndarray, truth: np.ndarray) -> None:
    if probabilities.shape != truth.shape or probabilities.ndim != 2:
        raise BadInput(
            f"expected probabilities and a mask of one (height, width), found {probabilities.shape} and {truth.shape}"
        )
