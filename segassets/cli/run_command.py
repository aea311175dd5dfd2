"""What `segassets run` does with its settings: plan, check, make, record."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from segassets.cli import execution, preflight
from segassets.cli.home import ensure_home, open_instance
from segassets.cli.interrupts import Stopped
from segassets.cli.plan_view import print_plan
from segassets.cli.show import print_json
from segassets.cli.terminal import Terminal
from segassets.config.records import records_dir
from segassets.config.selection import selected_scenes
from segassets.config.settings import Settings
from segassets.errors import Busy
from segassets.runtime.records import RunRecord
from segassets.runtime.timings import duration_text
from segassets.storage.remote import redact

if TYPE_CHECKING:
    from segassets.cli.parallel import WorkerResult
    from segassets.orchestration.local_run import Outcome
    from segassets.orchestration.plan import Plan


def execute(settings: Settings, *, force: bool, dry_run: bool, as_json: bool) -> int:
    """Plan the run and, unless it is a dry one, make it; the exit code.

    Raises:
        SegassetsError: the run cannot begin; scenes that fail later are named in the result instead.
    """
    home = ensure_home()
    keys = selected_scenes(settings)
    warnings = preflight.check_settings(settings)
    plan = execution.planner(settings, force).plan(keys)
    if dry_run:
        return _show_plan(settings, plan, warnings, home, as_json)
    for text in warnings:
        typer.secho(f"warning: {text}", fg="yellow", err=True)
    return _make(settings, plan, keys, home, force, as_json)


def _show_plan(settings: Settings, plan: Plan, warnings: list[str], home: Path, as_json: bool) -> int:
    if as_json:
        content = {
            "items": [asdict(item) for item in plan.items],
            "problems": plan.problems,
            "warnings": warnings,
            "settings": _public(settings),
            "dagster_home": str(home),
        }
        print_json(content)
    else:
        print_plan(settings, plan, warnings, home)
    return 2 if plan.problems else 0


def _make(settings: Settings, plan: Plan, keys: list[str], home: Path, force: bool, as_json: bool) -> int:
    todo = {key: plan.to_make(key) for key in keys if key not in plan.problems}
    terminal = Terminal(sum(len(assets) for assets in todo.values()))
    record = RunRecord(records_dir(settings), settings.name, settings.tag, _public(settings))
    try:
        result = _made(settings, plan, todo, record, terminal, force)
    except Stopped:
        record.finish("interrupted", error="stopped", scenes=keys)
        raise
    except Exception as error:
        record.finish("failed", error=f"{type(error).__name__}: {error}", scenes=keys)
        raise
    finally:
        terminal.close()
    failed = {**plan.problems, **result.failed}
    record.finish(
        "failed" if failed else "done",
        error=f"{len(failed)} of {len(keys)} scenes failed" if failed else None,
        scenes=keys,
        failed_scenes=failed,
        made={scene: assets for scene, assets in result.made.items() if assets},
        dagster_runs=result.run_ids,
        dagster_home=str(home),
    )
    _tell(settings, keys, result, failed, record, as_json)
    return 1 if failed else 0


def _leave_out_busy(settings: Settings, todo: dict[str, list[str]], plan: Plan) -> None:
    """Scenes that another process is making become problems of the plan, before anything waits for them."""
    from segassets.storage.store import ArtifactStore

    store = ArtifactStore(settings.root, settings.tag)
    for scene, assets in todo.items():
        try:
            for asset in assets:
                with store.lock(asset, scene):
                    pass
        except Busy as error:
            plan.problems[scene] = str(error)
            todo[scene] = []


def _public(settings: Settings) -> dict[str, Any]:
    """The settings as they may be stored and shown: without secrets."""
    from segassets.orchestration.metadata import without_secrets

    values = without_secrets(settings.model_dump(mode="json"))
    return {**values, "output_root": redact(settings.output_root)}


def _made(
    settings: Settings,
    plan: Plan,
    todo: dict[str, list[str]],
    record: RunRecord,
    terminal: Terminal,
    force: bool,
) -> Outcome | WorkerResult:
    """Make what there is to make, in this process or in several."""
    watch = preflight.memory_watch(settings).start()
    if settings.wait_s == 0:
        _leave_out_busy(settings, todo, plan)
    with open_instance() as instance:
        execution.prepare(instance, settings, plan, terminal)
    busy = {scene: assets for scene, assets in todo.items() if assets}
    if settings.parallel_scenes > 1 and len(busy) > 1:
        from segassets.cli.parallel import run_in_processes

        result: Any = run_in_processes(settings, busy, watch, terminal, force)
        record.summary["worker_stages"] = result.stages
    else:
        result = execution.run_here(settings, todo, record.timings, terminal, force)
    happened = watch.happened()
    record.summary["memory_watch"] = {"watched": watch.describe(), "happened": happened}
    if happened:
        terminal.say(f"the kernel reported memory running out during this run: {happened}")
    return result


def _tell(
    settings: Settings,
    keys: list[str],
    result: Any,
    failed: dict[str, str],
    record: RunRecord,
    as_json: bool,
) -> None:
    """Say what was made, where it is, and what failed."""
    from segassets.cli.tag_figures import mask_counts
    from segassets.storage.store import ArtifactStore

    store = ArtifactStore(settings.root, settings.tag)
    reports = {
        key: f"{store.location('scene_report', key)}/report.html"
        for key in keys
        if store.has("scene_report", key)
    }
    if as_json:
        print_json({**record.summary, "reports": reports})
    for scene, why in failed.items():
        typer.secho(f"failed: {scene}: {why}", fg="red", err=True)
    if as_json:
        return
    made = sum(len(assets) for assets in result.made.values())
    took = duration_text(record.summary["duration_s"])
    typer.echo(f"{made} artifacts made in {took}, {len(keys) - len(failed)} of {len(keys)} scenes complete")
    counts = mask_counts(store, keys)
    if counts:
        typer.echo(
            "masks    {candidates} candidates, {filtered_masks} kept, {tracks} tracks".format(**counts)
        )
    if counts and not counts["tracks"]:
        typer.echo(
            "         nothing to follow: lower min_area, stability or candidates.predicted_iou_threshold"
        )
    typer.echo(f"results  {settings.root} (tag {settings.tag})")
    typer.echo(f"record   {record.folder / 'summary.json'}")
    for path in list(reports.values())[:5]:
        typer.echo(f"report   {path}")
    shown = "" if settings.tag == "main" else f"SEGASSETS_TAGS=main,{settings.tag} "
    typer.echo(f"look at it in the Dagster UI: {shown}make ui   (or {shown}segassets ui)")
