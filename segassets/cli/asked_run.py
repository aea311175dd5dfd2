"""What `train`, `evaluate` and `thresholds` have in common: names of experiments or scenes, a plan, a run, a record."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from segassets.cli import execution
from segassets.cli.execution import Graph
from segassets.cli.home import ensure_home, open_instance
from segassets.cli.interrupts import Stopped
from segassets.cli.show import print_json, print_table
from segassets.cli.terminal import Terminal
from segassets.config.records import records_dir
from segassets.config.settings import Settings
from segassets.errors import MissingInput, did_you_mean
from segassets.runtime.records import RunRecord
from segassets.runtime.timings import duration_text

if TYPE_CHECKING:
    from segassets.orchestration.local_run import Outcome
    from segassets.orchestration.plan import Plan
    from segassets.storage.store import ArtifactStore

EXPERIMENT, SCENE = "experiment", "scene"


@dataclass(frozen=True)
class Asked:
    """What was named on the command line: keys of one kind, and what is laid over their settings."""

    kind: str
    keys: list[str]
    overrides: list[str]


def parse_words(words: Sequence[str], known: Sequence[str]) -> Asked:
    """Names and `key=value` texts taken apart; `scene:<key>` names scenes, patterns such as `rooms*` are filled in.

    Args:
        known: names of the experiments there are.

    Raises:
        MissingInput: an unknown experiment, or none at all.
        BadConfig: experiments and scenes named together.
    """
    from segassets.errors import BadConfig

    overrides = [word for word in words if "=" in word]
    names = [word for word in words if "=" not in word]
    scenes = [name.removeprefix("scene:") for name in names if name.startswith("scene:")]
    if scenes and len(scenes) < len(names):
        raise BadConfig("expected experiments or scenes (scene:<key>), found both; name them in two commands")
    if scenes:
        return Asked(SCENE, list(dict.fromkeys(scenes)), overrides)
    keys = [key for name in names for key in _experiments(name.removeprefix("experiment:"), known)]
    if not keys:
        raise MissingInput(f"expected the name of an experiment.{did_you_mean('', known)}")
    return Asked(EXPERIMENT, list(dict.fromkeys(keys)), overrides)


def _experiments(name: str, known: Sequence[str]) -> list[str]:
    if name in known:
        return [name]
    found = fnmatch.filter(known, name) if any(sign in name for sign in "*?[") else []
    if not found:
        from segassets.learning.experiment import experiments_dir

        where = experiments_dir()
        hint = did_you_mean(name, known)
        if name.endswith((".yaml", ".yml")):
            hint = f" An experiment is a file of that folder: copy {name} there and give its name."
        raise MissingInput(f"experiment: there is no {name!r} in {where}.{hint}")
    return found


def make(
    settings: Settings,
    graph: Graph,
    asked: Asked,
    *,
    title: str,
    force: bool,
    dry_run: bool,
    as_json: bool,
    tell: Callable[[ArtifactStore, str], dict[str, Any]],
    show: Callable[[dict[str, dict[str, Any]]], None],
) -> int:
    """Plan and make what is missing or no longer fits; the exit code.

    Args:
        title: name of the run in the history.
        tell: what is to be said of a finished key, from the store.
        show: prints what was told, by key.
    """
    from segassets.storage.store import ArtifactStore

    ensure_home()
    plan = execution.planner(settings, force, graph).plan(asked.keys)
    if dry_run:
        return _show_plan(plan, as_json)
    todo = {key: plan.to_make(key) for key in asked.keys if key not in plan.problems}
    result, record = _run(settings, graph, asked, plan, todo, title, force)
    failed = {**plan.problems, **(result.failed if result else {})}
    store = ArtifactStore(settings.root, settings.tag)
    told = {key: tell(store, key) for key in asked.keys if key not in failed}
    for key, why in failed.items():
        typer.secho(f"failed: {key}: {why}", fg="red", err=True)
    if as_json:
        print_json({"results": told, "failed": failed, "record": str(record.folder)})
        return 1 if failed else 0
    if not any(todo.values()) and told:
        typer.echo("nothing to make: all is there and fits (--force makes it again)")
    show(told)
    return 1 if failed else 0


def _show_plan(plan: Plan, as_json: bool) -> int:
    items = [(item.scene, item.asset, item.state, item.why) for item in plan.items]
    if as_json:
        names = ("key", "asset", "state", "why")
        print_json(
            {"items": [dict(zip(names, item, strict=True)) for item in items], "problems": plan.problems}
        )
    else:
        print_table(("", "asset", "state", "why"), items)
        for key, why in plan.problems.items():
            typer.secho(f"cannot run {key}: {why}", fg="red", err=True)
    return 2 if plan.problems else 0


def _run(
    settings: Settings,
    graph: Graph,
    asked: Asked,
    plan: Plan,
    todo: dict[str, list[str]],
    title: str,
    force: bool,
) -> tuple[Outcome | None, RunRecord]:
    from segassets.orchestration.metadata import without_secrets

    terminal = Terminal(sum(len(assets) for assets in todo.values()))
    values = {"words": [*asked.keys, *asked.overrides], "op_values": dict(graph.op_values)}
    record = RunRecord(records_dir(settings), title, settings.tag, without_secrets(values))
    result = None
    try:
        if todo:
            with open_instance() as instance:
                execution.prepare(instance, settings, plan, terminal, asked.kind)
            result = execution.run_here(settings, todo, record.timings, terminal, force, graph)
    except Stopped:
        record.finish("interrupted", error="stopped", scenes=asked.keys)
        raise
    except Exception as error:
        record.finish("failed", error=f"{type(error).__name__}: {error}", scenes=asked.keys)
        raise
    finally:
        terminal.close()
    failed = {**plan.problems, **(result.failed if result else {})}
    record.finish(
        "failed" if failed else "done",
        error=f"{len(failed)} of {len(asked.keys)} {asked.kind}s failed" if failed else None,
        scenes=asked.keys,
        failed_scenes=failed,
        made={} if result is None else {key: assets for key, assets in result.made.items() if assets},
        dagster_runs=[] if result is None else result.run_ids,
    )
    return result, record


def took(seconds: float | None) -> str:
    """Seconds for people."""
    return "-" if seconds is None else duration_text(seconds)
