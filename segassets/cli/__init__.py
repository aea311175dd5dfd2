"""The `segassets` command: thin over the stages; nothing here imports torch or dagster early."""

from __future__ import annotations

from segassets.cli.app import main

__all__ = ["main"]
