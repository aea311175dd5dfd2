"""Where the records of runs go: beside the results, or locally when the results are on an object store."""

from __future__ import annotations

from pathlib import Path

from segassets.config.settings import Settings


def records_dir(settings: Settings) -> Path:
    """A local folder; `.runs/` and its history lie in it."""
    root = settings.root.removeprefix("file://")
    return Path(".segassets", "records").absolute() if "://" in root else Path(root)
