"""The command tree, and how errors end it: one message on stderr; exit code 2 for input, else 1."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

import typer

from segassets import __version__
from segassets.cli import (
    compare,
    convert,
    doctor,
    evaluate,
    evaluate_instances,
    experiments,
    export,
    history,
    make,
    models,
    query,
    run,
    scenes,
    settings,
    thresholds,
    train,
    tubes,
    ui,
)
from segassets.cli.interrupts import Stopped
from segassets.errors import BadConfig, BadInput, MissingInput, SegassetsError

_HELP = """Footage in, tracked instances out: run the asset graph and look after what it made.

First steps:

    segassets run demo --dry-run              (what would be made)

    segassets run demo                        (make it, with progress)

    segassets scenes add ~/footage/kitchen    (footage of your own)

    segassets doctor                          (is all set up well?)
"""

app = typer.Typer(
    name="segassets",
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("make")(make.make)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("evaluate-instances")(evaluate_instances.evaluate_instances)
app.command("thresholds")(thresholds.thresholds)
app.add_typer(experiments.app, name="experiments")
app.command("settings")(settings.settings)
app.add_typer(scenes.app, name="scenes")
app.add_typer(models.app, name="models")
app.command("export")(export.export)
app.add_typer(convert.app, name="convert")
app.command("query")(query.query)
app.add_typer(tubes.app, name="tubes")
app.command("compare")(compare.compare)
app.command("history")(history.history)
app.command("doctor")(doctor.doctor)
app.command("ui")(ui.ui)


@app.callback(invoke_without_command=True)
def _root(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks of errors (or SEGASSETS_DEBUG=1)."),
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if debug:
        os.environ["SEGASSETS_DEBUG"] = "1"
    if version:
        typer.echo(f"segassets {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; the console script."""
    try:
        app()
    except SegassetsError as error:
        sys.exit(report_error(error))
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        sys.exit(_report_defect(error))
    except Stopped:
        typer.secho("stopped; finished artifacts are kept, run again to go on", fg="red", err=True)
        end_now(130)


def _report_defect(error: Exception) -> int:
    """An error nobody foresaw: one line, and where the details are."""
    if _is_debugging():
        traceback.print_exception(error)
    text = f"unexpected {type(error).__name__}: {error}"
    typer.secho(f"{text}\n(the traceback: segassets --debug ..., or SEGASSETS_DEBUG=1)", fg="red", err=True)
    return 1


def _is_debugging() -> bool:
    return os.environ.get("SEGASSETS_DEBUG", "") not in ("", "0")


def end_now(code: int) -> NoReturn:
    """End the process without waiting for its threads: one may be in the midst of a run that was stopped."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def report_error(error: SegassetsError) -> int:
    """Print an error as people should read it; the exit code it stands for."""
    if _is_debugging():
        traceback.print_exception(error)
    typer.secho(f"error: {error}", fg="red", err=True)
    return 2 if isinstance(error, (BadConfig, BadInput, MissingInput)) else 1
