"""`segassets convert` of tubes: mask pictures to pseudo tubes, categories taken away and given back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from segassets.cli.app import app
from segassets.datasets.ytvis_tubes import read_tube_file


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["convert", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def make_videos(root: Path) -> None:
    for name, masks in {"cup": 4, "pan": 1}.items():
        (root / "frames" / name).mkdir(parents=True)
        (root / "masks" / name).mkdir(parents=True)
        for frame in range(4):
            Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(root / "frames" / name / f"{frame:05d}.jpg")
            ids = np.zeros((20, 30), np.uint8)
            ids[2:9, 3 + frame : 12] = 1
            if frame < masks:
                Image.fromarray(ids).save(root / "masks" / name / f"mask_{frame:05d}.png")


def test_from_mask_pictures_to_categories(tmp_path):
    make_videos(tmp_path)
    tubes = tmp_path / "tubes.json"
    places = ("--mask-root", tmp_path / "masks", "--img-root", tmp_path / "frames", "--out-json", tubes)
    shown = run("videocutler", *places)
    assert "skipped: too_few_masks" in shown
    (tmp_path / "skip.txt").write_text("cup # blurred\n")
    options = (
        "--min-masks",
        1,
        "--min-coverage",
        0,
        "--skip-list",
        tmp_path / "skip.txt",
        "--absent-areas",
        "null",
    )
    record = json.loads(run("videocutler", *places, *options, "--skip-report", tmp_path / "s.json", "--json"))
    assert record["videos"] == 1 and record["skipped"] == {"in_skip_list": 1}
    assert json.loads((tmp_path / "s.json").read_text())["num_skipped"] == 1
    assert json.loads(tubes.read_text())["annotations"][0]["areas"] == [63, None, None, None]

    names = json.loads(tubes.read_text()) | {"categories": [{"id": 7, "name": "pan", "partition": 2}]}
    (tmp_path / "names.json").write_text(json.dumps(names | {"annotations": []}))
    (tmp_path / "given.json").write_text('{"1": 7}')
    run("attribute", "--in-json", tubes, "--attribution", tmp_path / "given.json", "--categories",
        tmp_path / "names.json", "--out-json", tmp_path / "named.json")  # fmt: skip
    assert read_tube_file(tmp_path / "named.json").partitions == {7: 2}
    run("class-agnostic", "--in-json", tmp_path / "named.json", "--out-json", tmp_path / "one.json")
    assert read_tube_file(tmp_path / "one.json").categories == {1: "object"}


def test_mistakes_are_named(tmp_path):
    arguments = [
        "convert",
        "videocutler",
        "--mask-root",
        str(tmp_path / "no"),
        "--out-json",
        str(tmp_path / "x.json"),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code != 0 and "expected a folder of videos" in result.output + str(result.exception)
    result = CliRunner().invoke(app, [*arguments, "--shared-ids", "guess"])
    assert result.exit_code != 0 and "--shared-ids" in result.output + str(result.exception)
