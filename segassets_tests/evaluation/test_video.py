"""J and F against TrackEval where it is installed, and against a slow independent implementation always."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, gaussian_filter

from segassets.errors import BadInput
from segassets.evaluation.pairs import pair_iou
from segassets.evaluation.video import (
    ObjectScore,
    boundary_f,
    boundary_tolerance_px,
    j_first_mask,
    mask_boundary,
    score_object,
    score_video,
)
from segassets.masks import rle


def blobs(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A random mask of a few smooth regions; now and then empty or full."""
    return gaussian_filter(rng.standard_normal((height, width)), rng.uniform(2, 9)) > rng.uniform(-0.1, 0.1)


def slow_boundary(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    edge = np.zeros(mask.shape, bool)
    for y in range(height):
        for x in range(width):
            near = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            edge[y, x] = any(mask[y, x] != mask[a, b] for a, b in near if a < height and b < width)
    return edge


def slow_f(predicted: np.ndarray, truth: np.ndarray) -> float:
    radius = int(np.ceil(0.008 * np.sqrt(truth.shape[0] ** 2 + truth.shape[1] ** 2)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = x**2 + y**2 <= radius**2
    mine, true = slow_boundary(predicted), slow_boundary(truth)
    if not mine.any() or not true.any():
        return float(mine.any() == true.any())
    precision = (mine & binary_dilation(true, disk)).sum() / mine.sum()
    recall = (true & binary_dilation(mine, disk)).sum() / true.sum()
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def edge_masks(height: int, width: int) -> list[np.ndarray]:
    one_pixel, corner = np.zeros((2, height, width), bool)
    one_pixel[3, 4] = corner[-1, -1] = True
    return [np.zeros((height, width), bool), np.ones((height, width), bool), one_pixel, corner]


PAIRS = [  # empty, full frame, one pixel, one in the corner: each against each, wide and tall
    (first, second)
    for size in ((30, 40), (41, 17))
    for first in edge_masks(*size)
    for second in edge_masks(*size)
]


@pytest.mark.parametrize("case", range(len(PAIRS)))
def test_f_of_extreme_masks(case: int) -> None:
    assert boundary_f(*PAIRS[case]) == pytest.approx(slow_f(*PAIRS[case]), abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_f_equals_an_independent_implementation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(20, 120, 2)
    truth = blobs(rng, height, width)
    predicted = truth ^ (gaussian_filter(rng.standard_normal(truth.shape), 3) > 0.08)
    assert np.array_equal(mask_boundary(truth), slow_boundary(truth))
    assert boundary_f(predicted, truth) == pytest.approx(slow_f(predicted, truth), abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_j_and_f_equal_trackeval(seed: int) -> None:
    pytest.importorskip("skimage")
    reference = pytest.importorskip("trackeval.metrics.j_and_f").JAndF
    rng = np.random.default_rng(seed)
    height, width = (int(value) for value in rng.integers(20, 160, 2))
    pairs = [(blobs(rng, height, width), blobs(rng, height, width)), *edge_pairs(height, width)]
    mine = [[{"size": [height, width], "counts": rle.encode(first)}] for first, _ in pairs]
    true = [[{"size": [height, width], "counts": rle.encode(second)}] for _, second in pairs]
    f = reference._compute_f(true, mine, 0, 0, 0.008)
    j = reference._compute_j(true, mine, 1, 1, len(pairs))[0, 0]
    assert [boundary_f(*pair) for pair in pairs] == pytest.approx(list(f), abs=1e-12)
    assert [float(pair_iou(*pair)) for pair in pairs] == pytest.approx(list(j), abs=1e-12)


def edge_pairs(height: int, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
    masks = edge_masks(height, width)
    return [(first, second) for first in masks for second in masks]


def test_tolerance_is_rounded_up() -> None:
    assert boundary_tolerance_px(480, 854) == 8
    assert boundary_tolerance_px(6, 8) == 1


def test_different_sizes_are_refused() -> None:
    with pytest.raises(BadInput, match=r"\(2, 3\) and \(3, 2\)"):
        boundary_f(np.zeros((2, 3), bool), np.zeros((3, 2), bool))


def test_score_object_counts_missing_frames_as_empty() -> None:
    square = np.zeros((20, 20), bool)
    square[5:15, 5:15] = True
    half = square.copy()
    half[5:10] = False
    full, lower = rle.encode(square), rle.encode(half)
    score = score_object({0: full, 1: lower, 3: full}, {0: full, 1: full, 2: full}, [0, 1, 2, 3, 4], 20, 20)
    assert score.j.tolist() == [1.0, 0.5, 0.0, 0.0, 1.0]
    assert score.f[[0, 2, 3, 4]].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert score.f[1] == pytest.approx(slow_f(half, square))
    without_f = score_object({}, {}, [0, 1], 20, 20, boundary=False)
    assert without_f.mean_j == 1.0 and np.isnan(without_f.mean_f)


def test_score_video_averages_objects_and_can_skip_the_ends() -> None:
    first = ObjectScore(np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0, 0.0]))
    second = ObjectScore(np.array([0.0, 0.5, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 0.0]))
    assert score_video([first, second])["j"] == pytest.approx((0.5 + 0.125) / 2)
    ends = score_video([first, second], skip_first_and_last=True)
    assert (ends["j"], ends["f"], ends["j_and_f"]) == (0.625, 0.5, 0.5625)
    assert score_video([])["objects"] == 0
    assert score_video([ObjectScore(np.ones(1), np.ones(1))], skip_first_and_last=True)["objects"] == 0


def test_j_first_mask() -> None:
    masks = np.zeros((3, 10, 10), bool)
    for at, mask in enumerate(masks):
        mask[:, at : at + 4] = True
    texts = rle.encode_batch(masks)
    truth = dict(zip((1, 2, 3), texts, strict=True))
    # frame 0 lies before the first appearance; on frame 4 the object is gone and the kept mask is wrong
    assert j_first_mask(truth, [0, 1, 2, 3, 4], 10, 10) == pytest.approx((1 + 3 / 5 + 2 / 6 + 0) / 4)
    assert np.isnan(j_first_mask({}, [0, 1], 10, 10))
    assert j_first_mask({7: texts[0]}, [7], 10, 10) == 1.0
