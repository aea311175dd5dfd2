"""The nights: what the automation asks for, what the schedule requests, what the sensor registers."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pytest
from PIL import Image

from segassets.assets.graph import SCENE_ASSETS
from segassets.definitions import build_definitions
from segassets.errors import BadConfig, BadInput
from segassets.orchestration.automation import Nightly, Use
from segassets.orchestration.partitions import register_scenes
from segassets.orchestration.scene_assets import SceneAsset
from segassets.orchestration.work import Made, SceneWork
from segassets.storage.store import ArtifactStore
from segassets_tests.deployment import run_assets

pytestmark = pytest.mark.filterwarnings("ignore:Asset job")
BROKEN: set[tuple[str, str]] = set()
NAMES = ("frames", "coco_masks", "mask_candidates")


def _quick(work: SceneWork, config: object) -> Made:
    """Stands for an asset; writes next to nothing."""
    if (work.asset, work.key) in BROKEN:
        raise BadInput("broken")
    (work.out / "file.txt").write_text(work.key)
    return Made({})


@pytest.fixture
def graph() -> list[SceneAsset]:
    """The first assets of the real graph, without their work, their checks and their networks."""
    BROKEN.clear()
    wanted = [asset for asset in SCENE_ASSETS if asset.name in NAMES]
    return [replace(asset, make=_quick, checks=(), gpu=None) for asset in wanted]


def definitions_of(graph: list[SceneAsset]) -> dg.Definitions:
    return build_definitions(assets=graph, checks=(), uses=[Use("all", "Everything.", NAMES)])


class Nights:
    """Evaluates the automation as time goes by."""

    def __init__(self, instance: dg.DagsterInstance, graph: list[SceneAsset]) -> None:
        self.instance = instance
        self.graph = graph
        self.now = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc)
        self.cursor = None

    def pass_hours(self, hours: float) -> dict[str, set[str]]:
        """What is requested when the automation looks again, by asset."""
        self.now += datetime.timedelta(hours=hours)
        result = dg.evaluate_automation_conditions(
            defs=definitions_of(self.graph),
            instance=self.instance,
            cursor=self.cursor,
            evaluation_time=self.now,
        )
        self.cursor = result.cursor
        asked = {name: set(result.get_requested_partitions(dg.AssetKey(name))) for name in NAMES}
        return {name: keys for name, keys in asked.items() if keys}


@pytest.fixture
def nights(graph, deployment) -> Iterator[Nights]:
    with dg.DagsterInstance.ephemeral() as instance:
        register_scenes(instance, deployment.keys)
        found = Nights(instance, graph)
        assert found.pass_hours(0) == {}  # the first look only notes the time
        yield found


def test_first_night_everything_second_night_nothing(nights, graph, deployment):
    everything = {name: set(deployment.keys) for name in NAMES}
    assert nights.pass_hours(13) == {}  # one hour before
    assert nights.pass_hours(1.5) == everything
    assert nights.pass_hours(0.1) == {}  # once a night
    assert run_assets(nights.instance, graph, deployment.keys, deployment).success
    assert nights.pass_hours(24) == {}


def test_only_what_is_missing_or_failed_is_asked_for_again(nights, graph, deployment):
    first, failed, absent = deployment.keys
    BROKEN.add(("mask_candidates", failed))
    run_assets(nights.instance, graph, [first, failed], deployment)
    BROKEN.clear()
    assert nights.pass_hours(15) == {
        "frames": {absent},
        "coco_masks": {absent},
        "mask_candidates": {failed, absent},
    }


def test_a_scene_added_later_waits_for_the_night(nights, graph, deployment):
    run_assets(nights.instance, graph, deployment.keys, deployment)
    nights.pass_hours(24)
    register_scenes(nights.instance, ["shapes.later"])
    assert nights.pass_hours(2) == {}
    assert nights.pass_hours(24) == {name: {"shapes.later"} for name in NAMES}


def test_an_input_made_anew_makes_what_depends_on_it_stale(nights, graph, deployment):
    run_assets(nights.instance, graph, deployment.keys, deployment)
    key = deployment.keys[1]
    picture = deployment.picture(1, 0)
    Image.new("RGB", Image.open(picture).size).save(picture)  # the footage changes
    run_assets(nights.instance, graph[:1], [key], deployment)  # and only frames is made again
    assert nights.pass_hours(15) == {"coco_masks": {key}, "mask_candidates": {key}}


def test_footage_that_changed_is_read_again_with_all_that_follows(nights, graph, deployment):
    run_assets(nights.instance, graph, deployment.keys, deployment)
    picture = deployment.picture(2, 1)
    Image.new("RGB", Image.open(picture).size).save(picture)
    assert nights.pass_hours(15) == {name: {deployment.keys[2]} for name in NAMES}


def test_newer_code_makes_the_asset_and_what_follows_again(nights, graph, deployment):
    run_assets(nights.instance, graph, deployment.keys, deployment)
    assert nights.pass_hours(15) == {}
    graph[1] = replace(graph[1], code_version="2")
    assert nights.pass_hours(24) == {"coco_masks": set(deployment.keys)}


def test_an_artifact_that_vanished_from_the_store_is_made_again(nights, graph, deployment):
    run_assets(nights.instance, graph, deployment.keys, deployment)
    shutil.rmtree(deployment.output / "main" / "coco_masks" / deployment.keys[0])
    assert nights.pass_hours(15) == {"coco_masks": {deployment.keys[0]}}


def test_what_another_dagster_home_made_is_not_made_again(graph, deployment):
    with dg.DagsterInstance.ephemeral() as other:
        run_assets(other, graph, deployment.keys, deployment)
    with dg.DagsterInstance.ephemeral() as instance:
        register_scenes(instance, deployment.keys)
        nights = Nights(instance, graph)
        nights.pass_hours(0)
        assert nights.pass_hours(15) == {}


def test_an_input_that_fails_a_blocking_check_stops_what_follows(nights, graph, deployment):
    key = deployment.keys[0]

    def refuse(work: SceneWork):
        raise BadInput("no")

    from segassets.orchestration.checks import Check

    graph[0] = replace(graph[0], checks=(Check("whole", "Never.", refuse),))
    result = run_assets(nights.instance, graph, [key], deployment)
    assert not result.success
    assert nights.instance.get_materialized_partitions(dg.AssetKey("coco_masks")) == set()
    assert not ArtifactStore(deployment.output).has("frames", key)
    assert key in nights.pass_hours(15)["frames"]  # and the next night tries again


def schedule_of(defs: dg.Definitions, instance: dg.DagsterInstance, day: int = 1):
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.datetime(2026, 1, day, 2),
        repository_def=defs.get_repository_def(),
    )
    return defs.get_schedule_def("nightly_schedule").evaluate_tick(context)


def test_the_schedule_requests_scenes_that_need_work_up_to_its_cap(deployment):
    defs = build_definitions(nightly=Nightly(max_scenes=2))
    with dg.instance_for_test() as instance:
        assert "every registered scene" in schedule_of(defs, instance).skip_message
        register_scenes(instance, deployment.keys)
        requests = schedule_of(defs, instance).run_requests
        assert [request.partition_key for request in requests] == deployment.keys[:2]
        assert len({request.run_key for request in requests}) == 2
        assert [key.path[-1] for key in requests[0].asset_selection] == [asset.name for asset in SCENE_ASSETS]


def test_the_schedule_asks_only_for_the_assets_a_scene_lacks(deployment):
    defs = build_definitions()
    with dg.instance_for_test() as instance:
        run_assets(instance, SCENE_ASSETS[:2], deployment.keys[:1], deployment)
        request = schedule_of(defs, instance).run_requests[0]
        assert [key.path[-1] for key in request.asset_selection] == [asset.name for asset in SCENE_ASSETS[2:]]


def scan(defs: dg.Definitions, instance: dg.DagsterInstance):
    with dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def()) as context:
        return defs.get_sensor_def("new_scenes").evaluate_tick(context)


def test_the_sensor_registers_scenes_dagster_does_not_know(deployment, monkeypatch):
    defs = build_definitions()
    monkeypatch.setattr("segassets.orchestration.automation.BATCH", 2)
    with dg.instance_for_test() as instance:
        asked = scan(defs, instance).dynamic_partitions_requests[0]
        assert asked.partitions_def_name == "scene" and list(asked.partition_keys) == deployment.keys[:2]
        register_scenes(instance, asked.partition_keys)
        assert list(scan(defs, instance).dynamic_partitions_requests[0].partition_keys) == deployment.keys[2:]
        register_scenes(instance, deployment.keys)
        assert scan(defs, instance).skip_message == "all 3 scenes are registered"


def test_a_dataset_in_trouble_does_not_hide_the_others_from_the_sensor(deployment):
    broken = deployment.folder / "configs" / "datasets" / "gone.yaml"
    broken.write_text("layout: folder\nroot: /nowhere/at/all\n")
    defs = build_definitions()
    with dg.instance_for_test() as instance:
        assert len(scan(defs, instance).dynamic_partitions_requests[0].partition_keys) == 3
        register_scenes(instance, deployment.keys)
        assert "left out: gone" in scan(defs, instance).skip_message


def test_hour_and_amount_come_from_the_environment():
    found = Nightly.from_environment(
        {"SEGASSETS_NIGHTLY_CRON": "30 4 * * 6", "SEGASSETS_NIGHTLY_MAX_SCENES": "7"}
    )
    assert found == Nightly(cron="30 4 * * 6", max_scenes=7)
    with pytest.raises(BadConfig, match="SEGASSETS_NIGHTLY_MAX_SCENES"):
        Nightly.from_environment({"SEGASSETS_NIGHTLY_MAX_SCENES": "many"})
