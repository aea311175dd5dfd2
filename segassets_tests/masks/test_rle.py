"""RLE against pycocotools' own Python layer and against dense numpy."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as reference

from segassets.errors import BadInput
from segassets.masks import rle
from segassets.masks.runs import check_counts, parse_counts


def _one_pixel(y: int, x: int, shape: tuple[int, int] = (5, 7)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[y, x] = True
    return mask


MASKS = [
    pytest.param(np.zeros((5, 7), bool), id="empty"),
    pytest.param(np.ones((5, 7), bool), id="full frame"),
    pytest.param(_one_pixel(0, 0), id="first pixel: a leading run of zero length"),
    pytest.param(_one_pixel(4, 6), id="last pixel"),
    pytest.param(np.ones((1, 1), bool), id="a frame of one pixel"),
    pytest.param(np.indices((6, 9)).sum(0) % 2 == 0, id="checkerboard: the longest text"),
    pytest.param(np.tile(np.arange(300) % 97 < 50, (200, 1)), id="runs of several symbols"),
    pytest.param(np.ones((3000, 2000), bool), id="a run of six million"),
]


@pytest.mark.parametrize("mask", MASKS)
def test_round_trip_and_measures(mask: np.ndarray) -> None:
    counts = rle.encode(mask)
    height, width = mask.shape
    theirs = reference.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert counts == theirs["counts"].decode()
    assert np.array_equal(rle.decode(counts, height, width), mask)
    assert rle.areas([counts], height, width).tolist() == [mask.sum()]
    assert rle.boxes_xywh([counts], height, width)[0].tolist() == reference.toBbox(theirs).tolist()
    assert check_counts([counts], np.array([height]), np.array([width])).tolist() == [mask.sum()]
    columns = mask.T[None].astype(np.uint8).copy()
    assert rle.encode_columns(columns) == [counts]
    used = np.flatnonzero(mask.any(0))
    left, right = (used[0], used[-1] + 1) if len(used) else (0, 0)
    assert rle.encode_window(mask.T[left:right], int(left), height, width) == counts
    assert rle.encode_window(mask.T, 0, height, width) == counts


def test_run_lengths_of_many_masks_at_once_equal_uncompressed_rle() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((40, 23, 17)) < rng.random((40, 1, 1))
    runs = parse_counts(rle.encode_batch(masks))
    for index, mask in enumerate(masks):
        flat = mask.flatten(order="F")
        changes = np.flatnonzero(np.diff(flat)) + 1
        expected = np.diff(np.concatenate([[0], changes, [flat.size]]))
        if flat[0]:
            expected = np.concatenate([[0], expected])
        if len(expected) % 2:
            expected = np.concatenate([expected, [0]])
        pairs = slice(runs.starts[index], np.append(runs.starts, len(runs.background))[index + 1])
        assert runs.background[pairs].tolist() == expected[0::2].tolist()
        assert runs.foreground[pairs].tolist() == expected[1::2].tolist()
    assert runs.areas().tolist() == masks.sum((1, 2)).tolist()


GOOD = rle.encode(np.indices((8, 9)).sum(0) % 3 == 0)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        pytest.param("", "empty text", id="empty"),
        pytest.param("~~~", "outside the RLE alphabet", id="foreign characters"),
        pytest.param("é" + GOOD, "outside the RLE alphabet", id="not ascii"),
        pytest.param(GOOD[:-1] + "P", "ends inside a number|end inside a number", id="cut off"),
        pytest.param(GOOD[:-3], "sum to 72", id="too few pixels"),
        pytest.param(GOOD + "1", "sum to 72", id="too many pixels"),
        pytest.param("1O1O", "negative run|sum to 72", id="negative run"),
        pytest.param("oooooooooooooooo0", "too large", id="a run no picture has"),
    ],
)
def test_a_lying_rle_is_refused_before_compiled_code(counts: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as refused:
        check_counts([GOOD, counts], np.array([8, 8]), np.array([9, 9]))
    assert "mask 1" in str(refused.value)


def test_the_mask_is_named_beyond_the_first_slice() -> None:
    many = [GOOD] * 3000
    size = np.full(3000, 8), np.full(3000, 9)
    assert len(check_counts(many, *size)) == 3000
    many[2500] = GOOD + "1"
    with pytest.raises(BadInput, match="mask 2500"):
        check_counts(many, *size)


def test_no_masks_at_all() -> None:
    nothing = np.zeros(0, int)
    assert rle.encode_batch(np.zeros((0, 4, 4), bool)) == []
    assert rle.decode_batch([], 4, 5).shape == (0, 4, 5)
    assert rle.areas([], 4, 4).shape == (0,)
    assert rle.boxes_xywh([], 4, 4).shape == (0, 4)
    assert rle.iou_matrix([], [GOOD], 8, 9).shape == (0, 1)
    assert check_counts([], nothing, nothing).shape == (0,)
    assert rle.areas([rle.union([], 3, 4)], 3, 4).tolist() == [0]


def test_iou_and_union_equal_dense_arithmetic_beyond_the_chunk_of_255() -> None:
    rng = np.random.default_rng(1)
    masks = rng.random((300, 12, 15)) < 0.4
    counts = rle.encode_batch(masks)
    assert rle.areas(counts, 12, 15).tolist() == masks.sum((1, 2)).tolist()
    flat = masks[:20].reshape(20, -1).astype(int)
    inter = flat @ flat.T
    total = flat.sum(1)
    expected = inter / (total[:, None] + total[None] - inter)
    assert np.allclose(rle.iou_matrix(counts[:20], counts[:20], 12, 15), expected)
    assert np.array_equal(rle.decode(rle.union(counts[:3], 12, 15), 12, 15), masks[:3].any(0))
    assert np.array_equal(rle.decode(rle.intersection(counts[:3], 12, 15), 12, 15), masks[:3].all(0))


def test_polygons_rasterise_as_coco_does() -> None:
    polygons = [[1.0, 1.0, 8.0, 1.5, 6.0, 7.0], [0, 0, 3, 0, 3, 3, 0, 3]]
    theirs = reference.merge(reference.frPyObjects(polygons, 10, 12))
    assert rle.from_polygons(polygons, 10, 12) == theirs["counts"].decode()


@pytest.mark.parametrize(
    ("polygon", "says"),
    [
        ([0, 0, 1, 1], "at least 3 points"),
        ([0, 0, 1, 1, 2, 2, 3], "7 numbers"),
        ([0, 0, 1, float("nan"), 2, 2], "finite"),
        ([0, 0, 1, float("inf"), 2, 2], "finite"),
        ([], "at least 3 points"),
    ],
)
def test_bad_polygons_are_refused(polygon: list[float], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        rle.from_polygons([polygon], 10, 10)
