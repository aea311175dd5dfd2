"""Results opened from Python: lazily, checked, and without heavy imports."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import segassets
from segassets.errors import BadInput, MissingInput, StaleInput
from segassets.storage.provenance import Provenance
from segassets_tests.made_scene import FRAME_COUNT, HEIGHT, SCENE, WIDTH, make_store, true_masks


@pytest.fixture
def scene(tmp_path: Path) -> segassets.api.SceneResults:
    make_store(tmp_path)
    return segassets.open(tmp_path / "artifacts").scene(SCENE)


def test_scenes(tmp_path: Path) -> None:
    make_store(tmp_path)
    results = segassets.open(tmp_path / "artifacts")
    assert results.scenes() == results.scenes("sam2_tracks") == [SCENE]
    assert segassets.open(tmp_path / "artifacts", tag="other").scenes() == []


def test_tracks(scene: segassets.api.SceneResults) -> None:
    tracks = scene.tracks()
    assert (len(tracks), tracks.table.num_rows, tracks.frames) == (3, 12, list(range(FRAME_COUNT)))
    assert [track.track_id for track in tracks] == [1, 2, 3]
    assert len(tracks.to_pandas()) == 12
    small = tracks.track(3)
    assert (small.frames, small.level, small.row["retired_because"]) == ([0, 1], 2, "left_view")
    assert np.array_equal(small.mask(1), true_masks(1)[2])
    assert small.mask(4).shape == (HEIGHT, WIDTH) and not small.mask(4).any()
    assert [frame for frame, _ in small.masks()] == [0, 1]
    assert "3 tracks, 12 masks" in repr(tracks)
    with pytest.raises(BadInput, match="found 99"):
        tracks.track(99)


def test_masks(scene: segassets.api.SceneResults) -> None:
    candidates = scene.candidates()
    assert (len(candidates), len(scene.candidates(filtered=True))) == (9, 6)
    assert [mask.level for mask in candidates.select(frame=0)] == [2, 4, 2]
    assert np.array_equal(candidates.mask(1), true_masks(0)[1])
    first = copy.copy(next(iter(candidates)))
    assert first.area == true_masks(0)[1].sum() and first.array().shape == (HEIGHT, WIDTH)
    with pytest.raises(AttributeError, match="no column 'colour'"):
        _ = first.colour
    with pytest.raises(BadInput, match="found 'colour'"):
        candidates.select(colour=1)
    with pytest.raises(BadInput, match="found 99"):
        candidates.mask(99)


def test_an_empty_selection(scene: segassets.api.SceneResults) -> None:
    nothing = scene.candidates().select(level=6)
    assert (len(nothing), nothing.frames, list(nothing)) == (0, [], [])


def test_frames_annotations_categories_pictures_provenance(scene: segassets.api.SceneResults) -> None:
    assert scene.frames().column("source_frame").to_pylist() == [10, 12, 14, 16, 18]
    assert {mask.category_id for mask in scene.annotations()} == {0, 3, -1}
    assert scene.categories() == {0: "table", 3: "ball"}
    assert scene.pictures().read(0).shape == (HEIGHT, WIDTH, 3)
    assert scene.provenance("sam2_tracks").model["name"] == "nano"
    assert (scene.artifact("sam2_tracks").path / "stats.json").is_file()


def test_missing_and_stale_artifacts(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    with pytest.raises(MissingInput, match="mask_candidates"):
        segassets.open(tmp_path / "artifacts").scene("nobody.here").candidates()
    frames = store.peek("frames", SCENE)
    with store.create(Provenance("frames", SCENE, inputs={"footage": "changed"})) as folder:
        for file in frames.path.glob("*"):
            (folder / file.name).write_bytes(file.read_bytes())
    with pytest.raises(StaleInput, match=r"stored=.*expected="):
        segassets.open(tmp_path / "artifacts").scene(SCENE).tracks()
    assert len(segassets.open(tmp_path / "artifacts", allow_stale=True).scene(SCENE).tracks()) == 3


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        _ = segassets.opne


def test_importing_costs_nothing() -> None:
    code = "import sys, segassets; print(sorted({'numpy', 'pyarrow', 'torch', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
    code = "import sys, segassets; segassets.open; print(sorted({'torch', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
