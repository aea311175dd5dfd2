"""Foreground IoU beside a centred box's, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segassets.evaluation.foreground import centred_box, foreground_scores
from segassets.masks import rle
from segassets.masks.table import MaskRows

HEIGHT, WIDTH = 8, 16


def table(*masks: tuple[int, slice, slice]):
    rows = MaskRows("a.b")
    for frame, y, x in masks:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[y, x] = True
        rows.add(frame=frame, source_frame=frame, height=HEIGHT, width=WIDTH, rle_counts=rle.encode(mask),
                 source="maskcut")  # fmt: skip
    return rows.to_table()


EVERY = slice(None)


def test_figures():
    truth = table((0, EVERY, slice(0, 4)), (0, EVERY, slice(4, 8)), (3, slice(2, 6), slice(4, 12)))
    masks = table((0, EVERY, slice(0, 6)), (0, EVERY, slice(2, 10)), (1, EVERY, EVERY))
    found = foreground_scores(masks, truth)
    assert found.frames == 2
    assert found.iou == pytest.approx((8 / 10 + 0) / 2)
    assert found.best_iou == pytest.approx((6 / 8 + 0) / 2)
    assert found.box_iou == pytest.approx((16 / (64 + 32 - 16) + 1) / 2)
    assert foreground_scores(masks, truth, [3]).box_iou == 1
    assert math.isnan(foreground_scores(masks, masks.slice(0, 0)).iou)


def test_the_box():
    assert rle.areas([centred_box(HEIGHT, WIDTH), centred_box(HEIGHT, WIDTH, 1)], HEIGHT, WIDTH).tolist() == [
        32,
        128,
    ]
