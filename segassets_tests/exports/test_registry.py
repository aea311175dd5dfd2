"""An export is whole or absent, replaces only an export of its own kind, and never takes another's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segassets.errors import BadConfig, BadInput, MissingInput, SegassetsError
from segassets.exports.registry import FORMATS, MARKER, export_scene
from segassets.storage.store import ArtifactStore
from segassets_tests.exports.made_lift import add_langsplat
from segassets_tests.lifted_scene import LIFTED, make_lifted_store
from segassets_tests.made_scene import SCENE, make_store

LIFTED_ASSETS = {"depth_lifts", "gaussians"}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_writes_a_record_and_can_be_repeated(tmp_path: Path, name: str) -> None:
    if name == "rrd":
        pytest.importorskip("rerun")
    lifted = FORMATS[name].of in LIFTED_ASSETS
    store, scene = (make_lifted_store(tmp_path), LIFTED) if lifted else (make_store(tmp_path), SCENE)
    if name == "langsplat":
        add_langsplat(store)
    for _ in range(2):
        record = export_scene(store, scene, name, tmp_path / "deep" / "out")
    assert json.loads((tmp_path / "deep" / "out" / MARKER).read_text()) == record
    assert record["files"] == sum(path.is_file() for path in (tmp_path / "deep" / "out").rglob("*"))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    masks = {"coco_masks", "mask_candidates", "filtered_masks", "sam2_tracks"}
    assert set(record["versions"][scene]) <= {"frames", *masks, *LIFTED_ASSETS, "langsplat_export"}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_option_has_a_default_and_a_description(name: str) -> None:
    FORMATS[name].options()
    assert all(field.description for field in FORMATS[name].options.model_fields.values())


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(BadInput, match="not an earlier export"):
        export_scene(store, SCENE, "coco", tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    export_scene(store, SCENE, "coco", tmp_path / "out")
    with pytest.raises(BadInput, match="format 'coco', not 'davis'"):
        export_scene(store, SCENE, "davis", tmp_path / "out")
    with pytest.raises(BadInput, match="a file or a link"):
        export_scene(store, SCENE, "coco", tmp_path / "mine" / "letter.txt")


@pytest.mark.parametrize(
    ("format", "options", "error", "words"),
    [
        ("coca", {}, BadConfig, "Did you mean 'coco'"),
        ("coco", {"level": [2]}, BadConfig, "Did you mean 'levels'"),
        ("coco", {"asset": "frames"}, BadInput, "an asset of masks"),
        ("coco", {"file_name": "../x.json"}, BadConfig, "file_name"),
        ("my3dis", {"mask_scale_ratio": 0}, BadConfig, "mask_scale_ratio"),
    ],
)
def test_wrong_requests_leave_nothing(
    tmp_path: Path, format: str, options: dict, error: type[SegassetsError], words: str
) -> None:
    with pytest.raises(error, match=words):
        export_scene(make_store(tmp_path), SCENE, format, tmp_path / "out", options=options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifacts", "footage"]


def test_missing_artifacts_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="frames of scene nobody"):
        export_scene(ArtifactStore(tmp_path), "nobody.here", "coco", tmp_path / "out")
