"""One worker process of a run over several scenes at a time: `python -m segassets.cli.worker JOB.json`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from segassets.cli import execution
from segassets.cli.interrupts import Stopped
from segassets.cli.terminal import Terminal
from segassets.config.settings import Settings
from segassets.runtime.timings import StageTimings
from segassets.storage import atomic
from segassets.strict import parse


def main(job_file: Path) -> None:
    """Make the job's scenes and write what came of it where the job says."""
    job = json.loads(job_file.read_text("utf-8"))
    settings = parse(Settings, job["settings"], str(job_file))
    plan = execution.planner(settings, job["force"]).plan(job["scenes"])
    todo = {key: plan.to_make(key) for key in job["scenes"] if key not in plan.problems}
    terminal = Terminal(sum(len(assets) for assets in todo.values()))
    timings = StageTimings()
    outcome = execution.run_here(settings, todo, timings, terminal, job["force"])
    answer = {
        "made": outcome.made,
        "failed": {**plan.problems, **outcome.failed},
        "run_ids": outcome.run_ids,
        "stages": timings.to_dict(),
    }
    atomic.write_text(Path(job["answer"]), json.dumps(answer))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Stopped:
        os._exit(130)  # the thread of the run is not waited for
