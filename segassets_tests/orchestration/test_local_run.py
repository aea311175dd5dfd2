"""Plans and local runs of a toy graph: what is made, what is kept, what a failing scene costs the others."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import numpy as np
import pytest
from PIL import Image
from pydantic import Field

from segassets.config import Settings, load_settings
from segassets.errors import BadInput
from segassets.orchestration import dead_runs
from segassets.orchestration.automation import Use
from segassets.orchestration.local_run import LocalRun
from segassets.orchestration.partitions import register_scenes
from segassets.orchestration.plan import Planner
from segassets.orchestration.resources import FootageResource, GpuResource, StoreResource
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork
from segassets.storage.store import ArtifactStore
from segassets.strict import StrictModel

pytestmark = pytest.mark.filterwarnings("ignore:Asset job")
SCENES = ["toy.a", "toy.b", "toy.c", "toy.d"]
MADE: list[tuple[str, str]] = []
BAD: set[tuple[str, str]] = set()


class ToyConfig(StrictModel):
    """Config of the second asset."""

    size: int = Field(100, description="Any number.")


def _make(work: SceneWork) -> Made:
    if (work.asset, work.key) in BAD:
        raise BadInput(f"{work.key}: no good")
    MADE.append((work.asset, work.key))
    (work.out / "file.txt").write_text(work.key)
    return Made(numbers={"size": 1})


@scene_asset(group="toy", kinds={"python"}, scenes_per_run=4)
def first(work: SceneWork, config: object) -> Made:
    """The first."""
    return _make(work)


@scene_asset(
    inputs=("first",),
    config=ToyConfig,
    defaults=lambda settings: ToyConfig(size=settings.filtering.min_area),
    group="toy",
    kinds={"python"},
    scenes_per_run=2,
)
def second(work: SceneWork, config: object) -> Made:
    """The second."""
    return _make(work)


ASSETS = (first, second)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Configs with a dataset of four one-picture scenes, an output root, an empty record of what was made."""
    for scene in SCENES:
        folder = tmp_path / "footage" / scene.removeprefix("toy.")
        folder.mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "0.png")
    (tmp_path / "configs" / "datasets").mkdir(parents=True)
    dataset = f"layout: folder\nroot: {tmp_path / 'footage'}\n"
    (tmp_path / "configs" / "datasets" / "toy.yaml").write_text(dataset)
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path / "configs"))
    MADE.clear()
    BAD.clear()
    return tmp_path


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as found:
        register_scenes(found, SCENES)
        yield found


def settings_at(place, *overrides: str) -> Settings:
    return load_settings(None, [f"output_root={place / 'out'}", *overrides], environ={})


def planner_of(settings: Settings, force: bool = False) -> Planner:
    return Planner(ASSETS, settings, ArtifactStore(settings.root, settings.tag), FootageResource(), force)


def run_all(settings: Settings, instance, force: bool = False, batch: int = 8):
    planner = planner_of(settings, force)
    resources = {
        "store": StoreResource(root=settings.root),
        "footage": FootageResource(),
        "gpu": GpuResource(),
    }
    definitions = dg.Definitions(
        assets=[asset.build(settings.tag, settings) for asset in ASSETS],
        jobs=[Use("toy", "Toy.", ("first", "second")).job(settings.tag)],
        resources=resources,
    )
    job = definitions.resolve_job_def("toy" if settings.tag == "main" else f"toy__{settings.tag}")
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    heard: list[tuple[str, str, str]] = []
    run = LocalRun(job, instance, planner, lambda assets: quiet, batch, lambda *event: heard.append(event))
    plan = planner.plan(SCENES)
    return run.run({scene: plan.to_make(scene) for scene in SCENES}), heard


def states(settings: Settings, force: bool = False) -> dict[str, list[str]]:
    plan = planner_of(settings, force).plan(SCENES)
    return {scene: [item.state for item in plan.of(scene)] for scene in SCENES}


def test_everything_is_made_once_and_then_present(place, instance):
    settings = settings_at(place)
    assert states(settings) == {scene: ["missing", "missing"] for scene in SCENES}
    outcome, heard = run_all(settings, instance)
    assert outcome.failed == {}
    assert outcome.made == {scene: ["first", "second"] for scene in SCENES}
    assert len(outcome.run_ids) == 1
    assert heard.count(("made", "second", "toy.d")) == 1
    assert ("started", "first", "") in heard
    assert states(settings) == {scene: ["present", "present"] for scene in SCENES}
    again, _ = run_all(settings, instance)
    assert again.run_ids == []
    assert set(instance.get_materialized_partitions(dg.AssetKey("second"))) == set(SCENES)


def test_batches_are_stretches_of_neighbours(place, instance):
    settings = settings_at(place)
    outcome, _ = run_all(settings, instance, batch=3)
    assert len(outcome.run_ids) == 2
    assert [key for asset, key in MADE if asset == "first"] == SCENES


def test_a_failing_scene_costs_the_others_nothing(place, instance):
    BAD.add(("first", "toy.b"))
    BAD.add(("second", "toy.d"))
    settings = settings_at(place)
    outcome, heard = run_all(settings, instance)
    assert set(outcome.failed) == {"toy.b", "toy.d"}
    assert "no good" in outcome.failed["toy.b"]
    assert "second" in outcome.failed["toy.d"]
    assert ("failed", "first", "") in heard
    assert states(settings) == {
        "toy.a": ["present", "present"],
        "toy.b": ["missing", "missing"],
        "toy.c": ["present", "present"],
        "toy.d": ["present", "missing"],
    }
    BAD.clear()
    outcome, _ = run_all(settings, instance)
    assert outcome.failed == {}
    assert sorted(MADE) == sorted((asset.name, key) for asset in ASSETS for key in SCENES)  # each made once


def test_a_changed_setting_makes_stale_what_it_shapes(place, instance):
    run_all(settings_at(place), instance)
    changed = settings_at(place, "min_area=7")
    assert states(changed) == {scene: ["present", "stale"] for scene in SCENES}
    why = planner_of(changed).plan(["toy.a"]).of("toy.a")[1].why
    assert why == "config size: stored=100, expected=7"
    outcome, _ = run_all(changed, instance)
    assert outcome.made["toy.a"] == ["second"]


def test_force_makes_again(place, instance):
    settings = settings_at(place)
    run_all(settings, instance)
    assert states(settings, force=True) == {scene: ["forced", "forced"] for scene in SCENES}
    BAD.add(("first", "toy.a"))
    outcome, _ = run_all(settings, instance, force=True)
    assert set(outcome.failed) == {"toy.a"}
    assert outcome.made["toy.b"] == ["first", "second"]


def test_tags_live_side_by_side(place, instance):
    run_all(settings_at(place), instance)
    other = settings_at(place, "tag=fine")
    assert states(other) == {scene: ["missing", "missing"] for scene in SCENES}
    run_all(other, instance)
    assert set(instance.get_materialized_partitions(dg.AssetKey(["fine", "second"]))) == set(SCENES)


def test_footage_that_cannot_be_read_is_a_problem_of_its_scene(place):
    (place / "footage" / "b" / "0.png").write_bytes(b"no picture")
    plan = planner_of(settings_at(place)).plan(SCENES)
    assert set(plan.problems) == {"toy.b"}
    assert "0.png" in plan.problems["toy.b"]


def test_dead_runs_are_found_and_buried(instance):
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    mine = dead_runs.owner_tags()
    theirs = {**mine, dead_runs.PROCESS_TAG: f"{ended.pid}@1"}
    elsewhere = {**theirs, dead_runs.HOST_TAG: "another-machine"}
    ids = {}
    for name, tags in {"alive": mine, "dead": theirs, "elsewhere": elsewhere}.items():
        run = dg.DagsterRun(job_name="toy", tags=tags, status=dg.DagsterRunStatus.STARTED)
        ids[name] = instance.run_storage.add_run(run).run_id
    assert [dead.run.run_id for dead in dead_runs.find_dead_runs(instance)] == [ids["dead"]]
    assert len(dead_runs.clean_up(instance)) == 1
    assert instance.get_run_by_id(ids["dead"]).status == dg.DagsterRunStatus.FAILURE
    assert instance.get_run_by_id(ids["alive"]).status == dg.DagsterRunStatus.STARTED
    assert dead_runs.clean_up(instance) == []
