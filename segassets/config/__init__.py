"""The configuration of one run: what it holds, where its values come from."""

from __future__ import annotations

from segassets.config.load import load_settings
from segassets.config.settings import Settings

__all__ = ["Settings", "load_settings"]
