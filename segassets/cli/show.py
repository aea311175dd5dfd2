"""How the command line shows tables, numbers and sizes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import typer

_NO_BREAK = 100_000  # columns


def print_json(data: Any) -> None:
    """Data for programs, on stdout."""
    typer.echo(json.dumps(data, indent=1, default=str))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None, limit: int = 60
) -> None:
    """A table for people, numbers to the right; rows beyond `limit` are only counted."""
    from rich.box import Box
    from rich.table import Table

    rows = [list(row) for row in rows]
    rule = Box(
        "    \n    \n -- \n" + "    \n" * 5, ascii=True
    )  # as long in bytes as in characters, for `cut`
    table = Table(title=title, title_justify="left", box=rule, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], (int, float, type(None))) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows[:limit]:
        table.add_row(*(format_value(value) for value in row))
    _console().print(table)
    if len(rows) > limit:
        typer.echo(f"... and {len(rows) - limit} more (--json shows all)")


def format_value(value: Any) -> str:
    """A number or text as it stands in a table; nothing is `-`."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
    return str(value)


def size_text(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _console() -> Any:
    """A console that never breaks lines of output that goes into a file or a pipe."""
    import sys

    from rich.console import Console

    return Console(
        width=None if sys.stdout.isatty() else _NO_BREAK, highlight=False, markup=False, emoji=False
    )
