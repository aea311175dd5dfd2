"""AP of 3D instances against one computed the long way round: every threshold, every prediction, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.evaluation.instances3d import THRESHOLDS, InstanceEvaluation, Surface, surface_of
from segassets.evaluation.precision import Matches, average_precision, match_scene


def surface(parts: list[range], scores: list[float] | None = None) -> Surface:
    return Surface(
        [np.array(part, np.int64) for part in parts], np.array(scores or [1.0] * len(parts), float)
    )


def slow_ap(scenes: list[tuple[Surface, Surface]], threshold: float, least: int) -> float:
    """ScanNet's rules, told again: at every confidence, count; then the trapezoids under precision over recall."""
    judged: list[tuple[float, bool]] = []
    missed = 0
    for truth, predicted in scenes:
        used = set()
        for cells in (set(part.tolist()) for part in truth.cells):
            if len(cells) < least:
                continue
            hits = []
            for at, own in enumerate(map(set, predicted.cells)):
                if len(own & cells) / len(own | cells) > threshold:
                    hits.append(at)
            used |= set(hits)
            hits.sort(key=lambda at: -predicted.scores[at])
            judged += [(float(predicted.scores[at]), rank == 0) for rank, at in enumerate(hits)]
            missed += not hits
        small = set().union(*[set(part.tolist()) for part in truth.cells if len(part) < least])
        for at, own in enumerate(map(set, predicted.cells)):
            if at not in used and len(own & small) / len(own) <= threshold:
                judged.append((float(predicted.scores[at]), False))
    expected = sum(right for _, right in judged) + missed
    curve = [(0.0, 1.0)]
    for limit in sorted({score for score, _ in judged}, reverse=True):
        kept = [right for score, right in judged if score >= limit]
        curve.append((sum(kept) / expected, sum(kept) / len(kept)))
    recall, precision = np.array(curve).T
    return float(np.trapezoid(precision, recall) if hasattr(np, "trapezoid") else np.trapz(precision, recall))


def random_scene(rng: np.random.Generator) -> tuple[Surface, Surface]:
    truth, predicted, at = [], [], 0
    for _ in range(int(rng.integers(0, 7))):
        size = int(rng.integers(4, 60))
        truth.append(range(at, at + size))
        for _ in range(int(rng.integers(0, 3))):
            low = at + int(rng.integers(-5, size // 2 + 1))
            predicted.append(range(max(low, 0), max(low, 0) + int(rng.integers(3, size + 6))))
        at += size
    scores = np.round(rng.random(len(predicted)), 1).tolist()  # ties on purpose
    return surface(truth), Surface([np.array(part) for part in predicted], np.array(scores, float))


@pytest.mark.parametrize("seed", range(6))
def test_against_the_long_way(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenes = [random_scene(rng) for _ in range(5)]
    evaluation = InstanceEvaluation(least_cells=10)
    for truth, predicted in scenes:
        evaluation.add(truth, predicted)
    found = evaluation.scores()
    assert found["ap25"] == pytest.approx(slow_ap(scenes, 0.25, 10))
    assert found["ap50"] == pytest.approx(slow_ap(scenes, 0.5, 10))
    assert found["ap"] == pytest.approx(np.mean([slow_ap(scenes, at, 10) for at in THRESHOLDS]))


@pytest.mark.parametrize(
    ("truth", "predicted", "scores", "ap50", "recall"),
    [
        ([range(20)], [range(20)], [0.1], 1.0, 1.0),
        ([range(20)], [], [], 0.0, 0.0),
        ([range(20), range(30, 50)], [range(20)], [0.5], 0.5, 0.5),
        ([range(20)], [range(20), range(100, 130)], [0.9, 0.5], 1.0, 1.0),  # a wrong one below costs nothing
        ([range(20)], [range(20), range(20)], [0.5, 0.9], 1.0, 1.0),  # twice the same: the surer one counts
        (
            [range(20), range(30, 33)],
            [range(20), range(30, 33)],
            [0.5, 0.9],
            1.0,
            1.0,
        ),  # too small to be asked for
        ([range(20)], [range(10)], [0.5], 0.0, 0.0),  # IoU .5 does not exceed .5
    ],
)
def test_small_cases(
    truth: list[range], predicted: list[range], scores: list[float], ap50: float, recall: float
) -> None:
    evaluation = InstanceEvaluation()
    evaluation.add(surface(truth), surface(predicted, scores))
    found = evaluation.scores()
    assert found["ap50"] == pytest.approx(ap50) and found["recall50"] == pytest.approx(recall)


def test_nothing_to_find() -> None:
    evaluation = InstanceEvaluation()
    evaluation.add(surface([]), surface([range(5)]))
    assert evaluation.scores()["ap50"] is None and evaluation.scores()["predictions"] == 1
    with pytest.raises(ValueError, match="at least one"):
        average_precision([Matches(np.zeros(0), np.zeros(0, bool), 0)])
    assert match_scene(np.zeros((0, 0)), np.zeros(0), np.zeros(0), 0.5).missed == 0


def test_points_become_cells() -> None:
    found = surface_of(
        {2: np.array([[0, 0, 0.001], [0, 0, 0.002], [1.0, 0, 0]]), 1: np.zeros((1, 3))}, {1: 0.1, 2: 0.9}
    )
    assert [len(cells) for cells in found.cells] == [1, 2] and found.scores.tolist() == [0.1, 0.9]
