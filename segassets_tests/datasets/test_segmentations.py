"""COCO segmentations to counts: equal to pycocotools for sound ones, counted and named for the others."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pycocotools import mask as coco

from segassets.datasets.segmentations import to_counts
from segassets.masks import rle

H, W = 48, 64


def reference(polygons: list[list[float]]) -> str:
    return coco.merge(coco.frPyObjects(polygons, H, W))["counts"].decode()


def blob(seed: int, points: int = 12) -> list[float]:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, points))
    radius = rng.uniform(3, 22, points)
    centre = rng.uniform([0, 0], [W, H])
    return (
        (centre + np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)).round(2).reshape(-1).tolist()
    )


def one(segmentation):
    counts, excluded = to_counts([segmentation], ["annotation 5"], H, W)
    return counts[0], [(item.reason, item.where) for item in excluded]


@pytest.mark.parametrize(
    "polygons",
    [
        [blob(1)],
        [blob(2), blob(3), blob(4)],
        [[0, 0, W, 0, W, H, 0, H]],
        [[3, 3, 4, 3, 4, 4, 3, 4]],
        [[-50, -50, 200, -50, 200, 200, -50, 200]],
        [[5, 5, 5, 5, 5, 5]],
        [[1, 2, 30, 4, 10, 40]],
    ],
    ids=["one", "three parts", "full frame", "one pixel", "beyond the frame", "a point", "whole numbers"],
)
def test_polygons_are_coco_s(polygons):
    assert one(polygons) == (reference(polygons), [])


def test_many_at_once_keep_their_order():
    segmentations = [[blob(seed)] if seed % 3 else [blob(seed), blob(seed + 500)] for seed in range(300)]
    counts, excluded = to_counts(segmentations, [str(at) for at in range(300)], H, W)
    assert counts == [reference(polygons) for polygons in segmentations]
    assert not excluded


@pytest.mark.parametrize(
    "mask",
    [np.zeros((H, W), bool), np.ones((H, W), bool), np.random.default_rng(0).random((H, W)) < 0.4],
    ids=["empty", "full frame", "noise"],
)
def test_run_lengths_compressed_or_not(mask):
    text = rle.encode(mask)
    flat = mask.flatten("F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [H * W]])).tolist()
    runs = [0, *runs] if flat[0] else runs
    for counts in (text, text.encode(), runs):
        assert one({"size": [H, W], "counts": counts}) == (text, [])


GOOD = rle.encode(np.eye(H, W, dtype=bool))


@pytest.mark.parametrize(
    ("segmentation", "reason", "words"),
    [
        ({"size": [W, H], "counts": GOOD}, "bad_rle", f"expected an RLE of size \\[{H}, {W}\\]"),
        ({"size": [H, W + 1], "counts": GOOD}, "bad_rle", "like its picture"),
        ({"size": None, "counts": GOOD}, "bad_rle", "size"),
        ({"counts": GOOD}, "bad_rle", "size"),
        ({"size": [H, W]}, "bad_rle", "NoneType"),
        ({"size": [H, W], "counts": GOOD[:-1]}, "bad_rle", "annotation 5"),
        ({"size": [H, W], "counts": GOOD + "5"}, "bad_rle", "sum to"),
        ({"size": [H, W], "counts": "\x7f\x80"}, "bad_rle", "alphabet"),
        ({"size": [H, W], "counts": ""}, "bad_rle", "empty"),
        ({"size": [H, W], "counts": "oooooooooooooooooo1"}, "bad_rle", "too large"),
        ({"size": [H, W], "counts": [H * W + 1]}, "bad_rle", "sum"),
        ({"size": [H, W], "counts": [H * W + 5, -5]}, "bad_rle", "sum"),
        ({"size": [H, W], "counts": [H * W - 1, 1.0]}, "bad_rle", "cannot be"),
        ({"size": [H, W], "counts": [True] * (H * W)}, "bad_rle", "cannot be"),
        ({"size": [H, W], "counts": 7}, "bad_rle", "int"),
        ([[1, 2, 3, 4]], "bad_polygon", "3 points.*found 4"),
        ([[1, 2, 3, 4, 5, 6, 7]], "bad_polygon", "found 7 numbers"),
        ([[]], "bad_polygon", "found 0"),
        ([[1, 2, 3, 4, float("nan"), 6]], "bad_polygon", "finite"),
        ([[1, 2, 3, 4, float("inf"), 6]], "bad_polygon", "finite"),
        ([[1, 2, 3, 4, 1e12, 6]], "bad_polygon", "finite"),
        ([[1, 2, 3, 4, "x", 6]], "bad_polygon", "finite"),
        ([[1, 2, 3, 4, None, 6]], "bad_polygon", "finite"),
        ([[[1, 2], [3, 4], [5, 6], [7, 8], [1, 2], [3, 3]]], "bad_polygon", "finite"),
        ([1, 2, 3, 4, 5, 6], "bad_polygon", "a list of numbers, found int"),
        ([], "no_segmentation", "annotation 5"),
        (None, "no_segmentation", "annotation 5"),
        ("text", "no_segmentation", "annotation 5"),
    ],
)
def test_unusable_segmentations_are_named(segmentation, reason, words):
    counts, excluded = one(segmentation)
    assert counts is None
    assert {item[0] for item in excluded} == {reason}
    assert all(item[1].startswith("annotation 5") for item in excluded)
    assert re.search(words, excluded[0][1])


def test_a_bad_polygon_leaves_the_rest_of_its_annotation():
    counts, excluded = one([blob(1), [1, 2, 3, 4], [1, 2, 3, 4, float("nan"), 6], blob(2)])
    assert counts == reference([blob(1), blob(2)])
    assert sorted(where for _, where in excluded) == [
        "annotation 5, polygon 1: expected at least 3 points (6 numbers), found 4 numbers",
        "annotation 5, polygon 2: expected finite coordinates within 1e+06 pixels, found others",
    ]


def test_bad_ones_do_not_spoil_their_neighbours():
    sound = {"size": [H, W], "counts": GOOD}
    lying = {"size": [H, W], "counts": "1"}
    counts, excluded = to_counts([sound, lying, [blob(1)], lying, sound], list("abcde"), H, W)
    assert counts == [GOOD, None, reference([blob(1)]), None, GOOD]
    assert [item.where[0] for item in excluded] == ["b", "d"]


def test_nothing():
    assert to_counts([], [], H, W) == ([], [])
