"""`segassets ui`: Dagster's own UI and daemon on this deployment."""

from __future__ import annotations

import os
import sys

import typer


def ui(
    port: int = typer.Option(3000, "--port", "-p", help="Port to listen on."),
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen on."),
) -> None:
    """Open the Dagster UI, with the daemon that runs backfills, schedules and sensors; ends with Ctrl-C.

    Example:

        segassets ui --port 3000
    """
    from segassets.cli.home import ensure_home

    typer.echo(f"Dagster home {ensure_home()}, UI at http://{host}:{port}")
    sys.stdout.flush()
    command = [sys.executable, "-m", "dagster", "dev", "-m", "segassets.definitions"]
    os.execv(sys.executable, [*command, "-h", host, "-p", str(port)])
