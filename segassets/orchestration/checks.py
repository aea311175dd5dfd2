"""Checks of the graph, one verdict per scene.

Blocking checks belong to their asset: they look at what was just written before it is published. A scene that fails
one is not published, so nothing downstream can read it; its verdict is recorded, the scenes beside it go on. Quality
checks measure against ground truth where there is some; they are steps of their own, never block, and can be executed
again from the UI. Both record one evaluation per scene, also in runs of many scenes (where Dagster's own
AssetCheckResult would record a single one without a scene).
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from segassets.errors import BadInput, SegassetsError
from segassets.orchestration.events import latest_targets
from segassets.orchestration.metadata import number
from segassets.orchestration.partitions import scenes
from segassets.orchestration.tags import asset_key

if TYPE_CHECKING:
    import pyarrow as pa

    from segassets.orchestration.work import Work
    from segassets.storage.store import ArtifactStore

VERDICTS_TOGETHER = 25
VERDICTS_WAIT_S = 5.0

Figures = Mapping[str, float | int | None]


class CheckFailed(BadInput):
    """What an asset wrote does not pass its blocking checks."""


@dataclass(frozen=True)
class Check:
    """A blocking check: `run` returns figures, or raises BadInput that says what is wrong."""

    name: str
    description: str
    run: Callable[[Any], Figures]

    def spec(self, key: dg.AssetKey, partitions: dg.PartitionsDefinition = scenes) -> dg.AssetCheckSpec:
        """The check as Dagster knows it."""
        return dg.AssetCheckSpec(
            self.name, asset=key, description=self.description, blocking=True, partitions_def=partitions
        )


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check on one scene."""

    name: str
    passed: bool
    figures: Figures = field(default_factory=dict)
    message: str = ""

    def evaluation(
        self, key: dg.AssetKey, scene: str, target: Any, *, blocking: bool
    ) -> dg.AssetCheckEvaluation:
        """The verdict as an event of a scene; `target` is the materialization it is about."""
        return dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=self.name,
            passed=self.passed,
            metadata={name: number(value) for name, value in self.figures.items() if value is not None},
            severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
            description=self.message or None,
            blocking=blocking,
            partition=scene,
            target_materialization_data=target,
        )


class VerdictLog:
    """Records verdicts as events of the running step: a few scenes together, or after a few seconds.

    Each verdict names the materialization it is about, and asking for that costs as much as writing an event.
    """

    def __init__(self, context: dg.OpExecutionContext, key: dg.AssetKey, *, blocking: bool) -> None:
        self._context = context
        self._key = key
        self._blocking = blocking
        self._waiting: dict[str, list[Verdict]] = {}
        self._written = time.monotonic()

    def add(self, scene: str, verdicts: Sequence[Verdict]) -> None:
        """Take the verdicts on one scene, whose materialization is recorded already when it has one."""
        self._waiting[scene] = list(verdicts)
        if len(self._waiting) >= VERDICTS_TOGETHER or time.monotonic() - self._written > VERDICTS_WAIT_S:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if any(self._waiting.values()):
            targets = latest_targets(
                self._context.instance, self._key, list(self._waiting), self._context.run_id
            )
            for scene, verdicts in self._waiting.items():
                for verdict in verdicts:
                    event = verdict.evaluation(self._key, scene, targets.get(scene), blocking=self._blocking)
                    self._context.log_event(event)  # type: ignore[arg-type]
        self._waiting.clear()
        self._written = time.monotonic()


def run_checks(checks: tuple[Check, ...], work: Work) -> list[Verdict]:
    """Verdicts of all checks on what was just written."""
    return [_verdict(check, work) for check in checks]


def _verdict(check: Check, work: Work) -> Verdict:
    try:
        return Verdict(check.name, True, check.run(work))
    except SegassetsError as error:
        return Verdict(check.name, False, message=str(error))


def refuse_failed(verdicts: list[Verdict], what: str) -> None:
    """Raises CheckFailed that names every check that did not pass."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    if failed:
        reasons = "; ".join(f"{verdict.name}: {verdict.message}" for verdict in failed)
        raise CheckFailed(f"{what} is not published, it fails {len(failed)} blocking checks: {reasons}")


@dataclass
class StoredScene:
    """What a quality check reads: the artifacts of one scene.

    Attributes:
        complaints: what the check found wanting; none means it passes.
    """

    store: ArtifactStore
    key: str
    complaints: list[str] = field(default_factory=list)

    def expect(self, condition: bool, otherwise: str) -> None:
        """Note a complaint unless the condition holds."""
        if not condition:
            self.complaints.append(otherwise)

    @cached_property
    def frames(self) -> pa.Table:
        """The frames table."""
        from segassets.masks.schemas import FRAMES
        from segassets.masks.table import read_table
        from segassets.orchestration.work import FRAMES_FILE

        return read_table(self.store.peek("frames", self.key).path / FRAMES_FILE, FRAMES)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What `scene.json` says of the footage: root, categories, ..."""
        return json.loads((self.store.peek("frames", self.key).path / "scene.json").read_text("utf-8"))

    def annotated_frames(self) -> set[int]:
        """Frames whose annotations are complete."""
        numbers, annotated = (self.frames.column(name).to_pylist() for name in ("frame", "annotated"))
        return {number for number, is_annotated in zip(numbers, annotated, strict=True) if is_annotated}

    def masks(self, asset: str) -> pa.Table:
        """The mask table of an asset."""
        from segassets.masks.schemas import MASKS
        from segassets.masks.table import read_table
        from segassets.orchestration.work import MASKS_FILE

        return read_table(self.store.peek(asset, self.key).path / MASKS_FILE, MASKS)

    def stats(self, asset: str) -> Mapping[str, Any]:
        """What an asset counted while it was made."""
        from segassets.orchestration.work import STATS_FILE

        return json.loads((self.store.peek(asset, self.key).path / STATS_FILE).read_text("utf-8"))

    @cached_property
    def truth(self) -> pa.Table:
        """The annotations."""
        return self.masks("coco_masks")

    def has_truth(self) -> bool:
        """Whether there is anything to measure against."""
        return self.store.has("coco_masks", self.key) and self.truth.num_rows > 0

    def config(self, asset: str) -> Mapping[str, Any]:
        """The configuration an artifact was made with."""
        return self.store.peek(asset, self.key).provenance.config


@dataclass(frozen=True)
class QualityCheck:
    """A check of quality: figures for every scene, a warning where they are worse than trivial.

    Attributes:
        needs_truth: it measures against annotations; scenes without any pass and say so.
    """

    name: str
    asset: str
    measure: Callable[[StoredScene], Figures]
    needs_truth: bool = True

    def build(self, tag: str) -> dg.AssetChecksDefinition:
        """The check of one experiment tag."""

        def measure_scenes(context: dg.AssetCheckExecutionContext) -> Iterator[dg.Output]:
            step = context.op_execution_context
            store = step.resources.store.of(tag)
            log = VerdictLog(step, asset_key(tag, self.asset), blocking=False)
            for key in step.partition_keys:
                log.add(key, [self.verdict(StoredScene(store, key))])
            log.flush()
            yield dg.Output(None)

        measure_scenes.__annotations__ = {"context": dg.AssetCheckExecutionContext}
        return dg.asset_check(
            asset=asset_key(tag, self.asset),
            name=self.name,
            description=inspect.getdoc(self.measure),
            partitions_def=scenes,
            blocking=False,
            additional_deps=[asset_key(tag, "coco_masks")]
            if self.needs_truth and self.asset != "coco_masks"
            else [],
            required_resource_keys={"store"},
        )(measure_scenes)  # type: ignore[arg-type]

    def verdict(self, scene: StoredScene) -> Verdict:
        """The verdict on one scene; without ground truth it passes and says so."""
        try:
            if self.needs_truth and not scene.has_truth():
                return Verdict(self.name, True, message="no ground truth to compare with")
            figures = self.measure(scene)
        except SegassetsError as error:
            return Verdict(self.name, False, message=str(error))
        return Verdict(self.name, not scene.complaints, figures, "; ".join(scene.complaints))


def quality_check(
    *, asset: str, needs_truth: bool = True
) -> Callable[[Callable[[StoredScene], Figures]], QualityCheck]:
    """Declare the decorated function as a quality check of an asset; its docstring is the description in the UI."""

    def declare(measure: Callable[[StoredScene], Figures]) -> QualityCheck:
        return QualityCheck(measure.__name__, asset, measure, needs_truth)

    return declare
