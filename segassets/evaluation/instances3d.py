"""3D instances against true ones over many scenes: AP25, AP50 and AP as ScanNet's benchmark computes them.

    evaluation = InstanceEvaluation()
    for truth, predicted in scenes:
        evaluation.add(truth, predicted)
    scores = evaluation.scores()

An instance is the set of cells (cubes of `CELL_M`) that its surface points fall in; IoU is counted in cells. A cell off
the true surface counts against its prediction, as one on another object does. Categories are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from segassets.evaluation.precision import Matches, average_precision, match_scene

CELL_M = 0.04
LEAST_CELLS = 10  # smaller true objects are neither asked for nor held against a prediction
THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(9))  # ScanNet's: .50 to .90

FIGURES: dict[str, str] = {
    "ap": "average precision, mean over IoU .50 to .90",
    "ap50": "average precision at IoU .50",
    "ap25": "average precision at IoU .25",
    "recall50": "share of true instances with a prediction of IoU .50",
    "mean_best_iou": "IoU of the best prediction, mean over true instances",
}
_COUNTED = ("scenes", "true_instances", "ignored_instances", "predictions")


@dataclass(frozen=True)
class Surface:
    """Instances of one scene as sets of cells.

    Attributes:
        cells: ascending keys int64 of each instance, see `segassets.lifting.cells.cell_keys`.
        scores: (N,) confidence of each; ones for true instances.
    """

    cells: Sequence[np.ndarray]
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.cells)


@dataclass
class InstanceEvaluation:
    """Takes scenes one by one, then gives the scores.

    Args:
        least_cells: true instances of fewer cells are ignored, and so are predictions that lie on them.

    Attributes:
        counts: scenes, true_instances, ignored_instances and predictions so far.
    """

    least_cells: int = LEAST_CELLS
    _matches: dict[float, list[Matches]] = field(default_factory=dict)
    _best: list[float] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))

    def add(self, truth: Surface, predicted: Surface) -> None:
        """Take in one scene; either may be empty."""
        iou = surface_iou(predicted.cells, truth.cells)
        judged = np.array([len(cells) >= self.least_cells for cells in truth.cells], bool)
        on_ignored = _share_on(predicted.cells, [truth.cells[at] for at in np.flatnonzero(~judged).tolist()])
        for threshold in (0.25, *THRESHOLDS):
            found = match_scene(iou[:, judged], predicted.scores, on_ignored, threshold)
            self._matches.setdefault(threshold, []).append(found)
        self._best += iou[:, judged].max(0, initial=0).tolist()
        for name, count in zip(
            _COUNTED, (1, int(judged.sum()), int((~judged).sum()), len(predicted)), strict=True
        ):
            self.counts[name] += count

    def scores(self) -> dict[str, float | int | None]:
        """FIGURES (None without true instances), then how many scenes and instances they are of."""
        if not self.counts["true_instances"]:
            return {**dict.fromkeys(FIGURES), **self.counts}
        at = {threshold: average_precision(found) for threshold, found in self._matches.items()}
        return {
            "ap": float(np.mean([at[threshold] for threshold in THRESHOLDS])),
            "ap50": at[0.5],
            "ap25": at[0.25],
            "recall50": float(np.mean(np.array(self._best) > 0.5)),
            "mean_best_iou": float(np.mean(self._best)),
            **self.counts,
        }


def surface_iou(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """IoU float64 (len(first), len(second)) of sets of cells; two empty sets have IoU 0."""
    found = np.zeros((len(first), len(second)))
    for row, one in enumerate(first):
        for column, two in enumerate(second):
            shared = len(np.intersect1d(one, two, assume_unique=True))
            found[row, column] = shared / max(len(one) + len(two) - shared, 1)
    return found


def _share_on(predicted: Sequence[np.ndarray], ignored: Sequence[np.ndarray]) -> np.ndarray:
    """(P,) share of each prediction's cells that lie on ignored true instances."""
    if not ignored:
        return np.zeros(len(predicted))
    cells = np.unique(np.concatenate(list(ignored)))
    return np.array([np.isin(own, cells).mean() if len(own) else 0.0 for own in predicted])


def surface_of(points: Mapping[int, np.ndarray], scores: Mapping[int, float] | None = None) -> Surface:
    """The surface of instances given by points (N, 3) in metres, in order of id."""
    from segassets.lifting.cells import cell_keys

    ids = sorted(points)
    cells = [np.unique(cell_keys(points[number], CELL_M)) for number in ids]
    return Surface(cells, np.array([1.0 if scores is None else scores[number] for number in ids], float))
