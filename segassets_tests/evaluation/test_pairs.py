"""IoU and Dice of pairs, against other libraries' definitions and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco
from scipy.spatial.distance import dice, jaccard

from segassets.errors import BadInput
from segassets.evaluation.pairs import pair_dice, pair_iou, pair_iou_rle
from segassets.masks import rle

EMPTY, FULL = np.zeros((6, 9), bool), np.ones((6, 9), bool)
PIXEL = EMPTY.copy()
PIXEL[2, 3] = True
HALF = EMPTY.copy()
HALF[:3] = True


@pytest.mark.parametrize(
    ("one", "other", "iou", "dice_value"),
    [
        pytest.param(EMPTY, EMPTY, 1.0, 1.0, id="both empty"),
        pytest.param(EMPTY, PIXEL, 0.0, 0.0, id="one empty"),
        pytest.param(PIXEL, PIXEL, 1.0, 1.0, id="one pixel"),
        pytest.param(FULL, FULL, 1.0, 1.0, id="full frame"),
        pytest.param(HALF, FULL, 0.5, 2 / 3, id="half in full"),
        pytest.param(HALF, ~HALF, 0.0, 0.0, id="disjoint"),
    ],
)
def test_edges(one: np.ndarray, other: np.ndarray, iou: float, dice_value: float) -> None:
    assert pair_iou(one, other) == pytest.approx(iou)
    assert pair_iou(other, one) == pytest.approx(iou)
    assert pair_dice(one, other) == pytest.approx(dice_value)
    assert pair_iou_rle([rle.encode(one)], [rle.encode(other)], 6, 9) == pytest.approx([iou])


def test_against_scipy_and_pycocotools() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((20, 8, 11)) < 0.4, rng.random((20, 8, 11)) < 0.6
    np.testing.assert_allclose(
        pair_iou(one, other), [1 - jaccard(a.ravel(), b.ravel()) for a, b in zip(one, other, strict=True)]
    )
    np.testing.assert_allclose(
        pair_dice(one, other), [1 - dice(a.ravel(), b.ravel()) for a, b in zip(one, other, strict=True)]
    )
    objects = [[coco.encode(np.asfortranarray(m, np.uint8)) for m in masks] for masks in (one, other)]
    expected = np.diag(coco.iou(*objects, [0] * 20))
    np.testing.assert_allclose(pair_iou_rle(rle.encode_batch(one), rle.encode_batch(other), 8, 11), expected)


def test_shapes_are_kept_and_checked() -> None:
    assert pair_iou(np.zeros((2, 3, 4, 5), bool), np.zeros((2, 3, 4, 5), bool)).shape == (2, 3)
    assert pair_iou(np.zeros((0, 4, 5), bool), np.zeros((0, 4, 5), bool)).shape == (0,)
    assert pair_iou_rle([], [], 4, 5).shape == (0,)
    with pytest.raises(BadInput, match=r"one shape"):
        pair_iou(np.zeros((4, 5), bool), np.zeros((5, 4), bool))
    with pytest.raises(BadInput, match=r"1 and 0"):
        pair_iou_rle([rle.encode(EMPTY)], [], 6, 9)
