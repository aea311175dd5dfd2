"""What Dagster costs: loading the definitions, a step, a thousand scenes in a backfill."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, interleaved, seconds

SCENES = 1000
REPEATS = 5


def definitions_load() -> Figure:
    """Importing the definitions and resolving the graph, in a fresh process, against an empty project."""

    def load(code: str) -> float:
        script = f"import dagster as dg\n{code}\ndefs.get_repository_def()"
        return seconds(
            lambda: subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        )

    full, empty = interleaved(
        [
            lambda: load("from segassets.definitions import defs"),
            lambda: load("@dg.asset\ndef one(): ...\ndefs = dg.Definitions(assets=[one])"),
        ],
        REPEATS,
    )
    return Figure(
        "definitions_load",
        full / empty,
        "x an empty project",
        2,
        at_most=True,
        note=f"{full:.2f} s against {empty:.2f} s",
    )


def pictures(root: Path, scenes: int) -> None:
    """A dataset of `scenes` folders with a picture each, and its config."""
    from PIL import Image

    data, configs = root / "data", root / "configs" / "datasets"
    configs.mkdir(parents=True)
    for index in range(scenes):
        folder = data / f"scene_{index:04d}"
        folder.mkdir(parents=True)
        Image.new("RGB", (64, 48), (index % 256, 80, 120)).save(folder / "0.png")
    (configs / "many.yaml").write_text(f"name: many\nlayout: folder\nroot: {data}\n")


def environment(root: Path) -> dict[str, str]:
    """Environment of a process that works on such a dataset, with a Dagster home of its own."""
    home = root / "home"
    home.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parents[1] / "configs" / "dagster.yaml", home / "dagster.yaml")
    return {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "SEGASSETS_CONFIGS": str(root / "configs"),
        "SEGASSETS_OUTPUT_ROOT": str(root / "out"),
    }


def step_overhead() -> Figure:
    """Time between a step's start and end events beyond what its stage took, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures(root, REPEATS)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.graph"], env=environment(root), capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        step, run = map(float, done.stdout.strip().splitlines()[-1].split())
    note = f"and {run:.2f} s a run, whatever its number of steps and scenes"
    return Figure("step_overhead", step, "s a step", 0.2, at_most=True, note=note)


def _steps() -> tuple[float, float]:
    """Medians over runs on the instance of the environment: seconds a step, and a run beside its steps."""
    import dagster as dg

    from segassets.datasets.load import all_scene_keys
    from segassets.definitions import defs
    from segassets.orchestration.partitions import register_scenes

    job = defs.resolve_job_def("prepare_footage")
    steps, runs = [], []
    with dg.DagsterInstance.get() as instance:
        keys = all_scene_keys(["many"])
        register_scenes(instance, keys)
        for key in keys:
            began = time.perf_counter()
            result = job.execute_in_process(instance=instance, partition_key=key)
            spent = time.perf_counter() - began
            inside = _step_seconds(instance.all_logs(result.run_id))
            stages = [
                float(event.materialization.metadata["seconds"].value)
                for event in result.get_asset_materialization_events()
            ]
            steps.append((sum(inside) - sum(stages[: len(inside)])) / len(inside))
            runs.append(spent - sum(inside))
    return statistics.median(steps), statistics.median(runs)


def _step_seconds(logs: Any) -> list[float]:
    """Seconds from start to success of each step of a run."""
    began, spent = {}, []
    for entry in logs:
        if entry.dagster_event is None or entry.step_key is None:
            continue
        if entry.dagster_event.is_step_start:
            began[entry.step_key] = entry.timestamp
        elif entry.dagster_event.is_step_success:
            spent.append(entry.timestamp - began[entry.step_key])
    return spent


def run(names: list[str]) -> list[Figure]:
    """The figures asked for."""
    from benchmarks.backfill import backfill_1000

    known = {
        "definitions_load": definitions_load,
        "step_overhead": step_overhead,
        "backfill_1000": backfill_1000,
    }
    return [known[name]() for name in names]


if __name__ == "__main__":
    print(*_steps())
