"""`segassets compare`: the figures of two experiment tags side by side."""

from __future__ import annotations

import typer


def compare() -> None:
    """x"""
    raise typer.Exit
