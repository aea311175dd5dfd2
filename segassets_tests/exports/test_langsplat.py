"""LangSplat's scenes, read back with numpy, torch and the readers of `foreign_readers`, none of which wrote them."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segassets.errors import BadInput
from segassets.exports.langsplat import write_langsplat
from segassets.exports.langsplat_checkpoint import write_checkpoint
from segassets.exports.langsplat_config import LangsplatConfig
from segassets.exports.langsplat_maps import language_maps
from segassets.exports.langsplat_scene import stems_of
from segassets_tests.exports.foreign_readers import read_colmap_binary, read_ply
from segassets_tests.exports.made_language import (
    BOXES,
    SIZE_HW,
    box_mask,
    make_frames,
    make_gaussians,
    make_inputs,
    make_masks,
)


def rows_of(boxes=BOXES):
    return make_masks([0], boxes).to_pylist()


def features_on(maps, level: int) -> np.ndarray:
    """(H, W) which mask each pixel of a level shows, -1 none."""
    values = maps.maps[level].astype(int)
    return np.where(values < 0, -1, maps.rows[values])


def test_levels() -> None:
    maps = language_maps(rows_of(), SIZE_HW, fill_levels=False)
    own = np.full(SIZE_HW, -1)
    for at, (level, _, *box) in enumerate(BOXES):
        if level == 2:
            own[box_mask(*box)] = at
    np.testing.assert_array_equal(features_on(maps, 3), own)
    np.testing.assert_array_equal(features_on(maps, 2), np.where(box_mask(*BOXES[1][2:]), 1, -1))
    np.testing.assert_array_equal(features_on(maps, 1), np.where(box_mask(*BOXES[2][2:]), 2, -1))
    own[box_mask(*BOXES[1][2:])] = 1
    filled = language_maps(rows_of(), SIZE_HW)
    np.testing.assert_array_equal(features_on(filled, 2), own)
    own[box_mask(*BOXES[2][2:])] = 2
    for level in (0, 1):
        np.testing.assert_array_equal(features_on(filled, level), own)


@pytest.mark.parametrize("fill", [True, False])
def test_every_row_occurs_in_order_of_the_levels(fill: bool) -> None:
    maps = language_maps(rows_of(), SIZE_HW, fill_levels=fill)
    assert maps.maps.dtype == np.float32 and maps.maps.shape == (4, *SIZE_HW)
    seen = [np.unique(layer[layer >= 0]) for layer in maps.maps]
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(len(maps.rows)))


FULL = (2, 0, 0, 0, SIZE_HW[1], SIZE_HW[0])


@pytest.mark.parametrize(
    ("boxes", "rows", "hidden"),
    [
        ((), 0, 0),
        ((FULL,), 4, 0),
        (((2, 0, 5, 5, 1, 1),), 4, 0),
        (((2, 0, 5, 5, 4, 4), (2, 0, 5, 5, 4, 2), (2, 0, 5, 7, 4, 2)), 8, 1),
    ],
    ids=["none", "full frame", "one pixel", "covered"],
)
def test_edge_masks(boxes, rows: int, hidden: int) -> None:
    maps = language_maps(rows_of(boxes) if boxes else [], SIZE_HW)
    assert (len(maps.rows), maps.hidden) == (rows, hidden)
    assert maps.maps.max() == (rows - 1 if rows else -1)


def test_masks_are_sampled_at_the_pictures_size() -> None:
    maps = language_maps(rows_of((FULL,)), (20, 30))
    assert maps.maps.shape == (4, 20, 30) and maps.maps[3].min() == 3


def test_a_posed_scene(tmp_path: Path) -> None:
    inputs = make_inputs(tmp_path / "in", dim=128)
    record = write_langsplat(tmp_path / "out", inputs, LangsplatConfig(iteration=7))
    out = tmp_path / "out"
    assert json.loads((out / "langsplat.json").read_text()) == record
    model = read_colmap_binary(out / "sparse/0")
    assert [image[3] for image in model["images"].values()] == ["p_0.jpg", "p_1.jpg", "p_2.jpg"]
    for name in ("sparse/0/points3D.ply", "output/one/input.ply"):
        assert read_ply(out / name)[0] == ["x", "y", "z", "nx", "ny", "nz", "red", "green", "blue"]
    assert len(read_ply(out / "output/one/point_cloud/iteration_7/point_cloud.ply")[1]) == 5
    for stem in ("p_0", "p_2"):
        assert Image.open(out / f"images/{stem}.jpg").size == SIZE_HW[::-1]
        wide, dim3 = (np.load(out / f"language_features{end}/{stem}_f.npy") for end in ("", "_dim3"))
        places = np.load(out / f"language_features/{stem}_s.npy")
        np.testing.assert_array_equal(places, np.load(out / f"language_features_dim3/{stem}_s.npy"))
        assert (wide.dtype, wide.shape[1], dim3.shape) == (np.float32, 512, (len(wide), 3))
        assert places.shape == (4, *SIZE_HW) and places.max() + 1 == len(wide)
        np.testing.assert_allclose(np.linalg.norm(wide, axis=1), 1, atol=1e-6)
        whole = int(places[3, 30, 8])  # a pixel of the first box
        np.testing.assert_allclose(wide[whole, :128], inputs.embeddings[4 * int(stem[-1])], atol=1e-6)
        np.testing.assert_allclose(dim3[whole], inputs.codes_dim3[4 * int(stem[-1])], atol=1e-6)
    cameras = json.loads((out / "output/one/cameras.json").read_text())
    assert cameras[2]["position"] == [2, 0, 0] and cameras[2]["img_name"] == "p_2"
    arguments = eval(
        (out / "output/one_2/cfg_args").read_text(), {"Namespace": Namespace}
    )  # as LangSplat does
    assert (arguments.feature_level, arguments.sh_degree) == (2, 3)


@pytest.mark.parametrize(("folder", "count"), [("one", 12), ("one_1", 13), ("one_2", 13), ("one_3", 13)])
def test_checkpoints(tmp_path: Path, folder: str, count: int) -> None:
    inputs = make_inputs(tmp_path / "in")
    write_langsplat(tmp_path / "out", inputs, LangsplatConfig())
    parameters, iteration = torch.load(tmp_path / f"out/output/{folder}/chkpnt30000.pth", weights_only=True)
    assert iteration == 30000 and len(parameters) == count and parameters[0] == 0
    given = inputs.gaussians[-1]
    wanted = [given.xyz, given.f_dc[:, None], np.zeros((5, 15, 3)), given.log_scale, given.rotation_wxyz]
    wanted.append(given.opacity_logit[:, None])
    for found, array in zip(parameters[1:7], wanted, strict=True):
        assert type(found) is torch.Tensor and found.requires_grad
        np.testing.assert_array_equal(found.detach().numpy(), array)
    assert type(parameters[-1]) is float and parameters[-1] == pytest.approx(1.1)
    adam = torch.optim.Adam([{"params": [torch.zeros(1)]} for _ in parameters[-2]["param_groups"]])
    adam.load_state_dict(parameters[-2])
    assert next(group["name"] for group in adam.param_groups) == (
        "xyz" if count == 12 else "language_feature"
    )
    if count == 13:
        # objects 1, 2, 4, none, 4; only the finest level shows tracks of every level, the coarsest wholes alone
        lengths = np.linalg.norm(parameters[7].detach().numpy(), axis=1)
        np.testing.assert_allclose(lengths, [1, folder != "one_3", 1, 0, 1], atol=1e-5)


def test_pictures_without_poses_are_scenes_of_their_own(tmp_path: Path) -> None:
    inputs = make_inputs(tmp_path / "in", 2, posed=False)
    record = write_langsplat(tmp_path / "out", inputs, LangsplatConfig())
    assert [scene["folder"] for scene in record["scenes"]] == ["p_0", "p_1"]
    for scene in record["scenes"]:
        folder = tmp_path / "out" / scene["folder"]
        [image] = read_colmap_binary(folder / "sparse/0")["images"].values()
        assert image[0] == (1, 0, 0, 0) and image[1] == (0, 0, 0)
        assert scene["spatial_lr_scale"] > 0  # the radius of one camera would be 0
        parameters, _ = torch.load(folder / "output/one_1/chkpnt30000.pth", weights_only=True)
        lengths = np.linalg.norm(parameters[7].detach().numpy(), axis=1)
        np.testing.assert_allclose(lengths, [1, 1, 1, 1, 0], atol=1e-5)


def test_high_pictures_are_shrunk_as_langsplat_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segassets.exports.langsplat_scene.MOST_ROWS_PX", 20)
    write_langsplat(tmp_path / "out", make_inputs(tmp_path / "in"), LangsplatConfig())
    assert Image.open(tmp_path / "out/images/p_0.jpg").size == (30, 20)
    assert np.load(tmp_path / "out/language_features/p_0_s.npy").shape == (4, 20, 30)
    camera = read_colmap_binary(tmp_path / "out/sparse/0")["cameras"][1]
    assert camera == ("PINHOLE", 30, 20, (25.0, 25.0, 15.0, 10.0))


@pytest.mark.parametrize(
    ("uris", "stems"),
    [
        (["a/x1.jpg", "a/x2.jpg"], ["x1", "x2"]),
        (["a/x.jpg", "b/x.jpg"], ["000000", "000007"]),
        (["a.b.jpg", "c.jpg"], ["000000", "000007"]),
        (["a b.jpg", "c.jpg"], ["000000", "000007"]),
        (["clip.mp4#0", "clip.mp4#7"], ["000000", "000007"]),
    ],
    ids=["plain", "twice", "dots", "blanks", "video"],
)
def test_stems(uris: list[str], stems: list[str]) -> None:
    assert stems_of(uris, [0, 7]) == stems


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    inputs = make_inputs(tmp_path / "in")
    nothing = inputs.masks.slice(0, 0)
    empty = type(inputs)(**{**vars(inputs), "masks": nothing})
    with pytest.raises(BadInput, match=r"expected a picture with masks.*'without_masks': 3"):
        write_langsplat(tmp_path / "out", empty, LangsplatConfig())
    wide = type(inputs)(**{**vars(inputs), "embeddings": np.ones((12, 768), np.float32)})
    with pytest.raises(BadInput, match="at most 512 numbers for LangSplat, found 768"):
        write_langsplat(tmp_path / "out", wide, LangsplatConfig())
    some = type(inputs)(**{**vars(inputs), "source": make_frames(tmp_path / "in", posed=False)})
    with pytest.raises(BadInput, match="'without_pose': 3"):
        write_langsplat(tmp_path / "out", some, LangsplatConfig())
    broken = make_gaussians([1, 2])
    broken.xyz[1, 0] = np.nan
    with pytest.raises(BadInput, match="row 1"):
        write_checkpoint(tmp_path / "c.pth", broken, 1.0, 0)
    with pytest.raises(BadInput, match="extent > 0"):
        write_checkpoint(tmp_path / "c.pth", make_gaussians([1]), 0.0, 0)
    with pytest.raises(BadInput, match=r"features \(1, 3\)"):
        write_checkpoint(tmp_path / "c.pth", make_gaussians([1]), 1.0, 0, np.zeros((2, 3)))
