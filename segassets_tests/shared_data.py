"""Small real data outside the repository: a test that wants it is skipped where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_data_root() -> Path:
    """`$SEGASSETS_SHARED_DATA`, else `shared/data` beside the checkout; may not exist."""
    named = os.environ.get("SEGASSETS_SHARED_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data(name: str) -> Path:
    """The file or folder `name` of the shared data; skips the test where it is absent."""
    path = shared_data_root() / name
    if not path.exists():
        pytest.skip(f"no shared data at {path}; export SEGASSETS_SHARED_DATA to run this test")
    return path
