"""Tubes against true tubes over many videos: YTVIS's AP and AR, with and without categories, LV-VIS's base and novel.

    evaluation = VisEvaluation()
    for truth, predicted in videos:
        evaluation.add(truth, predicted)
    scores = evaluation.scores(categories)
    scores.agnostic["ap50"], scores.per_class["ap"], scores.base["ap"]

A video's masks are needed only while it is added. A tube's area is the mean over the frames it is on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segassets.evaluation.vis_curves import Curves, curves
from segassets.evaluation.vis_matching import IOU_THRESHOLDS, MAX_DETECTIONS, Matches, match
from segassets.masks.tubes import Tubes, tube_iou

FIGURES: dict[str, str] = {
    "ap": "average precision, mean over IoU .50 to .95",
    "ap50": "average precision at IoU .50",
    "ap75": "average precision at IoU .75",
    "ap_s": "AP of tubes of at most 128 x 128 pixels (mean over the frames they are on)",
    "ap_m": "AP of tubes of 128 x 128 to 256 x 256 pixels",
    "ap_l": "AP of tubes of at least 256 x 256 pixels",
    "ar1": "average recall with one prediction a video (a video and category, when there are categories)",
    "ar10": "average recall with ten predictions",
    "ar100": "average recall with a hundred predictions",
    "ar_s": "AR100 of small tubes",
    "ar_m": "AR100 of medium tubes",
    "ar_l": "AR100 of large tubes",
    "recall50": "recall at IoU .50 with a hundred predictions",
}
BASE, NOVEL = (0, 1), (2, 3)  # LV-VIS's `partition` of a category


@dataclass(frozen=True)
class VisScores:
    """What an evaluation found. A figure is None where there was nothing to find.

    Attributes:
        agnostic: FIGURES with all tubes taken as of one category, and `mean_best_iou`, the IoU of the best prediction,
            mean over true tubes: with `ar*` and `recall50` what still counts where not everything is annotated.
        per_class: FIGURES, means over the categories that have true tubes.
        base, novel: the same over LV-VIS's base and novel categories; None when partitions were not given.
        categories: one row a category with true tubes: category_id, name, true_tubes, and FIGURES.
        counts: videos, true_tubes, crowds, predictions, `predictions_without_category` (of categories that have no true
            tubes: no figure with categories sees them).
        curves: precision and recall by category (in the order of `categories`); `agnostic_curves` of all taken as one.
    """

    agnostic: dict[str, float | None]
    per_class: dict[str, float | None]
    base: dict[str, float | None] | None
    novel: dict[str, float | None] | None
    categories: list[dict[str, Any]]
    counts: dict[str, int]
    curves: Curves
    agnostic_curves: Curves

    def metric_rows(self, scope: str, asset: str) -> list[dict[str, Any]]:
        """Rows of schema METRICS; `scope` is the scene or experiment."""
        tubes = self.counts["true_tubes"]
        groups = {"class-agnostic": self.agnostic, "mean over categories": self.per_class}
        groups |= {
            f"{name} categories": part for name, part in (("base", self.base), ("novel", self.novel)) if part
        }
        return [
            {"scene": scope, "asset": asset, "metric": name, "value": value, "n": tubes, "aggregation": group}
            for group, figures in groups.items()
            for name, value in figures.items()
        ]


@dataclass
class VisEvaluation:
    """Takes videos one by one, then gives the scores."""

    _groups: dict[int, list[Matches]] = field(default_factory=dict)
    _all: list[Matches] = field(default_factory=list)
    _best: list[np.ndarray] = field(default_factory=list)
    _true: dict[int, int] = field(default_factory=dict)
    _predicted: dict[int, int] = field(default_factory=dict)
    _videos: int = 0
    _crowds: int = 0

    def add(self, truth: Tubes, predicted: Tubes) -> None:
        """Take in one video; either may be empty.

        Raises:
            BadInput: the two differ in size.
        """
        truth, predicted = (_by_category(tubes) for tubes in (truth, predicted))
        iou = tube_iou(predicted, truth, at_least=IOU_THRESHOLDS[0])  # less matches nothing
        areas, true_areas = mean_areas(predicted), mean_areas(truth)
        self._all.append(match(iou, predicted.scores, areas, true_areas, truth.crowd))
        for category in np.union1d(truth.categories, predicted.categories).tolist():
            rows = np.flatnonzero(predicted.categories == category)
            columns = np.flatnonzero(truth.categories == category)
            found = match(
                iou[np.ix_(rows, columns)], predicted.scores[rows], areas[rows], true_areas[columns],
                truth.crowd[columns],
            )  # fmt: skip
            self._groups.setdefault(category, []).append(found)
            self._true[category] = self._true.get(category, 0) + int((~truth.crowd[columns]).sum())
            self._predicted[category] = self._predicted.get(category, 0) + len(rows)
        best = iou.max(0) if len(iou) else np.zeros(len(truth))
        self._best.append(best[~truth.crowd])
        self._videos += 1
        self._crowds += int(truth.crowd.sum())

    def scores(
        self, categories: Mapping[int, str] | None = None, partitions: Mapping[int, int] | None = None
    ) -> VisScores:
        """The figures over all videos added.

        Args:
            categories: names by id.
            partitions: LV-VIS's partition of each category id: 0 and 1 are base, 2 and 3 novel.
        """
        known = sorted(category for category, count in self._true.items() if count)
        parted = curves([self._groups[category] for category in known])
        whole = curves([self._all])
        best = np.concatenate(self._best) if self._best else np.zeros(0)
        by_category = figures_of(parted)
        agnostic = {name: _plain(values[0]) for name, values in figures_of(whole).items()}
        return VisScores(
            agnostic={**agnostic, "mean_best_iou": float(best.mean()) if len(best) else None},
            per_class=_means(parted, None),
            base=None if partitions is None else _means(parted, _members(known, partitions, BASE)),
            novel=None if partitions is None else _means(parted, _members(known, partitions, NOVEL)),
            categories=[
                {
                    "category_id": category,
                    "name": (categories or {}).get(category, str(category)),
                    "true_tubes": self._true[category],
                    **{name: _plain(values[at]) for name, values in by_category.items()},
                }
                for at, category in enumerate(known)
            ],
            counts={
                "videos": self._videos,
                "true_tubes": sum(self._true.values()),
                "crowds": self._crowds,
                "predictions": sum(self._predicted.values()),
                "predictions_without_category": sum(
                    count for category, count in self._predicted.items() if not self._true[category]
                ),
            },
            curves=parted,
            agnostic_curves=whole,
        )


def figures_of(found: Curves) -> dict[str, np.ndarray]:
    """FIGURES by category, float64 (K,), nan where a category has no true tube in the range."""
    precision, recall = found.average_precision, found.average_recall
    values = {"ap": precision(), "ap50": precision(0.5), "ap75": precision(0.75)}
    values |= {f"ap_{area}": precision(area=area) for area in "sml"}
    values |= {f"ar{limit}": recall(limit) for limit in MAX_DETECTIONS}
    values |= {f"ar_{area}": recall(area=area) for area in "sml"}
    return values | {"recall50": recall(threshold=0.5)}


def mean_areas(tubes: Tubes) -> np.ndarray:
    """Mean pixels of each tube over the frames it is on, float64 (N,); 0 of an empty one."""
    total, frames = tubes.areas()
    return total / np.maximum(frames, 1)


def _by_category(tubes: Tubes) -> Tubes:
    """In order of category, so that ties of the score fall as they do in YTVIS's evaluator."""
    return tubes.take(np.argsort(tubes.categories, kind="stable"))


def _members(known: Sequence[int], partitions: Mapping[int, int], wanted: Sequence[int]) -> np.ndarray:
    return np.array([partitions.get(category) in wanted for category in known], bool)


def _means(found: Curves, members: np.ndarray | None) -> dict[str, float | None]:
    """FIGURES, mean over the categories (of `members`, when given) that have true tubes in the range."""
    means: dict[str, float | None] = {}
    for name, values in figures_of(found).items():
        chosen = values if members is None else values[members]
        chosen = chosen[np.isfinite(chosen)]
        means[name] = float(chosen.mean()) if len(chosen) else None
    return means


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
