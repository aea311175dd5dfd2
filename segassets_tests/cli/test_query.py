"""A scene asked from the command line and in Python: pictures without depth, and a room of known instances."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import segassets
from segassets.assets.coco_masks import coco_masks
from segassets.assets.depth import depth_maps
from segassets.assets.embeddings import mask_embeddings
from segassets.assets.frames import frames
from segassets.assets.instances import scene_instances
from segassets.assets.quality import instance_quality
from segassets.cli.app import app
from segassets.errors import BadInput, MissingInput
from segassets.media.pictures import read_picture
from segassets_tests.deployment import Deployment, add_tiny_model, make_deployment, run_assets

pytestmark = pytest.mark.filterwarnings("ignore")
SETTINGS = {
    "SEGASSETS_INSTANCES__MASKS": "coco_masks",
    "SEGASSETS_EMBEDDINGS__MASKS": "coco_masks",
    "SEGASSETS_DEPTH_MODEL": "depth-local",  # whose weights are not there: pictures stay without depth
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A scene of pictures with annotations and a room, both with instances of the true masks."""
    found = make_deployment(tmp_path_factory.mktemp("asked"), scenes=1)
    room = {"frames": 4, "size_px": [96, 96], "moving_fraction": 0, "late_fraction": 0}
    config = {
        "layout": "rooms",
        "root": str(found.folder / "rooms"),
        "options": {"room": room, "first_seed": 5},
    }
    (found.folder / "configs" / "datasets" / "made.yaml").write_text(
        yaml.safe_dump({"name": "made", **config})
    )
    deployment = Deployment(found.folder, [*found.keys, "made.room_0000"])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**deployment.environ, **add_tiny_model(deployment), **SETTINGS}.items():
            patch.setenv(name, value)
        assets = [frames, coco_masks, depth_maps, mask_embeddings, scene_instances]
        with dg.DagsterInstance.ephemeral() as instance:
            for key in deployment.keys:
                result = run_assets(instance, assets, [key], deployment, checks=[instance_quality])
                assert result.success, [event.message for event in result.all_events if event.is_failure]
            figures = next(
                item.metadata
                for item in result.get_asset_check_evaluations()
                if item.check_name == "instance_quality"
            )
    assert figures["ap50"].value == 1.0 and figures["true_instances"].value > 3
    return deployment


@pytest.fixture
def asked(made: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return made


def ask(*words: str) -> dict:
    done = CliRunner().invoke(app, ["query", *words, "--json"])
    assert done.exit_code == 0, done.output
    found: dict = json.loads(done.stdout)
    return found


def test_a_room(asked: Deployment) -> None:
    scene = segassets.open(asked.output).scene("made.room_0000")
    stored = scene.instances()
    found = ask("room_0000", "the tallest thing", "--top", "2")
    tall = {row["instance_id"]: np.ptp(stored.points(row).xyz[:, 2]) for row in stored.rows}
    best = found["answer"][0]
    assert len(found["answer"]) == 2 and tall[best["instance_id"]] == max(tall.values())
    assert best["space"] == "world" and len(best["center"]) == 3 and best["relevancy"] is None
    assert read_picture(found["picture"]).shape[2] == 3 and not found["notes"]
    looks = ask("made.room_0000", "the red sphere near the tallest thing", "--picture", "here.png")
    assert 0 < looks["answer"][0]["relevancy"] < 1 and Path("here.png").is_file()
    assert looks["answer"][0]["beside"]
    answer = scene.query("the tallest thing")
    assert answer.records()[0]["instance_id"] == best["instance_id"]


def test_pictures_without_depth(asked: Deployment) -> None:
    found = ask("shard-0000", "the largest thing left of the smallest thing")
    assert found["answer"][0]["space"] == "none" and found["answer"][0]["center"] is None
    assert any("no place in space" in note for note in found["notes"])
    assert any("judged in the pictures" in note for note in found["notes"])


def test_what_cannot_be_asked(asked: Deployment) -> None:
    runner = CliRunner()
    for words, error, text in (
        (["nowhere", "a cup"], MissingInput, "no scene nowhere"),
        (["room_0000", "the cup left of"], BadInput, "expected a thing behind"),
    ):
        done = runner.invoke(app, ["query", *words])
        assert isinstance(done.exception, error) and text in str(done.exception)


def test_evaluation_of_true_masks(asked: Deployment) -> None:
    done = CliRunner().invoke(app, ["evaluate-instances", "-d", "made", "--json"])
    found = json.loads(done.stdout)
    assert found["ap50"] == 1.0 == found["ap25"] and found["unfused"]["recall50"] == 1.0
    stored = CliRunner().invoke(app, ["evaluate-instances", "-d", "shapes"])
    assert isinstance(stored.exception, BadInput) and "expected tracked objects" in str(stored.exception)
