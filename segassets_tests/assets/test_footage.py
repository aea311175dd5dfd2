"""`frames` and `coco_masks` on real files: tables, selections, bad input, stale input."""

from __future__ import annotations

import json

import dagster as dg
import pyarrow.parquet as pq
import pytest
from PIL import Image

from segassets.assets.coco_masks import coco_masks
from segassets.assets.frames import frames
from segassets.masks.schemas import FRAMES, MASKS
from segassets.masks.table import read_table
from segassets.storage.store import ArtifactStore
from segassets_tests.deployment import run_assets

pytestmark = pytest.mark.filterwarnings("ignore:Asset job")


def failed_scenes(result) -> dict[str, str]:
    event = next(event for event in result.all_events if event.is_step_failure)
    return event.step_failure_data.user_failure_data.metadata["failed_scenes"].value


def path_of(deployment, asset: str, key: str):
    return ArtifactStore(deployment.output).peek(asset, key).path


def test_frames_and_annotations_of_every_scene(deployment):
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, [frames, coco_masks], deployment.keys, deployment)
        assert result.success
        for key in deployment.keys:
            table = read_table(path_of(deployment, "frames", key) / "frames.parquet", FRAMES)
            assert table.num_rows == 2 and table.column("annotated").to_pylist() == [True, True]
            masks = read_table(path_of(deployment, "coco_masks", key) / "masks.parquet", MASKS)
            assert masks.num_rows == 6 and set(masks.column("source").to_pylist()) == {"annotation"}
            run = json.loads((path_of(deployment, "coco_masks", key) / "run.json").read_text())
            assert run["seconds"] > 0 and run["peak_cpu_bytes"] > 0
        event = instance.fetch_materializations(coco_masks_key := dg.AssetKey("coco_masks"), limit=1).records[
            0
        ]
        metadata = event.asset_materialization.metadata
        assert coco_masks_key == event.asset_key and metadata["num_masks"].value == 6
        assert metadata["preview"].value.startswith("![coco_masks of shapes.")
    facts = json.loads((path_of(deployment, "frames", deployment.keys[0]) / "scene.json").read_text())
    assert facts["categories"] == {"0": "box", "1": "ball", "2": "roof"}


def test_a_frame_selection_reaches_the_annotations_too(deployment, monkeypatch):
    monkeypatch.setenv("SEGASSETS_FRAMES", "1:")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_assets(instance, [frames, coco_masks], deployment.keys, deployment).success
    masks = pq.read_table(path_of(deployment, "coco_masks", deployment.keys[0]) / "masks.parquet")
    assert set(masks.column("frame").to_pylist()) == {0}
    assert set(masks.column("source_frame").to_pylist()) == {1}


def test_a_selection_of_nothing_is_refused_by_scene_and_slice(deployment, monkeypatch):
    monkeypatch.setenv("SEGASSETS_FRAMES", "5:")
    with dg.DagsterInstance.ephemeral() as instance:
        told = failed_scenes(run_assets(instance, [frames], deployment.keys, deployment))
    assert set(told) == set(deployment.keys) and "'5:' selects none" in told[deployment.keys[0]]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "001_000.png"),  # truncated
        (lambda path: path.write_text("no picture"), "001_000.png"),
        (
            lambda path: Image.new("RGB", (20, 10)).save(path),
            "001_000.png",
        ),  # another size than the file says
    ],
)
def test_a_broken_picture_costs_its_own_scene_only(deployment, damage, words):
    damage(deployment.picture(1, 0))
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, [frames], deployment.keys, deployment)
        told = failed_scenes(result)
        assert list(told) == [deployment.keys[1]] and words in told[deployment.keys[1]]
        assert instance.get_materialized_partitions(dg.AssetKey("frames")) == {
            deployment.keys[0],
            deployment.keys[2],
        }


def test_footage_that_changed_since_frames_was_made_is_stale_input(deployment):
    with dg.DagsterInstance.ephemeral() as instance:
        run_assets(instance, [frames], deployment.keys, deployment)
        picture = deployment.picture(2, 0)
        Image.new("RGB", Image.open(picture).size).save(picture)
        told = failed_scenes(run_assets(instance, [coco_masks], deployment.keys, deployment))
        message = told[deployment.keys[2]]
        assert list(told) == [deployment.keys[2]]
        assert "stored=" in message and "expected=" in message
        assert f"--select '+key:\"scene_report\"' --partition {deployment.keys[2]}" in message
        assert run_assets(instance, [frames, coco_masks], deployment.keys[2:], deployment).success


def test_an_input_that_is_not_there_names_the_command_that_makes_it(deployment):
    with dg.DagsterInstance.ephemeral() as instance:
        told = failed_scenes(run_assets(instance, [coco_masks], deployment.keys[:1], deployment))
    assert f"--select frames --partition {deployment.keys[0]}" in told[deployment.keys[0]]


def test_a_scene_without_annotations_has_an_empty_table(deployment):
    document = json.loads((deployment.folder / "shapes.json").read_text())
    document["annotations"] = [item for item in document["annotations"] if item["image_id"] > 2]
    (deployment.folder / "shapes.json").write_text(json.dumps(document))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_assets(instance, [frames, coco_masks], deployment.keys, deployment).success
    assert (
        pq.read_table(path_of(deployment, "coco_masks", deployment.keys[0]) / "masks.parquet").num_rows == 0
    )


def test_unusable_annotations_are_counted_or_refused_when_strict(deployment):
    document = json.loads((deployment.folder / "shapes.json").read_text())
    document["annotations"][0]["segmentation"] = [[1, 1, 2, 2]]
    (deployment.folder / "shapes.json").write_text(json.dumps(document))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_assets(instance, [frames, coco_masks], deployment.keys[:1], deployment).success
        event = instance.fetch_materializations(dg.AssetKey("coco_masks"), limit=1).records[0]
        metadata = event.asset_materialization.metadata
        assert metadata["num_excluded"].value == 1 and metadata["num_masks"].value == 5
        assert "annotation 1" in str(metadata["details"].value["notes"])
