"""The schedule and the nightly automation, run by a live daemon; the night comes every minute here."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from segassets.assets.graph import SCENE_ASSETS
from segassets.orchestration.partitions import register_scenes
from segassets_tests.deployment import Deployment, add_tiny_model, make_deployment
from segassets_tests.servers import ask, servers, wait_for

PLACE = {"repositoryLocationName": "segassets.definitions", "repositoryName": "__repository__"}
LAST = dg.AssetKey(SCENE_ASSETS[-1].name)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory) -> Deployment:
    return make_deployment(tmp_path_factory.mktemp("nights"), scenes=4)


@pytest.fixture(scope="module")
def url(deployment: Deployment) -> Iterator[str]:
    every_minute = {
        "SEGASSETS_NIGHTLY_CRON": "* * * * *",
        "SEGASSETS_NIGHTLY_MAX_SCENES": "1",
        "SEGASSETS_NIGHTLY_LOOK_EVERY_S": "10",
        "SEGASSETS_NIGHTLY_SCAN_EVERY_S": "5",
    }
    with servers(deployment, {**add_tiny_model(deployment), **every_minute}) as address:
        yield address


@pytest.fixture
def instance(deployment: Deployment) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(deployment.home)) as instance:
        yield instance


def switch_sensor(url: str, name: str) -> None:
    query = "mutation($s: SensorSelector!) { startSensor(sensorSelector: $s) { __typename } }"
    answer = ask(url, query, s={**PLACE, "sensorName": name})
    assert answer["startSensor"]["__typename"] == "Sensor"


def test_the_sensor_registers_the_scenes_of_the_configs(url, deployment, instance):
    switch_sensor(url, "new_scenes")
    wait_for(lambda: instance.get_dynamic_partitions("scene") == deployment.keys, 90, "the scenes")


def test_the_schedule_makes_one_scene_a_night_as_its_cap_says(url, deployment, instance):
    start = "mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename } }"
    answer = ask(url, start, s={**PLACE, "scheduleName": "nightly_schedule"})
    assert answer["startSchedule"]["__typename"] == "ScheduleStateResult"
    by_schedule = RunsFilter(tags={"segassets/trigger": "nightly_schedule"})
    wait_for(lambda: instance.get_runs(by_schedule), 150, "a run of the schedule")
    state = next(state for state in instance.all_instigator_state() if state.name == "nightly_schedule")
    instance.stop_schedule(state.instigator_origin_id, state.selector_id, None)  # before the next minute
    runs = wait_for(
        lambda: [run for run in instance.get_runs(by_schedule) if run.status == DagsterRunStatus.SUCCESS],
        150,
        "the end of the run",
    )
    assert runs[0].tags["dagster/partition"] in deployment.keys
    assert runs[0].tags["dagster/partition"] in instance.get_materialized_partitions(LAST)


def test_the_automation_launches_one_backfill_of_what_is_missing(url, deployment, instance):
    register_scenes(instance, deployment.keys)
    wait_for(lambda: all(run.is_finished for run in instance.get_runs()), 120, "the end of the nightly runs")
    done = instance.get_materialized_partitions(LAST)
    missing = set(deployment.keys) - done
    assert done and missing
    switch_sensor(url, "nightly_backfill")
    backfill = wait_for(lambda: instance.get_backfills(), 200, "a backfill")[0]
    assert backfill.tags["segassets/trigger"] == "nightly_backfill"
    assert {key.path[-1] for key in backfill.asset_selection} == {asset.name for asset in SCENE_ASSETS}
    asked = backfill.asset_backfill_data.target_subset.partitions_subsets_by_asset_key[LAST]
    # a second run of the schedule may have been on its way when it was stopped
    runs = instance.get_runs(RunsFilter(tags={"segassets/trigger": "nightly_schedule"}))
    scheduled = {run.tags["dagster/partition"] for run in runs}
    assert set(deployment.keys) - scheduled <= set(asked.get_partition_keys()) <= missing
    first = dg.AssetKey(SCENE_ASSETS[0].name)
    wait_for(
        lambda: instance.get_materialized_partitions(first) == set(deployment.keys), 150, "its first runs"
    )
    assert len(instance.get_backfills()) == 1  # further nights leave alone what is being made
