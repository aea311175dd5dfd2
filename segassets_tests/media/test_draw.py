"""Drawings: stable colours, outlines where masks end, sheets of the right size, small previews."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from segassets.media.draw import colour_of, contact_sheet, draw_instances
from segassets.media.preview import thumbnail, webp_data_uri

GRAY = np.full((64, 80, 3), 90, np.uint8)


def square() -> np.ndarray:
    mask = np.zeros((64, 80), bool)
    mask[10:40, 20:60] = True
    return mask


def test_colours_are_stable_and_differ():
    colours = [colour_of(identity) for identity in range(1, 200)]
    assert colours == [colour_of(identity) for identity in range(1, 200)]
    assert len(set(colours)) > 190
    assert all(max(colour) >= 200 for colour in colours)  # bright on photographs


def test_outline_and_tint_stay_inside_the_mask():
    drawn = draw_instances(GRAY, square()[None], [7], labels=False)
    np.testing.assert_array_equal(drawn[~square()], GRAY[~square()])
    assert tuple(drawn[10, 20]) == tuple(drawn[39, 59]) == colour_of(7)
    assert tuple(drawn[25, 40]) not in (colour_of(7), (90, 90, 90))


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((64, 80), bool),
        np.ones((64, 80), bool),
        np.eye(64, 80, dtype=bool) & (np.arange(64) == 5)[:, None],
    ],
    ids=["empty", "full frame", "one pixel"],
)
def test_odd_masks_draw(mask):
    drawn = draw_instances(GRAY, [(3, mask)])
    assert drawn.shape == GRAY.shape
    assert mask.any() == bool((drawn != GRAY).any())


def test_no_masks_give_a_copy():
    drawn = draw_instances(GRAY, np.zeros((0, 64, 80), bool))
    np.testing.assert_array_equal(drawn, GRAY)
    assert drawn is not GRAY


def test_labels_do_not_cover_each_other():
    masks = np.stack([square()] * 3)
    plain = draw_instances(GRAY, masks, labels=False)
    labelled = draw_instances(GRAY, masks)
    dark = (labelled < 40).all(2) & ~(plain < 40).all(2)
    one = (draw_instances(GRAY, masks[:1]) < 40).all(2)
    assert dark.sum() > 2.2 * one.sum()


def test_the_picture_shows_through_many_masks():
    white, black = np.full_like(GRAY, 255), np.zeros_like(GRAY)
    for count, least, most in ((1, 0.64, 0.66), (2, 0.41, 0.43), (20, 0.35, 0.41), (200, 0.1, 0.45)):
        masks = np.stack([square()] * count)
        light, dark = (draw_instances(rgb, masks, labels=False)[20, 30].astype(int) for rgb in (white, black))
        assert least <= (light - dark).mean() / 255 <= most, count
    solid = draw_instances(white, np.stack([square()] * 3), labels=False, alpha=1.0)
    assert tuple(solid[20, 30]) == colour_of(3)


def test_small_masks_lie_over_large_ones():
    inner = np.zeros((64, 80), bool)
    inner[20:30, 30:40] = True
    for order in ([(1, square()), (2, inner)], [(2, inner), (1, square())]):
        assert tuple(draw_instances(GRAY, order, labels=False)[20, 30]) == colour_of(2)


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 4, 1), (4, 4, 1), (5, 4, 2), (3, 1, 3)])
def test_contact_sheet_size(count, columns, rows):
    sheet = contact_sheet([GRAY] * count, columns, gap_px=2)
    across = min(columns, count)
    assert sheet.shape == (rows * 64 + (rows + 1) * 2, across * 80 + (across + 1) * 2, 3)


def test_contact_sheet_takes_any_sizes_and_long_labels():
    sheet = contact_sheet([GRAY, GRAY[:20], GRAY[:, :10]], 2, ["a" * 500, "b", ""], cell_px=100)
    assert sheet.shape[1] == 2 * 100 + 3 * 6


def test_contact_sheet_of_nothing():
    assert contact_sheet([]).shape == (1, 1, 3)


@pytest.mark.parametrize("shape", [(1, 1), (100, 3000), (1200, 900)])
def test_previews_keep_their_size(shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    uri = webp_data_uri(noise)
    assert len(uri) <= 20_000
    image = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/webp;base64,"))))
    assert image.format == "WEBP"


@pytest.mark.parametrize(
    ("shape", "expected"), [((50, 100), (32, 64)), ((100, 50), (64, 32)), ((8, 9), (8, 9))]
)
def test_thumbnail(shape, expected):
    assert thumbnail(np.zeros((*shape, 3), np.uint8), 64).shape[:2] == expected
