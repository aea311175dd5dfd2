"""Coloured depth: near is brighter than far, and no depth is neither."""

from __future__ import annotations

import numpy as np

from segassets.media.depth_colours import depth_bounds, depth_picture
from segassets.media.preview import resized


def test_near_is_bright_and_far_is_dark() -> None:
    z = np.linspace(1, 5, 100, dtype=np.float32).reshape(10, 10)
    valid = np.ones(z.shape, bool)
    valid[0, 0] = False
    picture = depth_picture(z, valid)
    light = picture.sum(2).astype(int)
    assert picture.dtype == np.uint8 and (np.diff(light.ravel()[1:]) <= 0).all()
    assert len(set(picture[0, 0].tolist())) == 3 and (picture[0, 0] != picture[0, 1]).any()
    near, far = depth_bounds(z, valid)
    assert 1 <= near < far <= 5


def test_without_depth_and_of_one_depth() -> None:
    nothing = depth_picture(np.zeros((2, 3), np.float32), np.zeros((2, 3), bool))
    assert nothing.shape == (2, 3, 3) and (nothing == nothing[0, 0]).all()
    assert depth_picture(np.ones((1, 1), np.float32), np.ones((1, 1), bool)).shape == (1, 1, 3)


def test_sizes() -> None:
    rgb = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    assert resized(rgb, 4, 6) is rgb and resized(rgb, 2, 3).shape == (2, 3, 3)
    assert abs(int(resized(rgb, 2, 3)[0, 0, 0]) - int(rgb[:2, :2, 0].mean())) <= 1
