"""A planned run made in this process: the graph built for its settings, executed batch by batch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from segassets.cli.home import open_instance
from segassets.cli.interrupts import Stopped, interruptible
from segassets.cli.terminal import Terminal
from segassets.config.settings import Settings
from segassets.runtime.progress import listening
from segassets.runtime.timings import StageRecord, StageTimings

if TYPE_CHECKING:
    from dagster import DagsterInstance, JobDefinition

    from segassets.orchestration.local_run import Outcome
    from segassets.orchestration.plan import Plan, Planner


def planner(settings: Settings, force: bool = False) -> Planner:
    """The planner of these settings' graph."""
    from segassets.assets.graph import SCENE_ASSETS
    from segassets.orchestration.plan import Planner
    from segassets.orchestration.resources import FootageResource
    from segassets.storage.store import ArtifactStore

    store = ArtifactStore(settings.root, settings.tag)
    return Planner(SCENE_ASSETS, settings, store, FootageResource(datasets=settings.datasets), force)


def run_here(
    settings: Settings,
    todo: Mapping[str, Sequence[str]],
    timings: StageTimings,
    terminal: Terminal,
    force: bool = False,
) -> Outcome:
    """Make `todo` (scene -> assets) through Dagster in this process."""
    from segassets.orchestration.local_run import LocalRun

    with open_instance() as instance, ExitStack() as stack:
        clock = stack.enter_context(StageClock(timings, terminal))
        stack.enter_context(listening(terminal.progress))
        run = LocalRun(
            job=_job(settings),
            instance=instance,
            planner=planner(settings, force),
            run_config=partial(_run_config, settings),
            batch=settings.scenes_per_batch,
            heard=clock.heard,
            tags={"segassets/run": settings.name},
        )
        try:
            return interruptible(lambda: run.run(todo))
        except Stopped:
            run.cancel()
            raise


def prepare(instance: DagsterInstance, settings: Settings, plan: Plan, terminal: Terminal) -> None:
    """Make Dagster know the plan's scenes and what is stored of them; bury runs of dead processes.

    Those would keep pool slots for ever, and the run would wait for them.
    """
    from segassets.orchestration.dead_runs import clean_up
    from segassets.orchestration.partitions import register_scenes
    from segassets.orchestration.stored import record_stored
    from segassets.storage.store import ArtifactStore

    for line in clean_up(instance):
        terminal.say(line)
    register_scenes(instance, dict.fromkeys(item.scene for item in plan.items))
    present = [(item.asset, item.scene) for item in plan.items if item.state == "present"]
    record_stored(instance, ArtifactStore(settings.root, settings.tag), present)


def _job(settings: Settings) -> JobDefinition:
    """The job of the whole graph, its defaults from these settings."""
    from segassets.assets.graph import TRACK_SCENES
    from segassets.definitions import build_definitions
    from segassets.orchestration.tags import suffixed

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on backfill policies, which a local run does not use
        definitions = build_definitions(settings={settings.tag: settings})
        return definitions.resolve_job_def(suffixed(TRACK_SCENES.name, settings.tag))


def _run_config(settings: Settings, assets: Sequence[str]) -> dict[str, Any]:
    """The settings as Dagster records them with the run; its own log is shown only when debugging."""
    from segassets.assets.graph import SCENE_ASSETS
    from segassets.orchestration.tags import op_name

    level = "INFO" if os.environ.get("SEGASSETS_DEBUG", "") not in ("", "0") else "CRITICAL"
    ops = {
        op_name(settings.tag, asset.name): {"config": asset.config_type(settings)().model_dump(mode="json")}
        for asset in SCENE_ASSETS
        if asset.name in assets
    }
    return {"ops": ops, "loggers": {"console": {"config": {"log_level": level}}}}


class StageClock:
    """Times the assets of a run as its stages: one begins when Dagster starts it and ends with the next."""

    def __init__(self, timings: StageTimings, terminal: Terminal) -> None:
        self._timings = timings
        self._terminal = terminal
        self._stack = ExitStack()
        self._stage: StageRecord | None = None

    def __enter__(self) -> StageClock:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def heard(self, event: str, asset: str, scene: str) -> None:
        """To be told of every event of the run."""
        self._terminal.heard(event, asset, scene)
        if event == "started":
            self._stack.close()
            stage = self._timings.stage(self._timings.unused_name(asset), scenes=0)
            self._stage = self._stack.enter_context(stage)
        elif self._stage is not None and event == "made":
            self._stage.details["scenes"] += 1
        elif self._stage is not None and event == "failed":
            self._stage.error = "failed for some scenes; see failed_scenes"
