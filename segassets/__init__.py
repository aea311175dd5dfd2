"""segassets: a Dagster asset platform from raw footage to tracked instances. Start at `segassets/definitions.py`."""

from __future__ import annotations

__version__ = "0.1.0"
