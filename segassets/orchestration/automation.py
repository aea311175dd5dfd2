"""When the graph runs by itself: jobs, the nightly automation, a plain schedule, the sensor of new scenes.

All start switched off; turn them on in the UI (Automation). The automation is the one to use: at its hour it launches
one backfill of what is missing, failed or stale. The schedule is for those who prefer runs they can count: at most
`max_scenes` of them a night, one per scene.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from segassets.errors import BadConfig
from segassets.orchestration.freshness import NeedsMaking, Survey
from segassets.orchestration.partitions import (
    BATCH,
    EXPERIMENT,
    SCENE,
    experiments,
    registered_scenes,
    scenes,
)
from segassets.orchestration.tags import asset_key, suffixed
from segassets.storage.keys import check_scene_key

if TYPE_CHECKING:
    from segassets.orchestration.resources import FootageResource
    from segassets.orchestration.scene_assets import SceneAsset
    from segassets.storage.store import ArtifactStore

PREFIX = "SEGASSETS_NIGHTLY_"


@dataclass(frozen=True)
class Nightly:
    """When and how much at night.

    Attributes:
        cron: hour of the automation and the schedule.
        timezone: of the cron expression, an IANA name.
        max_scenes: runs that the plain schedule requests at most a night.
        look_every_s: seconds between two looks of the automation at its condition.
        scan_every_s: seconds between two scans for new scenes.
    """

    cron: str = "0 2 * * *"
    timezone: str = "UTC"
    max_scenes: int = 50
    look_every_s: int = 60
    scan_every_s: int = 300

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Nightly:
        """Defaults, with `SEGASSETS_NIGHTLY_CRON`, `..._TIMEZONE`, `..._MAX_SCENES` and so on over them.

        Raises:
            BadConfig: a number is none.
        """
        values: dict[str, Any] = {}
        for name, default in vars(cls()).items():
            text = environ.get(PREFIX + name.upper())
            if text is None:
                continue
            if isinstance(default, int) and not text.isdigit():
                raise BadConfig(f"{PREFIX}{name.upper()}: expected a whole number, found {text!r}")
            values[name] = int(text) if isinstance(default, int) else text
        return cls(**values)


def nightly_condition(needs_making: NeedsMaking, nightly: Nightly) -> dg.AutomationCondition:
    """At the hour: what needs making or has failed, and all that depends on it, in one request.

    Scenes being made are left alone. A scene whose input needs making but is not requested along (it is being made,
    say), or whose input fails a blocking check, waits for the next night.
    """
    condition = dg.AutomationCondition
    tonight = condition.cron_tick_passed(nightly.cron, nightly.timezone).with_label(f"at {nightly.cron}")
    to_do = needs_making | condition.execution_failed()
    comes_along = condition.any_deps_match(condition.will_be_requested()).with_label("input is made along")
    waits = condition.any_deps_match(needs_making & ~condition.will_be_requested()).with_label(
        "input is not ready"
    )
    refused = condition.any_deps_match(
        condition.any_checks_match(condition.check_failed(), blocking_only=True)
        & ~condition.will_be_requested()
    ).with_label("input fails a blocking check")
    return (tonight & (to_do | comes_along) & ~condition.in_progress() & ~waits & ~refused).with_label(
        "nightly"
    )


@dataclass(frozen=True)
class Use:
    """A job: what a person wants to have, and the assets it takes."""

    name: str
    description: str
    assets: tuple[str, ...]

    def job(self, tag: str) -> Any:
        """The job of one tag."""
        selection = dg.AssetSelection.assets(*(asset_key(tag, name) for name in self.assets))
        return dg.define_asset_job(
            suffixed(self.name, tag),
            selection=selection,
            description=self.description,
            tags={"segassets/tag": tag},
        )


def nightly_sensor(
    tag: str, assets: Sequence[SceneAsset], nightly: Nightly
) -> dg.AutomationConditionSensorDefinition:
    """Evaluates the condition of a tag's assets; requests become one backfill."""
    return dg.AutomationConditionSensorDefinition(
        suffixed("nightly_backfill", tag),
        target=dg.AssetSelection.assets(*(asset_key(tag, asset.name) for asset in assets)),
        description=f"At {nightly.cron} ({nightly.timezone}): one backfill of what is missing, failed or stale.",
        minimum_interval_seconds=nightly.look_every_s,
        run_tags={"segassets/trigger": "nightly_backfill", "segassets/tag": tag},
        use_user_code_server=True,
        default_status=dg.DefaultSensorStatus.STOPPED,
    )


def nightly_schedule(
    tag: str, use: Use, assets: Sequence[SceneAsset], store: ArtifactStore, nightly: Nightly
) -> dg.ScheduleDefinition:
    """One run per scene that needs work, at most `max_scenes` a night."""
    job_name = suffixed(use.name, tag)

    @dg.schedule(
        name=suffixed("nightly_schedule", tag),
        job_name=job_name,
        cron_schedule=nightly.cron,
        execution_timezone=nightly.timezone,
        description=f"At {nightly.cron}: a run for each of at most {nightly.max_scenes} scenes that need work.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
    def requests(context: dg.ScheduleEvaluationContext) -> Any:
        survey = Survey(assets, store)
        moment = context.scheduled_execution_time.isoformat()
        keys = registered_scenes(context.instance)
        todo = [(key, work) for key in keys if (work := survey.work_of(key, use.assets))]
        if not todo:
            return dg.SkipReason("every registered scene has what it should have")
        left = len(todo) - nightly.max_scenes
        if left > 0:
            context.log.info(f"{len(todo)} scenes need work; {left} are left for later nights")
        return [
            dg.RunRequest(
                run_key=f"{tag}:{moment}:{key}",
                partition_key=key,
                asset_selection=[asset_key(tag, name) for name in work],
                tags={"segassets/trigger": "nightly_schedule", "segassets/tag": tag},
            )
            for key, work in todo[: nightly.max_scenes]
        ]

    return requests


def new_scenes_sensor(footage: FootageResource, nightly: Nightly) -> dg.SensorDefinition:
    """Makes every scene of the configured datasets a partition; what is made of it is left to the night."""

    @dg.sensor(
        name="new_scenes",
        minimum_interval_seconds=nightly.scan_every_s,
        description="Registers the scenes of configs/datasets that Dagster does not know yet, in batches.",
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
    def scan(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        found, problems = footage.scene_keys()
        for dataset, why in problems.items():
            context.log.warning(f"dataset {dataset} is left out: {why}")
        known = set(context.instance.get_dynamic_partitions(SCENE))
        new = [key for key in dict.fromkeys(found) if key not in known]
        if not new:
            unseen = f"; left out: {', '.join(problems)}" if problems else ""
            return dg.SkipReason(f"all {len(found)} scenes are registered{unseen}")
        for key in new[:BATCH]:
            check_scene_key(key)
        return dg.SensorResult(
            dynamic_partitions_requests=[scenes.build_add_request(new[:BATCH])],
            cursor=str(len(known) + len(new[:BATCH])),
        )

    return scan


def new_experiments_sensor(nightly: Nightly) -> dg.SensorDefinition:
    """Makes every file of `configs/experiments/` a partition; training it is left to whoever asks."""

    @dg.sensor(
        name="new_experiments",
        minimum_interval_seconds=nightly.scan_every_s,
        description="Registers the files of configs/experiments that Dagster does not know yet.",
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
    def scan(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        from segassets.learning.experiment import list_experiments

        found, known = list_experiments(), set(context.instance.get_dynamic_partitions(EXPERIMENT))
        new = [check_scene_key(name) for name in found if name not in known]
        if not new:
            return dg.SkipReason(f"all {len(found)} experiments are registered")
        return dg.SensorResult(dynamic_partitions_requests=[experiments.build_add_request(new)])

    return scan
