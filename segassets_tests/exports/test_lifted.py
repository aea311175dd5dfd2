"""Exports of lifted scenes, read back by parsers that share no code with the writers; the same in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import segassets
from segassets.api import SceneResults
from segassets.errors import BadInput, MissingInput
from segassets.exports.registry import export_scene
from segassets.storage.store import ArtifactStore
from segassets_tests.exports.foreign_readers import read_colmap_binary, read_colmap_text, read_ply
from segassets_tests.lifted_scene import LIFTED, make_lifted_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    return make_lifted_store(tmp_path_factory.mktemp("lifted"))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    return make_lifted_store(tmp_path_factory.mktemp("apart"), posed=False)


def of(store: ArtifactStore) -> SceneResults:
    return segassets.open(store.root).scene(LIFTED)


def test_in_python(store: ArtifactStore) -> None:
    scene = of(store)
    depth = scene.depth()
    assert depth.frames == [0, 1, 2, 3, 4] and depth.row(3)["kind"] == "metric"
    found = depth.depth(3)
    assert found is not None and found.unit == "m" and found.z.shape == depth.values(3).values.shape
    assert len(scene.points()) == len(scene.gaussians()) > len(scene.points(0)) > 0
    assert len(scene.gaussians("object")) < len(scene.gaussians("mask")) < len(scene.gaussians())
    for ask in (lambda: depth.row(9), lambda: scene.points(9)):
        with pytest.raises(MissingInput, match="frame 9"):
            ask()


def test_points(store: ArtifactStore, tmp_path: Path) -> None:
    cloud = of(store).points()
    record = export_scene(store, LIFTED, "points", tmp_path / "all")
    names, values = read_ply(tmp_path / "all" / f"{LIFTED}.ply")
    assert names[:3] == ["x", "y", "z"] and np.array_equal(values[:, :3].astype(np.float32), cloud.xyz)
    assert np.array_equal(values[:, 6:], cloud.rgb)
    assert record["points"] == len(cloud) and record["units"] == {LIFTED: "m"}
    export_scene(store, LIFTED, "points", tmp_path / "masked", options={"masks": True})
    assert len(read_ply(tmp_path / "masked" / f"{LIFTED}.ply")[1]) == (cloud.mask_id > 0).sum()


@pytest.mark.parametrize(("which", "per"), [("dense", "point"), ("objects", "object")])
def test_gaussians(store: ArtifactStore, tmp_path: Path, which: str, per: str) -> None:
    wanted = of(store).gaussians(per)
    export_scene(store, LIFTED, "gaussians", tmp_path / "out", options={"which": which})
    names, values = read_ply(tmp_path / "out" / f"{LIFTED}.ply")
    assert np.allclose(values[:, [names.index(f"scale_{at}") for at in range(3)]], wanted.log_scale)
    assert np.array_equal(np.load(tmp_path / "out" / f"{LIFTED}.objects.npy"), wanted.object_id)


@pytest.mark.parametrize(("form", "read"), [("binary", read_colmap_binary), ("text", read_colmap_text)])
def test_a_colmap_model(store: ArtifactStore, tmp_path: Path, form: str, read) -> None:
    export_scene(store, LIFTED, "colmap", tmp_path / "out", options={"form": form, "pictures": "write"})
    found = read(tmp_path / "out" / LIFTED / "sparse" / "0")
    counts = {name: len(found[name]) for name in ("cameras", "images", "points")}
    assert counts == {"cameras": 1, "images": 5, "points": len(of(store).points())}
    pictures = sorted(path.name for path in (tmp_path / "out" / LIFTED / "images").iterdir())
    assert pictures == [f"{frame:05d}.jpg" for frame in range(5)]


def test_without_a_world_each_frame_is_a_file(apart: ArtifactStore, tmp_path: Path) -> None:
    for name in ("points", "gaussians"):
        export_scene(apart, LIFTED, name, tmp_path / name)
        assert len(list((tmp_path / name / LIFTED).glob("*.ply"))) == 5
    export_scene(apart, LIFTED, "gaussians", tmp_path / "objects", options={"which": "objects"})
    found = [len(np.load(path)) for path in (tmp_path / "objects" / LIFTED).glob("*.npy")]
    assert sum(found) == len(of(apart).gaussians("object")) == len(of(apart).gaussians("mask"))
    with pytest.raises(BadInput, match="needs a pose of every frame"):
        export_scene(apart, LIFTED, "colmap", tmp_path / "colmap")
    with pytest.raises(BadInput, match="world coordinates"):
        of(apart).points()
