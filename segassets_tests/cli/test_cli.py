"""The command line in this process: what it says, where it writes, how errors end it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from dagster import AssetKey, DagsterInstance
from PIL import Image

from segassets.cli.app import main
from segassets.config.settings import StageToggles
from segassets.exports.registry import FORMATS
from segassets_tests.made_scene import SCENE, make_store

NO_NETWORKS = [
    f"stages.{name}=false" for name in StageToggles.model_fields if name not in ("frames", "coco_masks")
]


@pytest.fixture
def deployment(tmp_path, monkeypatch):
    """An empty working folder with a dataset of two scenes of three pictures, and a run configuration."""
    for scene in ("a", "b"):
        (tmp_path / "footage" / scene).mkdir(parents=True)
        for number in range(3):
            picture = np.full((16, 24, 3), 40 * number, np.uint8)
            Image.fromarray(picture).save(tmp_path / "footage" / scene / f"{number}.png")
    for name in ("datasets", "runs", "models"):
        (tmp_path / "configs" / name).mkdir(parents=True)
    (tmp_path / "configs" / "datasets" / "toy.yaml").write_text("layout: folder\nroot: footage\n")
    (tmp_path / "configs" / "runs" / "toy.yaml").write_text("name: toy\ndatasets: [toy]\n")
    for name in (
        "DAGSTER_HOME",
        "SEGASSETS_CONFIGS",
        "SEGASSETS_OUTPUT_ROOT",
        "SEGASSETS_TAG",
        "SEGASSETS_DEBUG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def segassets(deployment, monkeypatch, capsys):
    """Run a command line; (exit code, stdout, stderr)."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["segassets", *words])
        code: object = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return int(str(code or 0)), out, err

    return call


WRONG = [
    # command line, exit code, words of the message
    (["run", "tyo"], 2, ["no run configuration tyo", "'toy'"]),
    (["run", "toy", "levles=2"], 2, ["'levles'", "'levels'"]),
    (["run", "toy", "tracking.max_propgate=2"], 2, ["'tracking.max_propgate'", "'max_propagate'"]),
    (["run", "toy", "--levels", "2,two"], 2, ["candidates.levels", "two"]),
    (["run", "toy", "--scenes", "c", *NO_NETWORKS], 2, ["no scene 'c'"]),
    (["run", "toy", "--datasets", "tyo", *NO_NETWORKS], 2, ["unknown dataset 'tyo'", "'toy'"]),
    (["run", "toy", "--model", "nono", "--dry-run"], 2, ["no 'nono'", "models"]),
    (["run", "toy", "--frames", "a:b"], 2, ["'frames'", "a:b"]),
    (["run", "toy", "--frames", "5:9", "--dry-run", *NO_NETWORKS], 2, ["toy.a", "5:9"]),
    (["run", "toy", "--tag", "../x"], 2, ["'tag'", "../x"]),
    (["run", "toy", "--device", "gpu"], 2, ["'device'", "gpu"]),
    (["run", "toy", "--memory-events", "absent", *NO_NETWORKS], 2, ["memory_events", "absent"]),
    (["run", "toy", "--dry-run", "stages.frames=false", *NO_NETWORKS], 2, ["stages.frames=true"]),
    (["run"], 2, ["Missing argument"]),
    (["compare", "main", "other"], 2, ["nothing to compare", "tag other"]),
    (["export", "davs", "out"], 2, ["'davs'", "'davis'"]),
    (["export", "davis", "out"], 2, ["nothing to export"]),
    (["scenes", "add", "absent"], 2, ["absent"]),
]


@pytest.mark.parametrize(("words", "code", "said"), WRONG)
def test_wrong_input_is_one_clear_message(segassets, words, code, said):
    found, out, err = segassets(*words)
    assert not [text for text in said if text not in err], err
    assert found == code
    assert "Traceback" not in err + out


def test_a_traceback_only_when_asked_for(segassets, monkeypatch):
    monkeypatch.setenv("SEGASSETS_DEBUG", "1")
    code, _, err = segassets("run", "tyo")
    assert code == 2
    assert "Traceback" in err


def test_dry_run_makes_nothing(segassets, deployment):
    code, out, _ = segassets("run", "toy", "--dry-run", *NO_NETWORKS)
    assert code == 0
    assert "4 would be made" in out
    assert str(deployment / ".segassets" / "artifacts" / "main") in out
    assert not (deployment / ".segassets" / "artifacts").exists()
    code, out, _ = segassets("run", "toy", "--dry-run", "--json", *NO_NETWORKS)
    states = {(item["scene"], item["asset"]): item["state"] for item in json.loads(out)["items"]}
    assert states["toy.b", "coco_masks"] == "missing"
    assert states["toy.b", "sam2_tracks"] == "off"


@pytest.mark.filterwarnings("ignore:Asset job")
def test_run_then_history(segassets, deployment):
    code, out, err = segassets("run", "toy", "--tag", "night", *NO_NETWORKS)
    assert code == 0, err
    assert "4 artifacts made" in out
    assert "[4/4]" in err
    folder = deployment / ".segassets" / "artifacts"
    assert (folder / "night" / "coco_masks" / "toy.b" / "provenance.json").is_file()
    code, out, _ = segassets("run", "toy", "--tag", "night", "--json", *NO_NETWORKS)
    assert code == 0
    assert json.loads(out)["made"] == {}
    code, out, _ = segassets("history", "--json")
    records = json.loads(out)
    assert [(record["name"], record["tag"], record["status"]) for record in records] == [
        ("toy", "night", "done")
    ] * 2
    summary = json.loads((folder / ".runs" / records[0]["run_dir"] / "summary.json").read_text())
    assert summary["order"] == ["frames", "coco_masks"]
    assert summary["stages"]["frames"]["scenes"] == 2
    assert summary["stages"]["frames"]["resources"]["cpu"]["peak_rss_bytes"] > 0
    assert summary["environment"]["packages"]["dagster"]
    code, out, _ = segassets("scenes", "list", "--json")
    assert {scene["scene"]: scene["registered"] for scene in json.loads(out)["scenes"]} == {
        "toy.a": True,
        "toy.b": True,
    }


@pytest.mark.filterwarnings("ignore:Asset job")
def test_another_dagster_home_learns_what_is_stored(segassets, deployment, monkeypatch):
    segassets("run", "toy", *NO_NETWORKS)
    monkeypatch.setenv("DAGSTER_HOME", str(deployment / "another"))
    code, out, err = segassets("run", "toy", *NO_NETWORKS)
    assert code == 0, err
    assert "0 artifacts made" in out
    with DagsterInstance.from_config(str(deployment / "another")) as instance:
        assert instance.get_materialized_partitions(AssetKey("coco_masks")) == {"toy.a", "toy.b"}


@pytest.mark.filterwarnings("ignore:Asset job")
def test_a_scene_that_fails_is_named_and_the_rest_is_made(segassets, deployment):
    (deployment / "footage" / "a" / "1.png").write_bytes(b"no picture")
    code, out, err = segassets("run", "toy", *NO_NETWORKS)
    assert code == 1
    assert "toy.a" in err and "1.png" in err
    assert "1 of 2 scenes complete" in out


def test_scenes_are_synced_and_added(segassets, deployment):
    code, out, _ = segassets("scenes", "sync", "--json")
    assert code == 0
    assert json.loads(out)["registered"] == ["toy.a", "toy.b"]
    assert json.loads(segassets("scenes", "sync", "--json")[1])["registered"] == []
    code, out, err = segassets(
        "scenes", "add", str(deployment / "footage" / "a"), "--name", "mine", "--frames", "::2"
    )
    assert code == 0, err
    assert "mine" in out
    config = deployment / "configs" / "datasets" / "mine.yaml"
    assert "::2" in config.read_text()
    assert "mine" in segassets("scenes", "list", "-d", "mine")[1]


def test_compare_two_tags(segassets, deployment):
    make_store(deployment / "one")
    make_store(deployment / "one", tag="other")
    root = str(deployment / "one" / "artifacts")
    code, out, err = segassets("compare", "main", "other", "--output-root", root, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["scenes"] == [SCENE]
    assert found["together"]["main"] == found["together"]["other"]
    assert found["together"]["main"]["tracks"] == 3
    assert found["together"]["main"]["j"] > 0.5
    code, out, err = segassets(
        "compare", "main", "other", "--output-root", root, "--by-scene", "--page", "page"
    )
    assert "object_recall" in out
    assert str(deployment / "page" / "compare.html") in err
    assert (deployment / "page" / "compare.html").is_file()


def test_export_with_options(segassets, deployment):
    make_store(deployment / "one")
    root = str(deployment / "one" / "artifacts")
    code, out, err = segassets("export", "davis", "out/davis", "level=2", "--output-root", root)
    assert code == 0, err
    assert str(deployment / "out" / "davis") in out
    assert (deployment / "out" / "davis" / "export.json").is_file()
    assert segassets("export", "davis", "out/other", "levle=2", "--output-root", root)[0] == 2
    code, _, err = segassets("export", "records", "out/records", "--output-root", root)
    assert code == 0, err  # of every scene, whatever masks were made


def test_every_export_format_is_named_in_the_help(segassets):
    _, out, _ = segassets("export", "--help")
    _, listed, _ = segassets("export", "list")
    assert not [name for name in FORMATS if name not in out or name not in listed]


@pytest.mark.parametrize(
    "words",
    [["run"], ["export"], ["compare"], ["history"], ["doctor"], ["ui"]]
    + [["scenes", name] for name in ("list", "sync", "add")]
    + [["models", name] for name in ("list", "evaluate")],
)
def test_every_help_teaches_with_an_example(segassets, words):
    code, out, _ = segassets(*words, "--help")
    assert code == 0
    assert f"segassets {' '.join(words)}" in out
    assert "Example" in out


def test_help_starts_light():
    program = (
        "import sys; sys.argv = ['segassets', 'run', '--help']\n"
        "from segassets.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'dagster', 'numpy', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
