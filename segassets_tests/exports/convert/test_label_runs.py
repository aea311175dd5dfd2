"""Label pictures to multi-class run lengths and back: every pixel the same, bad files named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segassets.errors import BadConfig, BadInput, MissingInput, SegassetsError
from segassets.exports.convert.label_runs import labels_to_runs, runs_to_labels
from segassets.media.pictures import read_labels, write_png
from segassets_tests.exports.convert.made import picture, write
from segassets_tests.shared_data import shared_data


def made_labels(folder: Path) -> dict[str, np.ndarray]:
    """Gray of 8 and 16 bits and a palette picture, of different sizes."""
    rng = np.random.default_rng(0)
    maps = {
        "a": rng.integers(0, 4, (20, 30)).astype(np.uint8),
        "b.v2": (rng.integers(0, 3, (7, 5)) * 1000).astype(np.uint16),
        "c": np.zeros((3, 4), np.uint8),
    }
    for name, labels in maps.items():
        write_png(folder / f"{name}.png", labels, palette=name == "a")
    return maps


def test_folders_both_ways(tmp_path: Path) -> None:
    maps = made_labels(tmp_path / "in")
    result = labels_to_runs(tmp_path / "in", tmp_path / "runs")
    assert (result.files, result.values) == (3, [0, 1, 2, 3, 1000, 2000])
    assert json.loads((tmp_path / "runs" / "c.json").read_text()) == {
        "size": [3, 4],
        "values": [0],
        "counts": [12],
    }
    assert runs_to_labels(tmp_path / "runs", tmp_path / "back").runs == result.runs
    for name, labels in maps.items():
        assert np.array_equal(read_labels(tmp_path / "back" / f"{name}.png"), labels)


def test_single_files_and_palette(tmp_path: Path) -> None:
    maps = made_labels(tmp_path / "in")
    labels_to_runs(tmp_path / "in" / "a.png", tmp_path / "a.json")
    runs_to_labels(tmp_path / "a.json", tmp_path / "in", palette=True)
    with Image.open(tmp_path / "in" / "a.png") as opened:
        assert opened.mode == "P" and np.array_equal(np.asarray(opened), maps["a"])


def test_real_annotations(tmp_path: Path) -> None:
    source = next(shared_data("davis16_dev/Annotations").rglob("00000.png"))
    result = labels_to_runs(source, tmp_path / "runs.json")
    assert result.values == [0, 255]
    runs_to_labels(tmp_path / "runs.json", tmp_path / "back.png")
    assert np.array_equal(read_labels(tmp_path / "back.png"), read_labels(source))
    assert (tmp_path / "runs.json").stat().st_size < 20_000


RUNS = {"size": [2, 2], "values": [0, 1], "counts": [1, 3]}


@pytest.mark.parametrize(
    ("runs", "kind", "words"),
    [
        pytest.param({**RUNS, "counts": [1, 4]}, BadInput, ["bad.json", "4 (2 x 2", "5"], id="sum"),
        pytest.param({**RUNS, "values": [0, -1]}, BadInput, ["bad.json", "-1"], id="value no PNG can hold"),
        pytest.param([RUNS], BadInput, ["bad.json", "list"], id="a list"),
        pytest.param(None, MissingInput, ["bad.json"], id="no file"),
    ],
)
def test_bad_runs_name_the_file(tmp_path: Path, runs: object, kind: type, words: list[str]) -> None:
    if runs is not None:
        write(tmp_path / "bad.json", runs)
    with pytest.raises(kind) as caught:
        runs_to_labels(tmp_path / "bad.json", tmp_path / "out.png")
    assert all(word in str(caught.value) for word in words)
    assert not (tmp_path / "out.png").exists()


def test_what_cannot_be_converted(tmp_path: Path) -> None:
    colours = picture(tmp_path / "rgb.png")
    with pytest.raises(BadInput, match=r"rgb\.png: expected a palette or gray picture"):
        labels_to_runs(colours, tmp_path / "out.json")
    with pytest.raises(MissingInput, match="a folder without any"):
        runs_to_labels(tmp_path, tmp_path / "out")
    write_png(tmp_path / "x.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(BadConfig, match="replace its own input"):
        labels_to_runs(tmp_path / "x.png", tmp_path / "x.png")
    (tmp_path / "x.bmp").write_bytes((tmp_path / "x.png").read_bytes())
    with pytest.raises(SegassetsError, match=r"x\.bmp and x\.png .* both become x\.json"):
        labels_to_runs(tmp_path, tmp_path / "out")
