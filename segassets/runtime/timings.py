"""How long each stage of a run took, written as it goes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from segassets.runtime.monitor import ResourceMonitor, Resources
from segassets.storage import atomic


def now() -> str:
    """The present time as stored in records: UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def duration_text(seconds: float) -> str:
    """Seconds for people: `4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


@dataclass
class StageRecord:
    """One stage of a run, from start to end."""

    started_at: str = field(default_factory=now)
    ended_at: str | None = None
    duration_s: float | None = None
    resources: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The record stored in summaries."""
        text = duration_text(self.duration_s) if self.duration_s is not None else None
        return {
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "duration_s": self.duration_s,
            "duration_text": text,
            "resources": self.resources,
            "error": self.error,
            **self.details,
        }


class StageTimings:
    """Stages of one run in order; the file, if there is one, is rewritten whole after every change."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.stages: dict[str, StageRecord] = {}

    @contextmanager
    def stage(self, name: str, **details: Any) -> Iterator[StageRecord]:
        """Time the block as stage `name`, with its memory peaks; an error is recorded and goes on."""
        record = self.stages[name] = StageRecord(details=details)
        self.save()
        started = time.monotonic()
        resources = Resources()
        try:
            with ResourceMonitor() as resources:
                yield record
        except BaseException as error:
            record.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            record.resources = resources.to_dict()
            record.duration_s = round(time.monotonic() - started, 3)
            record.ended_at = now()
            self.save()

    def unused_name(self, name: str) -> str:
        """`name`, or `name.2`, `name.3` where stages of that name have been."""
        taken = sum(1 for known in self.stages if known.partition(".")[0] == name)
        return f"{name}.{taken + 1}" if taken else name

    def to_dict(self) -> dict[str, Any]:
        """Stage name -> record, in the order they began."""
        return {name: record.to_dict() for name, record in self.stages.items()}

    def save(self) -> None:
        """Write the file, when there is one."""
        if self.path is not None:
            atomic.write_text(self.path, json.dumps(self.to_dict(), indent=1))
