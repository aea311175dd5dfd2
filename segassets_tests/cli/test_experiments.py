"""`train`, `evaluate`, `thresholds` and `experiments` without a training: what they say, write, refuse."""

from __future__ import annotations

import json
import sys

import pytest
import yaml
from dagster import DagsterInstance

from segassets.cli.app import main
from segassets.orchestration.partitions import EXPERIMENT, registered_keys
from segassets_tests.training_deployment import add_experiment, make_training_deployment


@pytest.fixture
def deployment(tmp_path, monkeypatch):
    made = make_training_deployment(tmp_path / "deployment")
    for name in ("SEGASSETS_TAG", "SEGASSETS_TAGS", "SEGASSETS_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SEGASSETS_CONFIGS", "SEGASSETS_OUTPUT_ROOT", "DAGSTER_HOME"):
        monkeypatch.setenv(name, made.environ[name])
    (made.folder / "configs" / "runs" / "one.yaml").write_text("name: one\ndatasets: [shapes]\n")
    monkeypatch.chdir(tmp_path)
    return made


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


def registered() -> list[str]:
    with DagsterInstance.get() as instance:
        return registered_keys(instance, EXPERIMENT)


WRONG = [
    (["train", "shaeps"], 2, ["no 'shaeps'", "'shapes'", "configs/experiments"]),
    (["train", "nothing-*"], 2, ["no 'nothing-*'"]),
    (["train", "elsewhere.yaml"], 2, ["copy elsewhere.yaml there"]),
    (["train", "trainer.max_steps=2"], 2, ["expected the name of an experiment"]),
    (["train", "shapes", "scene:shapes.shard-0000"], 2, ["found both"]),
    (["train", "shapes", "trainer.max_stesp=2", "--dry-run"], 2, ["max_stesp", "max_steps"]),
    (["train", "scene:shapes.shard-0000", "--masks", "tracks"], 2, ["--masks", "annotations"]),
    (["train", "scene:shapes.nowhere", "--dry-run"], 2, ["shapes.nowhere"]),
    (["evaluate", "shapes"], 2, ["sam2_checkpoint of shapes is not", "segassets train shapes"]),
    (["evaluate", "--filter", "rooms"], 2, ["no experiment that is trained matches 'rooms'"]),
    (["evaluate", "tiny"], 2, ["--dataset"]),
    (["thresholds", "shapes"], 2, ["segassets train shapes"]),
    (["thresholds", "shapes", "agregation=x"], 2, ["agregation", "aggregation"]),
    (["thresholds", "scene:shapes.shard-0000"], 2, ["segassets train scene:shapes.shard-0000"]),
    (["experiments", "show", "shaeps"], 2, ["'shapes'"]),
    (["experiments", "compare"], 2, ["no experiment with results"]),
    (["experiments", "generate", "shapes", "--losses", "dice"], 2, ["dice-only"]),
    (
        ["run", "one", "model=experiment:shapes", "--dry-run"],
        2,
        ["segassets train shapes"],
    ),
]


@pytest.mark.parametrize(("words", "code", "said"), WRONG, ids=[" ".join(words) for words, *_ in WRONG])
def test_what_is_wrong_is_said_with_what_to_do(segassets, words, code, said):
    found, out, err = segassets(*words)
    assert found == code, out + err
    for text in said:
        assert text in err, err


COMMANDS = ["train", "evaluate", "thresholds"]
COMMANDS += [f"experiments {name}" for name in ("list", "show", "generate", "compare", "sync")]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(segassets, command):
    code, out, _ = segassets(*command.split(), "--help")
    assert code == 0 and "Example" in out and f"segassets {command}" in out


def test_the_list_tells_how_far_each_has_come(segassets):
    assert segassets("experiments", "sync")[0] == 0
    assert registered() == ["scene_adapt", "shapes"]
    rows = json.loads(segassets("experiments", "list", "--json")[1])
    assert [(row["name"], row["state"], row["registered"]) for row in rows] == [
        ("scene_adapt", "-", True),
        ("shapes", "-", True),
    ]
    assert rows[1]["prompt"] == "box" and rows[1]["data"] == "shapes"


def test_a_wrong_file_does_not_hide_the_others(segassets, deployment):
    (deployment.folder / "configs" / "experiments" / "broken.yaml").write_text("name: broken\nmodle: nano\n")
    rows = json.loads(segassets("experiments", "list", "--json")[1])
    assert {row["name"]: row["state"] for row in rows} == {
        "broken": "wrong file",
        "scene_adapt": "-",
        "shapes": "-",
    }


def test_a_new_file_becomes_a_partition_without_code(segassets, deployment):
    segassets("experiments", "sync")
    add_experiment(deployment, "later")
    code, out, _ = segassets("experiments", "sync")
    assert code == 0 and "1 new experiments registered, 3 files" in out
    assert registered() == ["scene_adapt", "shapes", "later"]


def test_show_prints_every_setting_or_those_that_are_changed(segassets):
    whole = yaml.safe_load(segassets("experiments", "show", "shapes", "trainer.max_steps=9")[1])
    assert whole["trainer"]["max_steps"] == 9 and whole["optimizer"]["betas"] == [0.9, 0.999]
    changed = yaml.safe_load(segassets("experiments", "show", "shapes", "--changed")[1])
    assert "optimizer" not in changed and changed["image_size"] == 64


def test_combinations_are_written_and_registered(segassets, deployment):
    words = ["experiments", "generate", "shapes", "--prompts", "box,mask", "--losses", "focal-main,dice-only"]
    code, out, err = segassets(*words, "trainer.max_steps=1", "--json")
    assert code == 0, err
    names = [
        f"shapes-{prompt}-{loss}-memory" for prompt in ("box", "mask") for loss in ("focal-main", "dice-only")
    ]
    assert json.loads(out)["registered"] == names and registered() == names
    shown = yaml.safe_load(segassets("experiments", "show", names[1])[1])
    assert shown["loss"]["preset"] == "dice-only" and shown["trainer"]["max_steps"] == 1
    assert json.loads(segassets(*words, "trainer.max_steps=1", "--json")[1])["registered"] == []
    plan = json.loads(segassets("train", "shapes-*", "--dry-run", "--json")[1])
    assert [item["key"] for item in plan["items"]] == sorted(names)


def test_a_dry_run_makes_and_registers_nothing(segassets, deployment):
    code, out, _ = segassets("train", "shapes", "--dry-run", "--json")
    assert code == 0 and json.loads(out)["items"] == [
        {"key": "shapes", "asset": "sam2_checkpoint", "state": "missing", "why": ""}
    ]
    code, out, _ = segassets("train", f"scene:{deployment.keys[0]}", "--dry-run", "--json")
    assert [item["asset"] for item in json.loads(out)["items"]] == [
        "frames", "coco_masks", "training_clips", "sam2_scene_checkpoint",
    ]  # fmt: skip
    assert not deployment.output.exists() and registered() == []
