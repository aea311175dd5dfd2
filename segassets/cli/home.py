"""The Dagster home of command-line runs: $DAGSTER_HOME, else ./.segassets/home, made on first use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from segassets.configs_dir import configs_dir
from segassets.errors import MissingInput
from segassets.storage import atomic

if TYPE_CHECKING:
    from dagster import DagsterInstance

DEFAULT = Path(".segassets", "home")
_MINIMAL = "telemetry: {enabled: false}\n"


def dagster_home() -> Path:
    """Where the Dagster home is, or would be made."""
    named = os.environ.get("DAGSTER_HOME", "").strip()
    return Path(named).expanduser().absolute() if named else DEFAULT.absolute()


def ensure_home() -> Path:
    """The Dagster home, made and put into the environment of this process when there was none."""
    home = dagster_home()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        atomic.write_text(config, _template())
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _template() -> str:
    """configs/dagster.yaml, where the deployment has one."""
    try:
        path = configs_dir() / "dagster.yaml"
    except MissingInput:
        return _MINIMAL
    return path.read_text("utf-8") if path.is_file() else _MINIMAL


def open_instance() -> DagsterInstance:
    """The Dagster instance of the home."""
    ensure_home()
    from dagster import DagsterInstance

    return DagsterInstance.get()
