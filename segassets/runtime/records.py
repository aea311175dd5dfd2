"""The record of one run under `<output_root>/.runs/`: summary, environment, timings, a history line."""

from __future__ import annotations

import json
import os
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from segassets.runtime import history
from segassets.runtime.environment import environment_snapshot
from segassets.runtime.timings import StageTimings, duration_text, now
from segassets.storage import atomic

FOLDER = ".runs"
HISTORY = "history.jsonl"


class RunRecord:
    """Files of one run, there from its first moment and rewritten whole as it goes on.

    Attributes:
        folder: `<records>/<YYYYMMDD_HHMMSS>_<name>[_<tag>]/`.
        timings: the stages; `stage_timings.json`.
        summary: what `summary.json` holds.
    """

    def __init__(self, records: Path, name: str, tag: str, config: dict[str, Any]) -> None:
        self.history_path = records / FOLDER / HISTORY
        self.folder = _new_folder(records / FOLDER, name if tag == "main" else f"{name}_{tag}")
        self.timings = StageTimings(self.folder / "stage_timings.json")
        self.summary: dict[str, Any] = {
            "name": name,
            "tag": tag,
            "run_dir": str(self.folder),
            "status": "running",
            "started_at": now(),
            "process": os.getpid(),
            "command": shlex.join(sys.argv),
            "config": config,
        }
        self._environment = environment_snapshot()
        atomic.write_text(self.folder / "environment_snapshot.json", json.dumps(self._environment, indent=1))
        self._started = datetime.now()
        self.save()

    def save(self) -> None:
        """Write `summary.json`."""
        stages = self.timings.to_dict()
        content = {**self.summary, "order": list(stages), "stages": stages, "environment": self._environment}
        atomic.write_text(self.folder / "summary.json", json.dumps(content, indent=1, default=str))

    def finish(self, status: str, error: str | None = None, **facts: Any) -> None:
        """Close the summary and append the run to the history.

        Args:
            status: done, failed or interrupted.
            facts: scenes, counts, paths that belong in both.
        """
        seconds = (datetime.now() - self._started).total_seconds()
        self._environment = environment_snapshot()
        self.summary.update(
            status=status,
            error=error,
            ended_at=now(),
            duration_s=round(seconds, 3),
            duration_text=duration_text(seconds),
            **facts,
        )
        self.save()
        line = {key: value for key, value in self.summary.items() if key != "config"}
        history.append(self.history_path, line)


def _new_folder(parent: Path, label: str) -> Path:
    """A folder of its own for a run that starts now, also when another starts in the same second."""
    stamp = datetime.now().strftime("%Y%m%d_%H%M%S")
    for attempt in range(1, 1000):
        folder = parent / (f"{stamp}_{label}" if attempt == 1 else f"{stamp}_{label}_{attempt}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
    raise FileExistsError(f"{parent}: a thousand runs named {label} in one second")
