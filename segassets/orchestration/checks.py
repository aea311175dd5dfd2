"""Checks of the graph, one verdict per scene.

Blocking checks belong to their asset: they look at what was just written before it is published. A scene that fails
one is not published, so nothing downstream can read it; its verdict is recorded, the scenes beside it go on. Quality
checks measure against ground truth where there is some; they are steps of their own, never block, and can be executed
again from the UI. Both record one evaluation per scene, also in runs of many scenes (where Dagster's own
AssetCheckResult would record a single one without a scene).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from segassets.errors import BadInput, SegassetsError
from segassets.orchestration.metadata import number
from segassets.orchestration.partitions import scenes

if TYPE_CHECKING:
    from segassets.orchestration.work import SceneWork

Figures = Mapping[str, float | int | None]


class CheckFailed(BadInput):
    """What an asset wrote does not pass its blocking checks."""


@dataclass(frozen=True)
class Check:
    """A blocking check: `run` returns figures, or raises BadInput that says what is wrong."""

    name: str
    description: str
    run: Callable[[SceneWork], Figures]

    def spec(self, key: dg.AssetKey) -> dg.AssetCheckSpec:
        """The check as Dagster knows it."""
        return dg.AssetCheckSpec(
            self.name, asset=key, description=self.description, blocking=True, partitions_def=scenes
        )


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check on one scene."""

    name: str
    passed: bool
    figures: Figures = field(default_factory=dict)
    message: str = ""

    def evaluation(
        self, key: dg.AssetKey, scene: str, *, blocking: bool, severity: dg.AssetCheckSeverity | None = None
    ) -> dg.AssetCheckEvaluation:
        """The verdict as an event of that scene."""
        return dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=self.name,
            passed=self.passed,
            metadata={name: number(value) for name, value in self.figures.items() if value is not None},
            severity=severity or (dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN),
            description=self.message or None,
            blocking=blocking,
            partition=scene,
        )


def run_checks(checks: tuple[Check, ...], work: SceneWork) -> list[Verdict]:
    """Verdicts of all checks on what was just written."""
    return [_verdict(check, work) for check in checks]


def _verdict(check: Check, work: SceneWork) -> Verdict:
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
