"""Opening of masks against its definition, and the file it writes against pycocotools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from scipy import ndimage

from segassets.errors import BadConfig, BadInput
from segassets.exports.convert.opening import open_masks, opening
from segassets_tests.exports.convert.made import HEIGHT, WIDTH, annotation, as_rle, block, coco, image, write
from segassets_tests.shared_data import shared_data


def squares_inside(mask: np.ndarray, size: int) -> np.ndarray:
    """The union of all squares with their anchor in the picture that lie in the mask, which goes on beyond the edge."""
    padded = np.pad(mask, size, constant_values=True)
    union = np.zeros_like(padded)
    inside = np.lib.stride_tricks.sliding_window_view(padded, (size, size)).all((2, 3))
    for top, left in np.argwhere(inside):
        row, column = top + size // 2 - size, left + size // 2 - size
        if 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]:
            union[top : top + size, left : left + size] = True
    return union[size:-size, size:-size]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 10])
def test_opening_by_definition(size: int) -> None:
    rng = np.random.default_rng(size)
    for _ in range(5):
        blobs = ndimage.binary_dilation(rng.random((50, 60)) < 0.02, iterations=4)
        mask = blobs ^ (rng.random((50, 60)) < 0.01)
        opened = opening(mask, size)
        assert np.array_equal(opened, squares_inside(mask, size))
        assert not (opened & ~mask).any()
        assert np.array_equal(opening(opened, size), opened)


def speckled() -> np.ndarray:
    mask = block(10, 10, 12, 14)
    mask[2, 50] = mask[30, 30:40] = True  # a speck, a hair
    return mask


def made(tmp_path: Path, **changes: object) -> Path:
    """Two pictures of a video; ids start at 0, the video's name is text, the second picture keeps nothing."""
    images = [
        image(number, f"{number}.png", video_id="seq_1", order_in_video=number, is_det_keyframe=True)
        for number in range(3)
    ]
    annotations = [
        annotation(0, 0, as_rle(speckled()), category=0),
        annotation(1, 0, [[20.0, 20.0, 30.0, 20.0, 30.0, 30.0, 20.0, 30.0]], category=1, note="kept"),
        annotation(2, 1, as_rle(block(5, 5, 1, 30)), category=1),
    ]
    return write(
        tmp_path / "in.json", {**coco(images, annotations, {0: "forceps", 1: "scissors"}), **changes}
    )


def test_specks_go_and_figures_follow(tmp_path: Path) -> None:
    result = open_masks(made(tmp_path), tmp_path / "out" / "opened.json")
    assert (result.kept, result.dropped, result.changed, result.images_emptied) == (2, 1, 1, 1)
    assert (result.dropped_ids, result.dropped_by_category) == ([2], {"scissors": 1})
    opened = COCO(str(tmp_path / "out" / "opened.json"))
    assert sorted(opened.anns) == [0, 1] and len(opened.imgs) == 3
    first = opened.anns[0]
    assert np.array_equal(opened.annToMask(first).astype(bool), block(10, 10, 12, 14))
    assert (first["area"], first["bbox"]) == (12 * 14, [10, 10, 14, 12])
    second = opened.anns[1]
    assert (second["area"], second["bbox"], second["note"]) == (100, [20, 20, 10, 10], "kept")
    assert opened.annToMask(second).shape == (HEIGHT, WIDTH)
    assert opened.imgs[0] == json.loads((tmp_path / "in.json").read_text())["images"][0]


def test_uncompressed_runs(tmp_path: Path) -> None:
    runs = {"size": [HEIGHT, WIDTH], "counts": [0, 5 * HEIGHT, (WIDTH - 5) * HEIGHT]}
    path = made(tmp_path, annotations=[annotation(0, 0, runs)])
    assert open_masks(path, tmp_path / "out.json", 9).kept == 1  # touches the edge, goes on beyond it
    assert open_masks(path, tmp_path / "out.json", 11).dropped == 1


@pytest.mark.parametrize(
    ("changes", "kernel", "kind", "words"),
    [
        pytest.param({}, 0, BadConfig, ["kernel_size", "0"], id="kernel"),
        pytest.param(
            {"annotations": [annotation(4, 0, as_rle(np.ones((3, 3), bool)), category=1)]}, 3, BadInput,
            ["in.json", "image 0", "annotation 4", "[3, 3]"], id="RLE of another size",
        ),
        pytest.param(
            {"annotations": [annotation(4, 0, {"size": [HEIGHT, WIDTH], "counts": "zz"}, category=1)]}, 3, BadInput,
            ["in.json", "annotation 4"], id="counts that are none",
        ),
        pytest.param({"images": []}, 3, BadInput, ["annotation 0", "no image 0"], id="picture not in the file"),
    ],
)  # fmt: skip
def test_bad_input(tmp_path: Path, changes: dict, kernel: int, kind: type, words: list[str]) -> None:
    with pytest.raises(kind) as caught:
        open_masks(made(tmp_path, **changes), tmp_path / "out.json", kernel)
    assert all(word in str(caught.value) for word in words)
    assert not (tmp_path / "out.json").exists()


def test_real_polygons(tmp_path: Path) -> None:
    source = shared_data("lvis_val_100/lvis_val_100.json")
    result = open_masks(source, tmp_path / "out.json")
    before, after = COCO(str(source)), COCO(str(tmp_path / "out.json"))
    assert result.kept == len(after.anns) and result.kept + result.dropped == len(before.anns)
    assert result.dropped > 0
    for key in list(after.anns)[:200]:
        mask, whole = after.annToMask(after.anns[key]), before.annToMask(before.anns[key])
        assert not (mask & ~whole).any()
        assert after.anns[key]["area"] == mask.sum() > 0
