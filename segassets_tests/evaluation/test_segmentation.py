"""Counts at thresholds against brute force; IoU, Dice, MAE against torchmetrics and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_f1_score, binary_jaccard_index
from torchmetrics.functional.regression import mean_absolute_error as reference_mae

from segassets.errors import BadInput
from segassets.evaluation.prompts import EvaluationConfig
from segassets.evaluation.segmentation import (
    count_at_thresholds,
    count_brute_force,
    dice_of_counts,
    iou_of_counts,
    mean_absolute_error,
)

GRID = EvaluationConfig().thresholds
EDGES = np.array([0.0, *GRID, 1.0], np.float32)
NEAR = np.concatenate([EDGES, np.nextafter(EDGES, np.float32(2)), np.nextafter(EDGES, np.float32(-1))]).clip(
    0, 1
)


def made(kind: str, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Probabilities (H, W) float32."""
    if kind == "random":
        return rng.random(shape, np.float32)
    if kind == "on the edges":
        return rng.choice(NEAR, shape).astype(np.float32)
    if kind == "half precision":
        return rng.random(shape).astype(np.float16)
    return np.full(
        shape, {"zero": 0.0, "one": 1.0, "half": 0.5, "lowest": GRID[0], "highest": GRID[-1]}[kind]
    )


def truths(shape: tuple[int, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    one_pixel = np.zeros(shape, bool)
    one_pixel[-1, 0] = True
    return {
        "empty": np.zeros(shape, bool),
        "one pixel": one_pixel,
        "full frame": np.ones(shape, bool),
        "random": rng.random(shape) < 0.4,
    }


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (33, 64)], ids=str)
@pytest.mark.parametrize(
    "kind", ["random", "on the edges", "half precision", "zero", "one", "half", "lowest", "highest"]
)
def test_one_pass_equals_brute_force(kind: str, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng([len(kind), *shape])
    for truth in truths(shape, rng).values():
        for grid in (GRID, [0.5], [0.001, 0.999]):
            probabilities = made(kind, rng, shape)
            for ours, theirs in zip(
                count_at_thresholds(probabilities, truth, grid),
                count_brute_force(probabilities, truth, grid),
                strict=True,
            ):
                np.testing.assert_array_equal(ours, theirs)
                assert ours.dtype == np.int64


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.25, 0.5, 0.8])
def test_figures_equal_those_of_torchmetrics(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.random((40, 30), np.float32)
    for name, truth in truths((40, 30), rng).items():
        predicted, hit = count_at_thresholds(probabilities, truth, [threshold])
        mask, true = (
            torch.from_numpy(probabilities >= np.float32(threshold)).int(),
            torch.from_numpy(truth).int(),
        )
        iou = iou_of_counts(predicted, hit, truth.sum())
        dice = dice_of_counts(predicted, hit, truth.sum())
        assert iou == pytest.approx(float(binary_jaccard_index(mask, true)), abs=1e-6), name
        assert dice == pytest.approx(float(binary_f1_score(mask, true)), abs=1e-6), name
        expected = reference_mae(torch.from_numpy(probabilities).double(), true.double())
        assert mean_absolute_error(probabilities, truth) == pytest.approx(float(expected), abs=1e-7)


def test_figures_equal_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    probabilities = rng.random((21, 50), np.float32)
    for name, truth in truths((21, 50), rng).items():
        mask = probabilities >= np.float32(0.35)
        predicted, hit = count_at_thresholds(probabilities, truth, [0.35])
        expected = metrics.jaccard_score(truth.ravel(), mask.ravel(), zero_division=1)
        assert iou_of_counts(predicted, hit, truth.sum()) == pytest.approx(expected), name
        expected = metrics.f1_score(truth.ravel(), mask.ravel(), zero_division=1)
        assert dice_of_counts(predicted, hit, truth.sum()) == pytest.approx(expected), name


@pytest.mark.parametrize(
    ("predicted", "hit", "truth", "iou", "dice"),
    [
        pytest.param(0, 0, 0, 1.0, 1.0, id="both empty agree"),
        pytest.param(5, 0, 0, 0.0, 0.0, id="nothing there"),
        pytest.param(0, 0, 5, 0.0, 0.0, id="nothing found"),
        pytest.param(1, 1, 1, 1.0, 1.0, id="one pixel"),
        pytest.param(4, 2, 4, 1 / 3, 0.5, id="half"),
        pytest.param(
            4_000_000_000, 4_000_000_000, 4_000_000_000, 1.0, 1.0, id="more pixels than 32 bits hold"
        ),
    ],
)
def test_empty_masks(predicted: int, hit: int, truth: int, iou: float, dice: float) -> None:
    counts = np.array([predicted]), np.array([hit]), np.array([truth])
    assert iou_of_counts(*counts) == pytest.approx(iou)
    assert dice_of_counts(*counts) == pytest.approx(dice)


def test_both_empty_may_go_unjudged() -> None:
    assert np.isnan(iou_of_counts(np.array(0), np.array(0), np.array(0), float("nan")))


@pytest.mark.parametrize("function", [count_at_thresholds, count_brute_force])
def test_shapes_must_agree(function: object) -> None:
    with pytest.raises(BadInput, match=r"\(2, 3\) and \(3, 2\)"):
        function(np.zeros((2, 3)), np.zeros((3, 2), bool), GRID)  # type: ignore[operator]
