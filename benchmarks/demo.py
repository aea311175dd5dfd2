"""The README's first command after installation: one generated room through the whole graph."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Figure, seconds


def run(names: list[str]) -> list[Figure]:
    """Wall time of the demo on an empty output root, with a Dagster home of its own."""
    command = [str(Path(sys.executable).parent / "segassets"), "run", "configs/runs/demo.yaml"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        fresh = {
            "DAGSTER_HOME": str(root / "home"),
            "SEGASSETS_OUTPUT_ROOT": str(root / "out"),
            "SEGASSETS_ROOMS": str(root / "rooms"),
        }
        (root / "home").mkdir()
        spent = seconds(
            lambda: subprocess.run(command, env={**os.environ, **fresh}, check=True, capture_output=True)
        )
    return [Figure("demo_run", spent, "s", 120, at_most=True)]
