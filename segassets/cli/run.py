"""`segassets run`: one configuration over its scenes, through Dagster, with progress on the terminal."""

from __future__ import annotations

import typer

_TUNING = "Settings most often changed"
_WHERE = "Where"
_HOW = "How"


def run(
    config: str = typer.Argument(
        ..., help="A YAML file, or the name of one in configs/runs/ (demo, multiscan, davis)."
    ),
    overrides: list[str] = typer.Argument(
        None, metavar="[KEY.PATH=VALUE]...", help="Any other setting, by its dotted name."
    ),
    datasets: str | None = typer.Option(
        None, "--datasets", help="Datasets, by comma.", rich_help_panel=_TUNING
    ),
    scenes: str | None = typer.Option(
        None, help="all, or scene keys or names by comma.", rich_help_panel=_TUNING
    ),
    levels: str | None = typer.Option(
        None, help="Levels of candidates, e.g. 2,4,6.", rich_help_panel=_TUNING
    ),
    frames: str | None = typer.Option(
        None, help="A Python slice, e.g. 0:200:5 or ::-1.", rich_help_panel=_TUNING
    ),
    keyframe_stride: int | None = typer.Option(
        None, help="Candidates on every n-th selected frame.", rich_help_panel=_TUNING
    ),
    min_area: int | None = typer.Option(
        None, help="Drop candidates of fewer pixels.", rich_help_panel=_TUNING
    ),
    stability: float | None = typer.Option(
        None, help="Drop candidates less stable.", rich_help_panel=_TUNING
    ),
    max_propagate: str | None = typer.Option(
        None,
        help="Frames a track lives after its last supporting keyframe; null for no limit.",
        rich_help_panel=_TUNING,
    ),
    model: str | None = typer.Option(
        None,
        help="A name in configs/models/, or a trained one: experiment:NAME, scene:KEY.",
        rich_help_panel=_TUNING,
    ),
    tag: str | None = typer.Option(
        None, help="Experiment tag; results of two tags live side by side.", rich_help_panel=_WHERE
    ),
    output_root: str | None = typer.Option(
        None, help="Folder or URL of the results.", rich_help_panel=_WHERE
    ),
    device: str | None = typer.Option(None, help="auto, cpu, cuda or cuda:<i>.", rich_help_panel=_HOW),
    parallel_scenes: int | None = typer.Option(
        None, help="Processes on different scenes.", rich_help_panel=_HOW
    ),
    memory_events: str | None = typer.Option(
        None, help="cgroup memory.events file to watch for out-of-memory.", rich_help_panel=_HOW
    ),
    force: bool = typer.Option(
        False, "--force", help="Make again what is there and fits.", rich_help_panel=_HOW
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Check everything, print the plan, make nothing.", rich_help_panel=_HOW
    ),
    as_json: bool = typer.Option(
        False, "--json", help="The plan or the result as JSON on stdout.", rich_help_panel=_HOW
    ),
) -> None:
    """Make the tracks, comparison renders and reports of a configuration's scenes.

    What is there and still fits is kept; what is missing or no longer fits its inputs, settings, model or
    code is made. Values: command line over SEGASSETS_* variables over the YAML over defaults.

    Examples:

        segassets run demo

        segassets run multiscan --levels 2,4,6 --frames 0:2000:50 --dry-run

        segassets run davis --scenes blackswan --tag boxes tracking.prompt=box

        SEGASSETS_OUTPUT_ROOT=/data/out segassets run demo --max-propagate 30
    """
    from segassets.cli.run_command import execute
    from segassets.config import load_settings

    options = {
        "datasets": datasets,
        "scenes": scenes,
        "levels": levels,
        "frames": frames,
        "keyframe_stride": keyframe_stride,
        "min_area": min_area,
        "stability": stability,
        "max_propagate": max_propagate,
        "model": model,
        "tag": tag,
        "output_root": output_root,
        "device": device,
        "parallel_scenes": parallel_scenes,
        "memory_events": memory_events,
    }
    settings = load_settings(config, overrides or (), options)
    code = execute(settings, force=force, dry_run=dry_run, as_json=as_json)
    if code:
        raise typer.Exit(code)
