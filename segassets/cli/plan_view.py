"""The plan of a run as people read it: scenes by what would be made, where, under which settings."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from segassets.cli.show import print_table
from segassets.config.settings import Settings
from segassets.storage.remote import redact

if TYPE_CHECKING:
    from segassets.orchestration.plan import Plan

_COLOURS = {"present": "green", "missing": "cyan", "stale": "yellow", "forced": "yellow", "off": None}


def print_plan(settings: Settings, plan: Plan, warnings: list[str], home: Path) -> None:
    """Print every scene and asset with its state, then the sums."""
    scenes = list(dict.fromkeys(item.scene for item in plan.items))
    assets = list(dict.fromkeys(item.asset for item in plan.items))
    states_of = {(item.scene, item.asset): item.state for item in plan.items}
    rows = [(scene, *(states_of[scene, asset] for asset in assets)) for scene in scenes]
    print_table(("scene", *assets), rows)
    for item in plan.items:
        if item.why:
            typer.secho(f"stale: {item.asset} of {item.scene}: {item.why}", fg=_COLOURS["stale"])
    for scene, why in plan.problems.items():
        typer.secho(f"cannot run {scene}: {why}", fg="red", err=True)
    for text in warnings:
        typer.secho(f"warning: {text}", fg="yellow", err=True)
    states = Counter(item.state for item in plan.items)
    sums = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    typer.echo(
        f"{len(scenes)} scenes: {sums or 'nothing'}; {sum(i.to_make for i in plan.items)} would be made"
    )
    typer.echo(f"model    {settings.model}")
    typer.echo(f"results  {_place(settings)}/<asset>/<scene>/")
    typer.echo(f"dagster  {home}")
    _print_changes(settings)


def _place(settings: Settings) -> str:
    return f"{redact(settings.root).rstrip('/')}/{settings.tag}"


def _print_changes(settings: Settings) -> None:
    """Settings that are not at their default, by dotted name."""
    changed = settings.model_dump(mode="json", exclude_defaults=True)
    lines = [f"  {name} = {value}" for name, value in _flat(changed)]
    if lines:
        typer.echo("\n".join(["settings other than the defaults:", *lines]))


def _flat(values: dict, path: tuple[str, ...] = ()) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found += _flat(value, (*path, key))
        else:
            found.append((".".join((*path, key)), value))
    return found
