"""Average precision by ScanNet's rules, from the matches of each scene at one IoU threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Matches:
    """Predictions of one scene that are judged, and true instances that nothing found.

    Attributes:
        scores: (P,) confidences.
        right: (P,) bool.
        missed: true instances without a prediction.
    """

    scores: np.ndarray
    right: np.ndarray
    missed: int


def match_scene(iou: np.ndarray, scores: np.ndarray, on_ignored: np.ndarray, threshold: float) -> Matches:
    """Which predictions are right.

    A true instance is found by the most confident prediction whose IoU exceeds the threshold; further ones are
    wrong. A prediction that finds nothing is wrong too, unless more than the threshold's share of it lies on ignored
    instances: then it is not judged.

    Args:
        iou: (P, T) of predictions and true instances.
        on_ignored: (P,) share of each prediction that lies on instances that are not judged.
    """
    over = iou > threshold
    judged_scores, judged_right, missed = [], [], 0
    for column in over.T:
        own = np.sort(scores[column])[::-1]
        judged_scores += own.tolist()
        judged_right += [True, *[False] * (len(own) - 1)][: len(own)]
        missed += len(own) == 0
    lone = ~over.any(1) & (on_ignored <= threshold)
    judged_scores += scores[lone].tolist()
    judged_right += [False] * int(lone.sum())
    return Matches(np.array(judged_scores, float), np.array(judged_right, bool), missed)


def average_precision(matches: Sequence[Matches]) -> float:
    """Area under precision over recall of all scenes together; 0 without predictions.

    The curve has a point for each distinct confidence and ends at recall 0, precision 1; between its points it is
    straight.

    Raises:
        ValueError: there are no true instances.
    """
    scores = np.concatenate([item.scores for item in matches])
    right = np.concatenate([item.right for item in matches])
    expected = int(right.sum()) + sum(item.missed for item in matches)
    if expected == 0:
        raise ValueError("expected at least one true instance")
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(right[order])
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True)) if len(order) else np.zeros(0, int)
    precision = np.concatenate([[1.0], found[last] / (last + 1)])
    recall = np.concatenate([[0.0], found[last] / expected])
    return float((np.diff(recall) * (precision[1:] + precision[:-1]) / 2).sum())
