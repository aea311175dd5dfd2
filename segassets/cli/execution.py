"""A planned run made in this process: the graph built for its settings, executed batch by batch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
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
    from segassets.orchestration.scene_assets import SceneAsset


@dataclass(frozen=True)
class Graph:
    """What a command makes.

    Attributes:
        job: how the runs are called in Dagster.
        assets: upstream first, all over scenes or all over experiments.
        op_values: by asset, op config values that are not those of the settings.
        stored: assets that are not made but read as they are in the store.
    """

    job: str
    assets: tuple[SceneAsset, ...]
    op_values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stored: frozenset[str] = frozenset()

    def config(self, asset: SceneAsset, settings: Settings) -> Any:
        """The op config of an asset."""
        return asset.config_type(settings)(**self.op_values.get(asset.name, {}))


def tracking() -> Graph:
    """From footage to tracks and reports: what `segassets run` makes."""
    from segassets.assets.graph import SCENE_ASSETS, TRACK_SCENES

    return Graph(TRACK_SCENES.name, SCENE_ASSETS)


def planner(settings: Settings, force: bool = False, graph: Graph | None = None) -> Planner:
    """The planner of these settings' graph."""
    from segassets.orchestration.plan import Planner
    from segassets.orchestration.resources import FootageResource
    from segassets.storage.store import ArtifactStore

    store = ArtifactStore(settings.root, settings.tag)
    footage, graph = FootageResource(datasets=settings.datasets), graph or tracking()
    return Planner(graph.assets, settings, store, footage, force, graph.op_values, graph.stored)


def run_here(
    settings: Settings,
    todo: Mapping[str, Sequence[str]],
    timings: StageTimings,
    terminal: Terminal,
    force: bool = False,
    graph: Graph | None = None,
) -> Outcome:
    """Make `todo` (scene or experiment -> assets) through Dagster in this process."""
    from segassets.orchestration.local_run import LocalRun

    graph = graph or tracking()

    with open_instance() as instance, ExitStack() as stack:
        clock = stack.enter_context(StageClock(timings, terminal))
        stack.enter_context(listening(terminal.progress))
        run = LocalRun(
            job=_job(settings, graph),
            instance=instance,
            planner=planner(settings, force, graph),
            run_config=partial(_run_config, settings, graph),
            batch=settings.scenes_per_batch,
            heard=clock.heard,
            tags={"segassets/run": settings.name},
        )
        try:
            return interruptible(lambda: run.run(todo))
        except Stopped:
            run.cancel()
            raise


def prepare(
    instance: DagsterInstance, settings: Settings, plan: Plan, terminal: Terminal, kind: str = "scene"
) -> None:
    """Make Dagster know the plan's scenes (or experiments) and what is stored of them; bury runs of dead processes.

    Those would keep pool slots for ever, and the run would wait for them.
    """
    from segassets.orchestration.dead_runs import clean_up
    from segassets.orchestration.partitions import register
    from segassets.orchestration.stored import record_stored
    from segassets.storage.store import ArtifactStore

    for line in clean_up(instance):
        terminal.say(line)
    register(instance, kind, dict.fromkeys(item.scene for item in plan.items))
    present = [(item.asset, item.scene) for item in plan.items if item.state == "present"]
    record_stored(instance, ArtifactStore(settings.root, settings.tag), present)


def _job(settings: Settings, graph: Graph) -> JobDefinition:
    """A job of the graph, its defaults from these settings."""
    from segassets.assets.graph import USES
    from segassets.definitions import build_definitions
    from segassets.orchestration.automation import Use
    from segassets.orchestration.tags import suffixed

    use = Use(graph.job, "", tuple(asset.name for asset in graph.assets))
    others = [item for item in USES if item.name != graph.job]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on backfill policies, which a local run does not use
        definitions = build_definitions(settings={settings.tag: settings}, uses=[use, *others], asked_uses=())
        return definitions.resolve_job_def(suffixed(graph.job, settings.tag))


def _run_config(settings: Settings, graph: Graph, assets: Sequence[str]) -> dict[str, Any]:
    """The settings as Dagster records them with the run; its own log is shown only when debugging."""
    from segassets.orchestration.tags import op_name

    level = "INFO" if os.environ.get("SEGASSETS_DEBUG", "") not in ("", "0") else "CRITICAL"
    ops = {
        op_name(settings.tag, asset.name): {"config": graph.config(asset, settings).model_dump(mode="json")}
        for asset in graph.assets
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
