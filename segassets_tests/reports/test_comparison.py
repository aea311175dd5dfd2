"""Comparison renders: which files, which panels, one colour for what belongs together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from segassets.datasets.frames import FrameSource
from segassets.masks.table import empty_masks
from segassets.media.draw import colour_of
from segassets.media.pictures import read_picture
from segassets.reports.comparison import write_comparison
from segassets.reports.config import ComparisonConfig
from segassets.reports.overlays import UNMATCHED, at_width, same_as_tracks
from segassets.storage.store import ArtifactStore
from segassets_tests.made_scene import (
    CATEGORIES,
    FRAME_COUNT,
    HEIGHT,
    SCENE,
    WIDTH,
    candidate_table,
    make_store,
    track_table,
    true_masks,
    truth_table,
)


def frames_and_source(store: ArtifactStore, root: Path) -> tuple[pa.Table, FrameSource]:
    import segassets

    frames = segassets.open(store.root).scene(SCENE).frames()
    return frames, FrameSource(frames, str(root / "footage"))


def write(tmp_path: Path, config: ComparisonConfig, **tables: pa.Table | None) -> dict:
    frames, source = frames_and_source(make_store(tmp_path), tmp_path)
    given = {"tracks": track_table(), "candidates": candidate_table(), "truth": truth_table(), **tables}
    out = tmp_path / "out"
    out.mkdir()
    return write_comparison(
        source, scene=SCENE, frames=frames, out_dir=out, config=config, categories=CATEGORIES, **given
    )


def test_files_panels_and_index(tmp_path: Path) -> None:
    index = write(tmp_path, ComparisonConfig(stride=2))
    assert json.loads((tmp_path / "out" / "index.json").read_text()) == index
    assert index["panels"] == ["frame", "truth", "candidates", "tracks"]
    assert index["levels"] == [2, 4]
    first = index["images"][0]
    assert first == {
        "file": "frame_000010_L2.png",
        "frame": 0,
        "source_frame": 10,
        "level": 2,
        "truth": 2,
        "candidates": 2,
        "tracks": 2,
    }
    assert {item["frame"] for item in index["images"]} == {0, 2, 4}
    for item in index["images"]:
        sheet = read_picture(tmp_path / "out" / item["file"])
        assert sheet.shape[1] >= 4 * 2 * WIDTH  # small frames are enlarged twice


def test_what_belongs_together_has_one_colour(tmp_path: Path) -> None:
    index = write(tmp_path, ComparisonConfig(labels=False, alpha=1.0, max_frames=1))
    sheet = read_picture(tmp_path / "out" / index["images"][0]["file"])
    inside = np.argwhere(true_masks(0)[1]).mean(0).round().astype(int)
    top = sheet.shape[0] - 2 * HEIGHT - 6
    for panel in (1, 2, 3):
        x = 6 + panel * (2 * WIDTH + 6) + 2 * inside[1]
        assert tuple(sheet[top + 2 * inside[0], x]) == colour_of(1)


def test_frames_that_are_no_keyframes_say_so(tmp_path: Path) -> None:
    index = write(tmp_path, ComparisonConfig(max_frames=0, levels=[2]))
    by_frame = {item["frame"]: item["candidates"] for item in index["images"]}
    assert by_frame == {0: 2, 1: None, 2: 2, 3: None, 4: 2}


@pytest.mark.parametrize(
    ("tables", "panels", "levels"),
    [
        ({"truth": None}, ["frame", "candidates", "tracks"], [2, 4]),
        ({"truth": None, "candidates": None}, ["frame", "tracks"], [2, 4]),
        ({"tracks": empty_masks()}, ["frame", "truth", "candidates", "tracks"], [2, 4]),
        ({"tracks": empty_masks(), "candidates": None, "truth": None}, ["frame", "tracks"], [2]),
    ],
)
def test_what_is_missing_has_no_panel(tmp_path: Path, tables: dict, panels: list, levels: list) -> None:
    index = write(tmp_path, ComparisonConfig(max_frames=3), **tables)
    assert (index["panels"], index["levels"]) == (panels, levels)
    assert len(index["images"]) == 3 * len(levels)


def test_parts_are_judged_against_true_parts(tmp_path: Path) -> None:
    index = write(tmp_path, ComparisonConfig(max_frames=1, levels=[2, 4, 6]))
    assert [item["truth"] for item in index["images"]] == [2, 1, 1]
    assert [item["tracks"] for item in index["images"]] == [2, 1, 0]


def test_at_width_enlarges_at_most_twice() -> None:
    picture = np.zeros((10, 20, 3), np.uint8)
    assert at_width(picture, 15).shape == (8, 15, 3)
    assert at_width(picture, 30).shape == (15, 30, 3)
    assert at_width(picture, 500).shape == (20, 40, 3)
    assert at_width(picture, 20) is picture


def test_same_as_tracks_is_one_to_one() -> None:
    tracks = track_table().filter(pa.array([row["frame"] == 0 for row in track_table().to_pylist()]))
    twice = pa.concat_tables([tracks, tracks])
    found = same_as_tracks(twice, tracks)
    assert sorted(found)[:3] == [1, 2, 3]
    assert all(identity >= UNMATCHED for identity in sorted(found)[3:])
    assert same_as_tracks(empty_masks(), tracks) == []
    assert FRAME_COUNT == 5
