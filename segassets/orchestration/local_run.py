"""The graph run in this process over many scenes, in batches that Dagster records.

Dagster names the scenes of one run as a range of registered keys, so a batch is a stretch of neighbours. An
asset that fails for one scene of a batch skips what comes after it for all of them; those scenes are taken
up again without the failed one, so a bad scene costs the others a run, never their result.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import DagsterInstance, EventLogEntry, JobDefinition
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from segassets.orchestration.dead_runs import free_slots, owner_tags
from segassets.orchestration.partitions import registered_keys
from segassets.orchestration.tags import asset_key

if TYPE_CHECKING:
    from segassets.orchestration.plan import Planner

Heard = Callable[[str, str, str], None]


@dataclass
class Outcome:
    """What came of a run over scenes.

    Attributes:
        made: scene -> assets made.
        failed: scene -> why.
        run_ids: Dagster runs, in order.
    """

    made: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    run_ids: list[str] = field(default_factory=list)


@dataclass
class LocalRun:
    """Runs a job over scenes until each has what its plan asks for, or has failed.

    Args:
        job: a job that holds the assets of the tag.
        run_config: from the assets of a Dagster run to its configuration.
        heard: called with (event, asset, scene): "started", "waiting" (for its
            pool) and "failed" with an empty scene, and "made".
    """

    job: JobDefinition
    instance: DagsterInstance
    planner: Planner
    run_config: Callable[[Sequence[str]], Mapping[str, Any]]
    batch: int = 8
    heard: Heard | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    run_ids: list[str] = field(default_factory=list, init=False)

    def run(self, todo: Mapping[str, Sequence[str]]) -> Outcome:
        """Make `todo`: scene -> assets, upstream first."""
        outcome = Outcome(run_ids=self.run_ids)
        pending = {scene: list(assets) for scene, assets in todo.items() if assets}
        while pending:
            scenes, assets = self._next_batch(pending)
            failures, made = self._execute(scenes, assets)
            for scene in scenes:
                done = [asset for asset in assets if (asset, scene) in made]
                outcome.made.setdefault(scene, []).extend(done)
                pending[scene] = [asset for asset in assets if asset not in done]
                if scene in failures or (pending[scene] and not done):
                    outcome.failed[scene] = failures.get(scene) or failures.get("") or "the run ended early"
                    pending[scene] = []
            pending = {scene: left for scene, left in pending.items() if left}
        return outcome

    def cancel(self) -> None:
        """Record the run that is going on as cancelled and free its pool slots; its process is about to end."""
        run = self.instance.get_run_by_id(self.run_ids[-1]) if self.run_ids else None
        if run is not None and not run.is_finished:
            self.instance.report_run_canceled(run, "Stopped.")
            free_slots(self.instance, run.run_id)

    def _next_batch(self, pending: Mapping[str, list[str]]) -> tuple[list[str], list[str]]:
        """Neighbouring scenes that need the same assets, from the first pending one on."""
        first = next(iter(pending))
        assets = pending[first]
        order = registered_keys(self.instance, self.planner.assets[0].kind)
        scenes: list[str] = []
        for key in order[order.index(first) :]:
            if pending.get(key) != assets or len(scenes) >= self.batch:
                break
            scenes.append(key)
        return scenes, assets

    def _execute(self, scenes: list[str], assets: list[str]) -> tuple[dict[str, str], set[tuple[str, str]]]:
        """One Dagster run: by scene why it failed (under "" what holds for all), and (asset, scene) made."""
        run_id = str(uuid.uuid4())
        self.run_ids.append(run_id)
        made: set[tuple[str, str]] = set()
        self.instance.add_event_listener(run_id, partial(self._hear, made))
        tag = self.planner.store.tag
        result = self.job.execute_in_process(
            run_config=self.run_config(assets),
            instance=self.instance,
            asset_selection=[asset_key(tag, asset) for asset in assets],
            run_id=run_id,
            raise_on_error=False,
            tags={
                **self.tags,
                **owner_tags(),
                ASSET_PARTITION_RANGE_START_TAG: scenes[0],
                ASSET_PARTITION_RANGE_END_TAG: scenes[-1],
            },
        )
        return ({} if result.success else failures_of(result.all_events)), made

    def _hear(self, made: set[tuple[str, str]], entry: EventLogEntry) -> None:
        event = entry.get_dagster_event() if entry.is_dagster_event else None
        if event is None:
            return
        if event.is_step_start and event.step_key:
            self._tell("started", self._asset_of(event.step_key), "")
        elif event.is_engine_event and event.step_key and "blocked" in (event.message or ""):
            self._tell("waiting", self._asset_of(event.step_key), "")
        elif event.is_step_failure and event.step_key:
            self._tell("failed", self._asset_of(event.step_key), "")
        elif event.is_step_materialization and event.asset_key and event.partition:
            made_now = (event.asset_key.path[-1], event.partition)
            if made_now not in made:  # the closing event of a step repeats those of its scenes
                made.add(made_now)
                self._tell("made", *made_now)

    def _tell(self, event: str, asset: str, scene: str) -> None:
        if self.heard is not None:
            self.heard(event, asset, scene)

    def _asset_of(self, node: str) -> str:
        tag = self.planner.store.tag
        names = {
            asset_key(tag, asset.name).to_python_identifier(): asset.name for asset in self.planner.assets
        }
        return names.get(node, node)


def failures_of(events: Iterable[dg.DagsterEvent]) -> dict[str, str]:
    """By scene why it failed, as the failed steps tell; under "" what a step says that names no scene."""
    found: dict[str, str] = {}
    for event in events:
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        by_user = data.user_failure_data
        named = by_user.metadata.get("failed_scenes") if by_user else None
        if isinstance(named, dg.JsonMetadataValue) and isinstance(named.data, Mapping):
            for scene, why in named.data.items():
                found.setdefault(scene, f"{event.step_key}: {why}")
        elif data.error is not None:
            cause = data.error.cause or data.error
            found.setdefault("", f"{event.step_key}: {cause.message.strip()}")
    return found
