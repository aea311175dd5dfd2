"""Precision and recall of tubes over all videos, from the matches of each: the arrays YTVIS's evaluator makes.

-1 stands for "there was nothing to find"; the figures leave such entries out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segassets.evaluation.vis_matching import AREA_RANGES, IOU_THRESHOLDS, MAX_DETECTIONS, Matches

RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class Curves:
    """Precision float64 (thresholds, 101 recalls, categories, areas) at the most detections; recall float64
    (thresholds, categories, areas, detections)."""

    precision: np.ndarray
    recall: np.ndarray

    def average_precision(self, threshold: float | None = None, area: str = "all") -> np.ndarray:
        """By category, float64 (K,): the mean over thresholds (or at one) and recalls; nan without true tubes."""
        values = self.precision[self._rows(threshold), :, :, list(AREA_RANGES).index(area)]
        return _mean_of_known(np.concatenate(values))

    def average_recall(
        self, detections: int = MAX_DETECTIONS[-1], area: str = "all", threshold: float | None = None
    ) -> np.ndarray:
        """By category, float64 (K,); nan without true tubes."""
        index = MAX_DETECTIONS.index(detections)
        return _mean_of_known(self.recall[self._rows(threshold), :, list(AREA_RANGES).index(area), index])

    @staticmethod
    def _rows(threshold: float | None) -> np.ndarray:
        rows = np.arange(len(IOU_THRESHOLDS))
        return rows if threshold is None else rows[np.isclose(IOU_THRESHOLDS, threshold)]


def curves(by_category: Sequence[Sequence[Matches]]) -> Curves:
    """The curves of categories, each given by its matches in every video."""
    shape = (len(IOU_THRESHOLDS), len(by_category), len(AREA_RANGES))
    precision = np.full((shape[0], len(RECALLS), *shape[1:]), -1.0)
    recall = np.full((*shape, len(MAX_DETECTIONS)), -1.0)
    for category, matches in enumerate(by_category):
        expected = np.sum([item.expected for item in matches], axis=0) if matches else np.zeros(shape[2])
        for area in np.flatnonzero(expected):
            for index, limit in enumerate(MAX_DETECTIONS):
                right, wrong = _running(matches, int(area), limit)
                recall[:, category, area, index] = right[:, -1] / expected[area] if right.shape[1] else 0.0
            precision[:, :, category, area] = _envelope(right, wrong, expected[area])
    return Curves(precision, recall)


def _running(matches: Sequence[Matches], area: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Right and wrong predictions so far, from the highest score down: float64 (T, D) each."""
    scores = np.concatenate([item.scores[:limit] for item in matches])
    order = np.argsort(-scores, kind="mergesort")
    matched = np.concatenate([item.matched[area, :, :limit] for item in matches], axis=1)[:, order]
    judged = ~np.concatenate([item.ignored[area, :, :limit] for item in matches], axis=1)[:, order]
    return np.cumsum(matched & judged, axis=1, dtype=float), np.cumsum(~matched & judged, axis=1, dtype=float)


def _envelope(right: np.ndarray, wrong: np.ndarray, expected: int) -> np.ndarray:
    """Precision at the 101 recalls, float64 (T, 101): the best at this recall or beyond, 0 where never reached."""
    precision = right / (right + wrong + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    found = np.zeros((len(right), len(RECALLS)))
    for row, recall in enumerate(right / expected):
        at = np.searchsorted(recall, RECALLS, side="left")
        known = at < len(recall)
        found[row, known] = precision[row, at[known]]
    return found


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over rows of the entries that are not -1; nan where there is none."""
    known = values > -1
    count = known.sum(0)
    total = np.where(known, values, 0.0).sum(0)
    return np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)
