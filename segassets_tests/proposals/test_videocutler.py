"""VideoCutLER as a program of its own: what it is told, what it leaves, how its failures are named and listed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from segassets.errors import BadConfig, EngineFailed, MissingInput
from segassets.masks import rle
from segassets.proposals.pseudo_config import MaskFolders, VideocutlerConfig
from segassets.proposals.pseudo_masks import read_scene
from segassets.proposals.videocutler import classify, run_videocutler
from segassets_tests.proposals.test_pseudo_masks import HEIGHT, WIDTH, footage

STAND_IN = Path(__file__).with_name("videocutler_stand_in.py")


@pytest.fixture
def settings(tmp_path):
    """A function from a behaviour and further settings to a configuration whose files are there."""
    root = tmp_path / "cutler"
    root.mkdir()
    (root / "run.py").write_text(STAND_IN.read_text())
    for name in ("config.yaml", "weights.pth"):
        (root / name).write_text("")

    def make(behaviour: str = "works", **values) -> VideocutlerConfig:
        own = {"root": str(root), "python": sys.executable, "script": "run.py", "config_file": "config.yaml"}
        own |= {"weights": "weights.pth", "arguments": ["--behave", behaviour]}
        return VideocutlerConfig(**{**own, **values})

    return make


def run(tmp_path, config, scene="a.b", device="cpu", count=4):
    source = footage(tmp_path / "in", range(count), first=100)
    return run_videocutler(source, scene, config, tmp_path / "work" / scene, tmp_path / "records", device)


def listed(tmp_path, name: str) -> list[str]:
    return (tmp_path / "records" / f"{name}.txt").read_text().split()


def test_what_it_is_told_and_what_it_leaves(tmp_path, settings, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    folder, record = run(tmp_path, settings(confidence=0.7), device="cuda:1")
    assert record.status == "done" and record.masks == record.frames == 4 and record.exit_code == 0
    assert "confidence 0.7, GPU '7', weights weights.pth" in Path(record.log).read_text()
    source = footage(tmp_path / "in", range(4), first=100)
    found = read_scene(folder, source, "a.b", MaskFolders(root="x"), by_position=True)
    assert found.frames == [0, 1, 2, 3] and set(found.masks.column("track_id").to_pylist()) == {1}
    mask = rle.decode(found.masks.column("rle_counts")[3].as_py(), HEIGHT, WIDTH)
    assert mask[4:16, 7:23].all() and mask.sum() == 12 * 16
    assert not list((tmp_path / "work").rglob("*.jpg"))  # the pictures it was given are gone


def test_a_finished_call_is_not_repeated(tmp_path, settings):
    run(tmp_path, settings())
    _, record = run(tmp_path, settings("raises"))
    assert record.status == "done" and record.masks == 4


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        ("oom", "oom"),
        ("killed", "oom"),
        ("raises", "exception"),
        ("incomplete", "incomplete"),
        ("silent", "exception"),
    ],
)
def test_failures_are_named_and_listed(tmp_path, settings, behaviour, status):
    with pytest.raises(EngineFailed, match=rf"scene a\.b: VideoCutLER: {status}"):
        run(tmp_path, settings(behaviour, timeout_s=2.0 if behaviour == "silent" else 60))
    assert listed(tmp_path, f"failed_{status}") == ["a.b"] == listed(tmp_path, "failed_all")
    assert json.loads((tmp_path / "records" / "a.b.json").read_text())["status"] == status
    run(tmp_path, settings())  # begins anew, and the lists forget it
    assert listed(tmp_path, f"failed_{status}") == listed(tmp_path, "failed_all") == []


@pytest.mark.parametrize("behaviour", ["empty", "exits"])
def test_a_video_without_instances_is_ordinary(tmp_path, settings, behaviour):
    folder, record = run(tmp_path, settings(behaviour))
    assert record.status == "empty" and listed(tmp_path, "empty_videos") == ["a.b"]
    assert listed(tmp_path, "failed_empty") == ["a.b"] and listed(tmp_path, "failed_all") == []
    source = footage(tmp_path / "in", range(4), first=100)
    assert read_scene(folder, source, "a.b", MaskFolders(root="x"), by_position=True).masks.num_rows == 0


def test_what_is_not_there_is_named(tmp_path, settings):
    with pytest.raises(MissingInput, match=r"videocutler\.weights"):
        run(tmp_path, settings(weights="none.pth"))
    with pytest.raises(BadConfig, match=r"videocutler\.python"):
        run(tmp_path, settings(python="no-such-python"))


@pytest.mark.parametrize(
    ("exit_code", "masks", "log", "status"),
    [
        (0, 4, "", "done"),
        (1, 4, "could not write the video", "done"),  # all pictures are there
        (None, 1, "", "exception"),
        (-9, 0, "", "oom"),
        (1, 2, "RuntimeError: CUDA out of memory", "oom"),
        (0, 3, "", "incomplete"),
    ],
)
def test_kinds_of_endings(exit_code, masks, log, status):
    assert classify(exit_code, masks, 4, log) == status
