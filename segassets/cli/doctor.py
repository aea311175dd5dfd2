"""`segassets doctor`: is this machine set up well, and is anything left over from runs that died?"""

from __future__ import annotations

import typer

from segassets.cli.show import print_json

_COLOURS = {"ok": "green", "note": None, "warning": "yellow", "problem": "red"}


def doctor(
    fix: bool = typer.Option(
        False, "--fix", help="Record dead runs as failed and free the pool slots they hold."
    ),
    output_root: str | None = typer.Option(None, help="Where results lie; else SEGASSETS_OUTPUT_ROOT."),
    memory_events: str | None = typer.Option(None, help="cgroup memory.events file to look at."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """Look at the environment: configs, Dagster home, daemon, dead runs, locks, GPUs, disk, models.

    Ends with exit code 1 when something keeps runs from working.

    Examples:

        segassets doctor

        segassets doctor --fix
    """
    from segassets.cli.findings import examine
    from segassets.config.load import load_settings

    options = {"output_root": output_root, "memory_events": memory_events}
    findings = list(examine(load_settings(options=options), fix=fix))
    if as_json:
        print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            typer.secho(f"{finding.state:8}", fg=_COLOURS[finding.state], nl=False)
            typer.echo(f"{finding.subject:14}{finding.text}")
            if finding.remedy:
                typer.echo(f"{'':22}-> {finding.remedy}")
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)
