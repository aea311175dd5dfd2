"""Trainings as assets: an experiment and a scene through their whole chain, interrupted, stale, used for tracking."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from segassets.assets.graph import EXPERIMENT_ASSETS, TRAINING_ASSETS
from segassets.config import load_settings
from segassets.definitions import build_definitions
from segassets.errors import StaleInput
from segassets.masks.schemas import CLIPS, METRICS
from segassets.masks.table import read_table
from segassets.models.registry import load_spec
from segassets.orchestration.partitions import EXPERIMENT, register, register_scenes
from segassets.orchestration.plan import Planner
from segassets.orchestration.resources import FootageResource
from segassets.runtime.progress import listening
from segassets.storage.store import ArtifactStore
from segassets_tests.training_deployment import add_experiment, make_training_deployment

pytestmark = pytest.mark.filterwarnings("ignore:Asset job")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SCENE = "shapes.shard-0000"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """One deployment for all tests of this module: a training takes seconds."""
    made = make_training_deployment(tmp_path_factory.mktemp("training") / "deployment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGASSETS_CONFIGS", made.environ["SEGASSETS_CONFIGS"])
        patch.setenv("SEGASSETS_OUTPUT_ROOT", made.environ["SEGASSETS_OUTPUT_ROOT"])
        patch.setenv("SEGASSETS_MODEL", "tiny")
        patch.delenv("SEGASSETS_TAGS", raising=False)
        patch.delenv("DAGSTER_HOME", raising=False)
        yield made


@pytest.fixture(scope="module")
def instance(deployment):
    with dg.DagsterInstance.ephemeral() as found:
        register(found, EXPERIMENT, ["shapes", "interrupted"])
        register_scenes(found, deployment.keys)
        yield found


@pytest.fixture(scope="module")
def store(deployment) -> ArtifactStore:
    return ArtifactStore(deployment.output)


def execute(instance, job: str, key: str, ops: dict | None = None, assets: list[str] | None = None):
    """Run a job of the graph on one partition."""
    config = {**QUIET, "ops": {name: {"config": values} for name, values in (ops or {}).items()}}
    selection = None if assets is None else [dg.AssetKey(name) for name in assets]
    return (
        build_definitions()
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            partition_key=key,
            run_config=config,
            raise_on_error=False,
            asset_selection=selection,
        )
    )


def metadata_of(result) -> dict[str, dict]:
    """Asset -> metadata of its materialization."""
    return {
        event.asset_key.path[-1]: event.step_materialization_data.materialization.metadata
        for event in result.all_events
        if event.is_step_materialization and event.partition
    }


def failure_of(result) -> str:
    """What the failed step says."""
    event = next(event for event in result.all_events if event.is_step_failure)
    return event.step_failure_data.user_failure_data.description


@pytest.fixture(scope="module")
def trained(instance, deployment):
    """The experiment through its whole chain."""
    result = execute(instance, "run_experiments", "shapes")
    assert result.success
    return metadata_of(result)


def test_an_experiment_is_trained_evaluated_searched_and_reported(trained, store):
    assert set(trained) == {asset.name for asset in EXPERIMENT_ASSETS}
    training = trained["sam2_checkpoint"]
    for name in ("steps", "train_loss", "val_loss", "parameters_trained", "samples_per_s", "objects_per_s"):
        assert isinstance(training[name], dg.FloatMetadataValue), name
    assert training["peak_cpu_mb"].value > 0
    assert training["loss_curve"].value.startswith("![loss_curve of shapes](data:image/svg+xml;base64,")
    assert training["preview"].value.startswith("![sam2_checkpoint of shapes](data:image/webp;base64,")
    assert len(training["preview"].value) < 21_000 and len(training["loss_curve"].value) < 21_000
    evaluation = trained["sam2_checkpoint_evaluation"]
    assert 0 <= evaluation["iou"].value <= 1 and "iou_start" in evaluation and evaluation["scenes"].value == 1
    folder = store.peek("sam2_checkpoint_evaluation", "shapes").path
    table = read_table(folder / "metrics.parquet", METRICS)
    assert set(table.column("scene").to_pylist()) == {"overall", "shapes.shard-0001"}
    report = store.peek("experiment_report", "shapes").path
    assert "shapes" in (report / "report.md").read_text() and (report / "report.html").stat().st_size > 5000
    assert trained["experiment_report"]["rank"].value == 1


def test_the_record_names_data_start_and_recipe(trained, store):
    provenance = store.peek("sam2_checkpoint", "shapes").provenance
    assert set(provenance.inputs) == {"footage of train 1: shapes", "footage of val 1: shapes"}
    assert provenance.model["name"] == "tiny" and len(provenance.model["sha256"]) == 64
    assert provenance.config["trainer"]["max_steps"] == 4
    assert "evaluation" not in provenance.config and "description" not in provenance.config


def planned(store: ArtifactStore) -> dict[str, tuple[str, str]]:
    """Asset -> (state, why) of the experiment, as its file and data are now."""
    planner = Planner(EXPERIMENT_ASSETS, load_settings(), store, FootageResource())
    return {item.asset: (item.state, item.why) for item in planner.scene_items("shapes")}


def test_what_changes_a_checkpoint_and_what_does_not(trained, store, deployment):
    assert {state for state, _ in planned(store).values()} == {"present"}
    path = deployment.folder / "configs" / "experiments" / "shapes.yaml"
    before = path.read_text()
    try:
        path.write_text(before.replace("Shapes, for tests.", "Other words."))
        assert planned(store)["sam2_checkpoint"][0] == "present"
        path.write_text(before.replace("evaluation: {type: box", "evaluation: {type: mask"))
        states = planned(store)
        assert states["sam2_checkpoint"][0] == "present"
        assert states["sam2_checkpoint_evaluation"][0] == "stale"
        path.write_text(before.replace("max_steps: 4", "max_steps: 6"))
        state, why = planned(store)["sam2_checkpoint"]
        assert state == "stale" and "trainer" in why
    finally:
        path.write_text(before)


def test_other_annotations_make_the_checkpoint_stale(trained, store, deployment):
    document = deployment.folder / "shapes.json"
    before = document.read_text()
    try:
        document.write_text(before + " ")
        state, why = planned(store)["sam2_checkpoint"]
        assert state == "stale" and "footage of train 1: shapes" in why
    finally:
        document.write_text(before)


def test_the_threshold_is_searched_once_and_goes_with_the_model(trained, store):
    found = json.loads(
        (store.peek("sam2_threshold_search", "shapes").path / "best_threshold.json").read_text()
    )
    spec = load_spec("experiment:shapes", store)
    assert spec.threshold == found["best_threshold"] and spec.image_size == 64
    assert Path(spec.source.path).parent == store.peek("sam2_checkpoint", "shapes").path


def test_the_trained_model_tracks_a_scene(trained, instance, store):
    small = {
        "mask_candidates": {"model": "experiment:shapes", "device": "cpu", "levels": [2]}
        | {"points_per_side": 3, "predicted_iou_threshold": 0.0, "stability_threshold": 0.0},
        "filtered_masks": {"min_area": 0, "stability": 0.0},
        "sam2_tracks": {"model": "experiment:shapes", "device": "cpu"},
    }
    assets = ["frames", "mask_candidates", "filtered_masks", "sam2_tracks"]
    assert execute(instance, "track_scenes", SCENE, small, assets).success
    model = store.peek("sam2_tracks", SCENE).provenance.model
    spec = load_spec("experiment:shapes", store)
    assert model["name"] == "experiment:shapes"
    assert model.get("threshold", "0.5") == f"{spec.threshold:g}"


class Stopped(RuntimeError):
    """Stands for a kill."""


def test_an_interrupted_training_goes_on_from_its_last_checkpoint(instance, store, deployment):
    add_experiment(deployment, "interrupted", steps=6)
    heard: list[int] = []

    def stop_at_three(asset: str, key: str, done: int, total: int, note: str) -> None:
        heard.append(done)
        if done >= 3:
            raise Stopped("enough")

    with listening(stop_at_three):
        assert not execute(instance, "run_experiments", "interrupted", assets=["sam2_checkpoint"]).success
    assert not store.has("sam2_checkpoint", "interrupted")
    assert max(heard) == 3
    heard.clear()
    with listening(lambda asset, key, done, total, note: heard.append(done)):
        assert execute(instance, "run_experiments", "interrupted", assets=["sam2_checkpoint"]).success
    assert min(heard) >= 3 and max(heard) == 6, "steps were done again"
    curves = pq.read_table(store.peek("sam2_checkpoint", "interrupted").path / "curves.parquet").to_pylist()
    steps = [row["step"] for row in curves if row["metric"] == "train/loss"]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert not list((deployment.output / ".work" / "main" / "sam2_checkpoint").glob("interrupted"))


def test_a_scene_gets_a_network_of_its_own(instance, store):
    assert execute(instance, "prepare_footage", SCENE).success
    result = execute(instance, "train_scenes", SCENE, {"sam2_scene_checkpoint": {"steps": 2}})
    assert result.success
    found = metadata_of(result)
    assert set(found) == {asset.name for asset in TRAINING_ASSETS}
    assert found["training_clips"]["clips"].value == 2 and "preview" in found["training_clips"]
    table = read_table(store.peek("training_clips", SCENE).path / "clips.parquet", CLIPS)
    assert table.column("frames").to_pylist() == [[0], [1]]
    assert table.column("objects")[0].as_py() == [1, 2, 3]
    assert set(store.peek("training_clips", SCENE).provenance.inputs) == {"frames", "coco_masks"}
    assert found["sam2_scene_checkpoint"]["steps"].value == 2
    assert load_spec(f"scene:{SCENE}", store).threshold == found["threshold_search"]["best_threshold"].value


def test_clips_of_other_frames_make_the_scene_checkpoint_stale(instance, store):
    if not store.has("sam2_scene_checkpoint", SCENE):
        pytest.skip("needs the test before it")
    assert execute(
        instance, "train_scenes", SCENE, {"training_clips": {"max_objects": 1}}, ["training_clips"]
    ).success
    with pytest.raises(StaleInput, match=r"(?s)training_clips.*refresh sam2_scene_checkpoint"):
        load_spec(f"scene:{SCENE}", store)


def test_a_scene_without_annotations_is_told_of_the_other_teacher(instance, deployment, store):
    document = deployment.folder / "shapes.json"
    before = document.read_text()
    try:
        document.write_text(json.dumps(json.loads(before) | {"annotations": []}))
        key = deployment.keys[1]
        assert execute(instance, "prepare_footage", key).success
        result = execute(instance, "train_scenes", key, assets=["training_clips"])
        assert "has no annotations to learn from; try masks: sam2_tracks" in failure_of(result)
    finally:
        document.write_text(before)
