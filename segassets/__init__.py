"""segassets: a Dagster asset platform from raw footage to tracked instances. Start at `definitions.py`."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`segassets.open`, imported when it is first used: `import segassets` itself stays free of cost."""
    if name == "open":
        from segassets.api import open

        return open
    raise AttributeError(f"module 'segassets' has no attribute '{name}'")
