"""The convert commands as they are typed: what they write, what they say, how they end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from segassets.cli.app import main
from segassets.media.pictures import write_png
from segassets_tests.datasets.made_surgery import make_endovis18
from segassets_tests.exports.convert.made import (
    annotation,
    as_rle,
    block,
    coco,
    image,
    picture,
    roboflow,
    write,
)


@pytest.fixture
def segassets(monkeypatch, capsys, tmp_path):
    """Run a command line in an empty folder; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["segassets", "convert", *words])
        code: object = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return int(str(code or 0)), out, err

    return call


def test_endovis(segassets, tmp_path: Path) -> None:
    make_endovis18(tmp_path / "in")
    code, out, _ = segassets(
        "endovis", "--input-dir", "in", "--output-file", "out/a.json", "--image-root", "/x"
    )
    assert code == 0 and "2 videos, 12 pictures" in out
    images = json.loads((tmp_path / "out" / "a.json").read_text())["images"]
    assert images[0]["path"] == "/x/seq_1/left_frames/frame000.png"


def test_coco_video(segassets, tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / "film" / f"{number}.png")
        write_png(tmp_path / "film" / "maps" / f"{number}.png", block(1, 1, 4, 4).astype(np.uint8))
    write(tmp_path / "configs" / "film.yaml", {
        "name": "film", "layout": "folder", "root": str(tmp_path / "film"), "options": {"annotations": "maps"},
    })  # fmt: skip
    words = ("coco-video", "configs/film.yaml", "--output-file", "a.json", "--masks", "instance", "--json")
    code, out, err = segassets(*words)
    assert code == 0, err
    assert json.loads(out)["by_category"] == {"object": 2}
    assert [item["track_id"] for item in COCO("a.json").anns.values()] == [1, 1]


def test_sa1b(segassets, tmp_path: Path) -> None:
    roboflow(tmp_path / "in")
    code, out, _ = segassets("sa1b", "--input-dir", "in", "--output-dir", "out", "--names", "sa")
    assert code == 0 and "hardlink 1, jpeg 1" in out
    assert (tmp_path / "out" / "valid" / "sa_0.json").is_file()


def test_opening(segassets, tmp_path: Path) -> None:
    hair = annotation(2, 1, as_rle(block(1, 1, 1, 20)), category=2)
    document = coco([image(1, "a.png")], [annotation(1, 1, as_rle(block(9, 9, 9, 9))), hair])
    write(tmp_path / "in.json", document)
    code, out, _ = segassets("opening", "--input-json", "in.json", "--output-json", "out.json")
    assert code == 0 and "1 masks kept (0 lost pixels), 1 dropped (door 1)" in out
    assert list(COCO("out.json").anns) == [1]


def test_runs_both_ways(segassets, tmp_path: Path) -> None:
    write_png(tmp_path / "in" / "a.png", block(1, 1, 4, 4).astype(np.uint8))
    assert segassets("labels-to-rle", "--input", "in", "--output", "runs")[0] == 0
    code, out, _ = segassets("rle-to-labels", "--input", "runs", "--output", "back", "--palette", "--json")
    assert code == 0 and json.loads(out) == {"files": 1, "runs": 9, "values": [0, 1]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["endovis", "--input-dir", "gone", "--output-file", "a.json"], ["gone", "nothing"]),
        (
            ["sa1b", "--input-dir", ".", "--output-dir", "out", "--pictures", "hard"],
            ["--pictures", "'hardlink'"],
        ),
        (["sa1b", "--input-dir", ".", "--output-dir", "out", "--fractions", "1,x,2"], ["--fractions", "x"]),
        (["opening", "--input-json", "gone.json", "--output-json", "a.json"], ["gone.json"]),
        (["coco-video", "gone.yaml", "--output-file", "a.json"], ["gone.yaml"]),
        (["rle-to-labels", "--input", "gone.json", "--output", "a.png"], ["gone.json"]),
    ],
)
def test_errors_are_one_message(segassets, tmp_path: Path, words: list[str], said: list[str]) -> None:
    code, _, err = segassets(*words)
    assert code == 2 and err.startswith("error: ")
    assert all(word in err for word in said)
    assert list(tmp_path.iterdir()) == []
