"""The nano embedder's words: everyday ones, plurals, misspellings, and what it does not know."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.rooms.captions import caption
from segassets.datasets.rooms.furniture import OBJECT_CATEGORIES
from segassets.datasets.rooms.textures import COLOURS, PATTERNS
from segassets.errors import BadInput
from segassets.models.embedding.crops import masked_crop
from segassets.models.embedding.vocabulary import WORDS, padded, unknown_words, word_numbers


def words(text: str) -> list[str]:
    return [WORDS[number - 1] for number in word_numbers(text)]


@pytest.mark.parametrize(
    ("text", "known", "unknown"),
    [
        ("the red sphere", ["red", "sphere"], []),
        ("a small red ball", ["red", "sphere"], []),
        ("Couches, please!", ["sofa"], ["please"]),
        ("gray tartan pillows", ["grey", "plaid", "cushion"], []),
        ("purpl cylnder", ["purple", "cylinder"], []),
        ("the box left of the table", ["box", "table"], []),
        ("", ["thing"], []),
        ("zyzzyva", ["thing"], ["zyzzyva"]),
        ("things", ["thing"], []),
    ],
)
def test_words(text: str, known: list[str], unknown: list[str]) -> None:
    assert words(text) == known and unknown_words(text) == unknown


def test_every_caption_of_a_room_is_understood() -> None:
    for category in OBJECT_CATEGORIES.values():
        for colour, pattern in zip((*COLOURS, "colourful"), (*PATTERNS, *PATTERNS), strict=False):
            text = caption(category, "large", colour, pattern)
            assert unknown_words(text) == [] and {category, colour} <= set(words(text)), text


def test_rows_are_filled_to_the_longest() -> None:
    assert padded([]) == []
    first, second = padded(["red box", "lamp"])
    assert len(first) == len(second) == 2 and second[1] == 0


@pytest.mark.parametrize(
    ("box", "side"),
    [
        pytest.param((3, 4, 2, 5), 3, id="wide"),
        pytest.param((0, 10, 0, 10), 10, id="full frame"),
        pytest.param((7, 8, 7, 8), 1, id="one pixel"),
    ],
)
def test_crops_are_squares_around_the_object(box: tuple[int, int, int, int], side: int) -> None:
    rgb = np.random.default_rng(0).integers(1, 256, (10, 10, 3), dtype=np.uint8)
    mask = np.zeros((10, 10), bool)
    mask[box[0] : box[1], box[2] : box[3]] = True
    crop = masked_crop(rgb, mask)
    assert crop.shape == (side, side, 3)
    assert sorted(map(tuple, crop[crop.any(-1)])) == sorted(map(tuple, rgb[mask]))


@pytest.mark.parametrize(("shape", "text"), [((10, 10), "at least one pixel"), ((4, 4), "size")])
def test_masks_that_cannot_be_cropped(shape: tuple[int, int], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        masked_crop(np.zeros((10, 10, 3), np.uint8), np.zeros(shape, bool))
