"""Multi-class run lengths: the worked example of Floorplan SAM2, random maps both ways, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as pycoco

from segassets.errors import BadInput
from segassets.masks.multiclass import check_labels, decode_labels, encode_labels, masks_of_labels

SAMPLE = {"size": (4, 5), "values": [0, 3, 0, 3, 1, 0, 1, 0], "counts": [1, 3, 2, 2, 3, 1, 3, 5]}
SAMPLE_MAP = [[0, 0, 1, 1, 0], [3, 0, 1, 1, 0], [3, 3, 1, 1, 0], [3, 3, 0, 0, 0]]


def test_the_worked_example() -> None:
    labels = decode_labels(SAMPLE)
    assert labels.tolist() == SAMPLE_MAP
    assert labels.dtype == np.uint8
    assert encode_labels(labels) == {**SAMPLE, "size": [4, 5]}


@pytest.mark.parametrize("seed", range(5))
def test_random_maps_both_ways(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 40, 2)
    labels = rng.choice([-1, 0, 1, 7, 300, 65535], (height, width), p=[0.05, 0.6, 0.1, 0.1, 0.1, 0.05])
    runs = json.loads(json.dumps(encode_labels(labels)))
    assert check_labels(runs) == (height, width)
    assert np.array_equal(decode_labels(runs), labels)
    masks = masks_of_labels(runs)
    assert sorted(masks) == np.unique(labels).tolist()
    for value, counts in masks.items():
        decoded = pycoco.decode({"size": [int(height), int(width)], "counts": counts.encode()})
        assert np.array_equal(decoded.astype(bool), labels == value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"values": [0, 3]}, ["2 values", "8 counts"], id="lengths differ"),
        pytest.param(
            {"values": [0, 3, 3, 0, 1, 0, 1, 0]}, ["value 3", "values[1]", "values[2]"], id="same neighbours"
        ),
        pytest.param({"counts": [1, 3, 2, 2, 3, 1, 3, 4]}, ["20 (4 x 5", "19"], id="sum"),
        pytest.param({"counts": [0, 4, 2, 2, 3, 1, 3, 5]}, ["counts[0]", "0"], id="empty run"),
        pytest.param({"counts": [-1, 5, 2, 2, 3, 1, 3, 5]}, ["counts[0]", "-1"], id="negative run"),
        pytest.param({"counts": [1.0] * 8}, ["integers", "'counts'"], id="not integers"),
        pytest.param({"size": [4]}, ["[height, width]", "[4]"], id="size of one number"),
        pytest.param({"size": [0, 5]}, ["[height, width]"], id="size without pixels"),
        pytest.param({"size": [1 << 20, 1 << 20]}, ["[height, width]"], id="size that cannot be meant"),
        pytest.param({"values": None}, ["'values'"], id="nothing"),
        pytest.param({"counts": [1 << 80] * 8}, ["counts", "at most"], id="too large for any picture"),
    ],
)
def test_unsound_runs_are_refused(change: dict, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        decode_labels({**SAMPLE, **change}, "plan.json")
    assert all(word in str(caught.value) for word in [*words, "plan.json"])


@pytest.mark.parametrize("labels", [np.zeros((2, 2, 3), int), np.zeros((0, 4), int), np.zeros((2, 2))])
def test_what_is_no_label_map(labels: np.ndarray) -> None:
    with pytest.raises(BadInput, match="expected a label map"):
        encode_labels(labels)


def test_missing_keys() -> None:
    with pytest.raises(BadInput, match=r"size, values and counts, found size$"):
        decode_labels({"size": [1, 1]})
