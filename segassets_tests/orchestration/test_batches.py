"""Many scenes in one run: what is done stays done, what fails is named, what does not pass is not published."""

from __future__ import annotations

import dagster as dg
import pytest

from segassets.errors import BadInput, OutOfSpace
from segassets.orchestration.checks import Check, StoredScene, quality_check
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork
from segassets.storage.store import ArtifactStore
from segassets_tests.deployment import run_assets

pytestmark = pytest.mark.filterwarnings("ignore:Asset job")
FAIL: dict[str, Exception] = {}
TEXT = {"now": "first"}


def _no_lies(work: SceneWork):
    if (work.out / "note.txt").read_text() == "a lie":
        raise BadInput("expected the truth, found a lie")
    return {"letters": 3}


@scene_asset(
    group="toy",
    kinds={"python"},
    scenes_per_run=10,
    checks=(Check("honest", "It is no lie.", _no_lies), Check("there", "It is there.", lambda work: {})),
)
def note(work: SceneWork, config: object) -> Made:
    """A note about a scene."""
    if work.key in FAIL:
        raise FAIL[work.key]
    (work.out / "note.txt").write_text(TEXT.get(work.key, TEXT["now"]))
    return Made({"num_letters": 5}, details={"frames": len(work.scene.frames)})


@scene_asset(inputs=("note",), group="toy", kinds={"python"}, scenes_per_run=7)
def copy(work: SceneWork, config: object) -> Made:
    """A copy of the note."""
    (work.out / "copy.txt").write_text((work.inputs["note"].path / "note.txt").read_text())
    return Made({"num_letters": 5})


@quality_check(asset="note")
def beauty(scene: StoredScene):
    """How beautiful it is."""
    scene.expect(not scene.key.endswith("1"), "not beautiful")
    return {"beauty": 0.5}


@pytest.fixture(autouse=True)
def fresh():
    FAIL.clear()
    TEXT.clear()
    TEXT["now"] = "first"


def note_of(deployment, key: str) -> str:
    return (ArtifactStore(deployment.output).peek("note", key).path / "note.txt").read_text()


def failure(result, step: str):
    event = next(event for event in result.all_events if event.is_step_failure and event.step_key == step)
    return event.step_failure_data.user_failure_data


def evaluations(instance, result) -> dict[tuple[str, str], bool]:
    """(check, scene) -> passed, as the instance has recorded it."""
    found = {}
    for entry in instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        item = entry.get_dagster_event().event_specific_data
        found[item.check_name, item.partition] = item.passed
    return found


def test_every_scene_of_a_run_has_one_event_with_its_own_metadata_and_verdicts(deployment):
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, [note, copy], deployment.keys, deployment)
        assert result.success
        for asset in ("note", "copy"):
            records = instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
            assert sorted(record.partition_key for record in records) == deployment.keys
            for record in records:
                metadata = record.asset_materialization.metadata
                assert metadata["num_letters"].value == 5
                assert record.partition_key in metadata["location"].value
        assert evaluations(instance, result) == {
            (name, key): True for name in ("honest", "there") for key in deployment.keys
        }
        assert all(item.blocking for item in result.get_asset_check_evaluations())


def test_a_scene_that_fails_is_named_and_the_others_stay(deployment):
    first, bad, last = deployment.keys
    FAIL[bad] = BadInput("picture 3 is broken")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, [note, copy], deployment.keys, deployment)
        assert not result.success
        told = failure(result, "note")
        assert told.metadata["failed_scenes"].value == {bad: "picture 3 is broken"}
        assert "1 of 3 scenes failed; the other 2 are done and stay" in told.description
        assert instance.get_materialized_partitions(dg.AssetKey("note")) == {first, last}
        assert instance.get_materialized_partitions(dg.AssetKey("copy")) == set()
        for key in (first, last):
            latest = instance.fetch_materializations(dg.AssetKey("note"), limit=10).records
            assert any(
                r.partition_key == key and "num_letters" in r.asset_materialization.metadata for r in latest
            )
        FAIL.clear()
        assert run_assets(instance, [note, copy], [bad], deployment).success


def test_a_defect_in_one_scene_does_not_take_the_others_with_it(deployment):
    FAIL[deployment.keys[0]] = ZeroDivisionError("oh")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, [note], deployment.keys, deployment)
        told = failure(result, "note").metadata["failed_scenes"].value
        assert told == {deployment.keys[0]: "ZeroDivisionError: oh"}
        assert len(instance.get_materialized_partitions(dg.AssetKey("note"))) == 2


def test_a_full_disk_ends_the_run_at_once_and_says_what_was_not_begun(deployment):
    first, full, last = deployment.keys
    FAIL[full] = OutOfSpace("no space left")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, [note], deployment.keys, deployment)
        told = failure(result, "note").metadata["failed_scenes"].value
        assert told == {full: "no space left", last: "not begun"}
        assert instance.get_materialized_partitions(dg.AssetKey("note")) == {first}


def test_what_fails_a_blocking_check_is_not_published_and_the_old_artifact_stays(deployment):
    key = deployment.keys[1]
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_assets(instance, [note], deployment.keys, deployment).success
        TEXT.update({"now": "second", key: "a lie"})
        result = run_assets(instance, [note, copy], deployment.keys, deployment)
        assert not result.success
        told = failure(result, "note").metadata["failed_scenes"].value[key]
        assert "not published" in told and "honest: expected the truth, found a lie" in told
        assert note_of(deployment, key) == "first"
        assert [note_of(deployment, other) for other in deployment.keys if other != key] == ["second"] * 2
        verdicts = evaluations(instance, result)
        assert verdicts["honest", key] is False and verdicts["there", key] is True
        assert verdicts["honest", deployment.keys[0]] is True
        assert instance.get_materialized_partitions(dg.AssetKey("copy")) == set()


def test_a_verdict_is_about_the_latest_materialization(deployment):
    """Otherwise the UI shows every partition of the check as missing."""
    with dg.DagsterInstance.ephemeral() as instance:
        run_assets(instance, [note], deployment.keys, deployment, checks=[beauty])
        for check in ("honest", "beauty"):
            infos = instance.event_log_storage.get_asset_check_partition_info(
                [dg.AssetCheckKey(dg.AssetKey("note"), check)]
            )
            judged = [info for info in infos if info.partition_key]
            assert {info.partition_key for info in judged} == set(deployment.keys)
            assert all(info.is_current for info in judged)


def test_a_scene_that_another_process_makes_is_refused_or_waited_for(deployment):
    key = deployment.keys[0]
    with dg.DagsterInstance.ephemeral() as instance, ArtifactStore(deployment.output).lock("note", key):
        result = run_assets(instance, [note], deployment.keys, deployment, wait_s=0.3)
        told = failure(result, "note").metadata["failed_scenes"].value
        assert list(told) == [key] and "is being made by process" in told[key]
        assert len(instance.get_materialized_partitions(dg.AssetKey("note"))) == 2


def test_versions_of_inputs_are_recorded_and_the_ui_can_tell_what_is_out_of_date(deployment):
    key = deployment.keys[0]
    with dg.DagsterInstance.ephemeral() as instance:
        run_assets(instance, [note, copy], deployment.keys, deployment)
        made = instance.fetch_materializations(dg.AssetKey("note"), limit=1).records[0]
        used = next(
            record
            for record in instance.fetch_materializations(dg.AssetKey("copy"), limit=10).records
            if record.partition_key == made.partition_key
        )
        tags = used.asset_materialization.tags
        assert (
            tags["dagster/input_data_version/note"] == made.asset_materialization.tags["dagster/data_version"]
        )
        assert tags["dagster/input_event_pointer/note"] == str(made.storage_id)
        stored = ArtifactStore(deployment.output).peek("copy", key).provenance
        assert stored.inputs == {"note": ArtifactStore(deployment.output).peek("note", key).version}


def test_quality_checks_have_a_verdict_for_every_scene_of_a_run(deployment):
    from segassets.assets.coco_masks import coco_masks
    from segassets.assets.frames import frames

    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(
            instance, [note, frames, coco_masks], deployment.keys, deployment, checks=[beauty]
        )
        assert result.success  # a quality check warns, it does not fail a run
        judged = {
            item.partition: item
            for item in result.get_asset_check_evaluations()
            if item.check_name == "beauty"
        }
        assert {key: item.passed for key, item in judged.items()} == dict(
            zip(deployment.keys, (True, False, True), strict=True)
        )
        assert judged[deployment.keys[1]].description == "not beautiful"
        assert judged[deployment.keys[1]].severity == dg.AssetCheckSeverity.WARN
        assert judged[deployment.keys[0]].metadata["beauty"].value == 0.5


def test_without_ground_truth_a_quality_check_passes_and_says_so(deployment):
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, [note], deployment.keys, deployment, checks=[beauty])
        judged = [item for item in result.get_asset_check_evaluations() if item.check_name == "beauty"]
        assert len(judged) == 3 and all(item.passed for item in judged)
        assert judged[0].description == "no ground truth to compare with"


def test_tags_have_their_own_artifacts_and_records(deployment):
    with dg.DagsterInstance.ephemeral() as instance:
        run_assets(instance, [note], deployment.keys, deployment)
        TEXT["now"] = "other"
        run_assets(instance, [note], deployment.keys[:1], deployment, tag="fine")
        assert instance.get_materialized_partitions(dg.AssetKey(["fine", "note"])) == {deployment.keys[0]}
        assert instance.get_materialized_partitions(dg.AssetKey("note")) == set(deployment.keys)
        assert note_of(deployment, deployment.keys[0]) == "first"
        fine = ArtifactStore(deployment.output, "fine").peek("note", deployment.keys[0])
        assert (fine.path / "note.txt").read_text() == "other" and fine.provenance.tag == "fine"
