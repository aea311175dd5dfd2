"""How things are measured: interleaved repeats, medians, whole processes where memory or start-up counts."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        goal: what `value` is held to.
        at_most: the goal is an upper bound (else a lower one).
        note: the absolute figures behind a ratio.
    """

    name: str
    value: float
    unit: str
    goal: float
    at_most: bool = False
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the goal is met."""
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def to_dict(self) -> dict[str, Any]:
        """The record in results.json."""
        return {
            "value": round(self.value, 6),
            "unit": self.unit,
            "goal": self.goal,
            "holds": self.holds,
            "note": self.note,
        }


def seconds(task: Callable[[], Any]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    task()
    return time.perf_counter() - began


def interleaved(tasks: Sequence[Callable[[], float]], repeats: int) -> list[float]:
    """Median of what each task returns, run in turn so that a drifting machine harms all alike."""
    values = [[task() for task in tasks] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*values, strict=True)]


def in_child(module: str, *arguments: str) -> dict[str, Any]:
    """The JSON object that `python -m module arguments` prints as its last line, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
