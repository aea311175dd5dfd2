"""What Dagster costs: loading the definitions, a step, a thousand scenes in a backfill."""

from __future__ import annotations

import os
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
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "SEGASSETS_CONFIGS": str(root / "configs"),
        "SEGASSETS_OUTPUT_ROOT": str(root / "out"),
    }


def step_overhead() -> Figure:
    """Wall time of a run's steps beyond what the stages themselves take, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures(root, REPEATS)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.graph", "steps"],
            env=environment(root),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        value = float(done.stdout.strip().splitlines()[-1])
    return Figure("step_overhead", value, "s a step", 0.2, at_most=True)


def _steps() -> float:
    """Median over runs of (run time - time in stages) / steps, on the instance of the environment."""
    import dagster as dg

    from segassets.datasets.load import all_scene_keys
    from segassets.definitions import defs
    from segassets.orchestration.partitions import register_scenes

    names = ("frames", "coco_masks")
    job = defs.resolve_job_def("prepare_footage")
    values = []
    with dg.DagsterInstance.get() as instance:
        keys = all_scene_keys(["many"])
        register_scenes(instance, keys)
        for key in keys:
            began = time.perf_counter()
            result = job.execute_in_process(instance=instance, partition_key=key)
            spent = time.perf_counter() - began
            inside = sum(_stage_seconds(result, name) for name in names)
            values.append((spent - inside) / len(names))
    return statistics.median(values)


def _stage_seconds(result: Any, asset: str) -> float:
    """What the asset's materialization says its stage took."""
    events = [
        event for event in result.get_asset_materialization_events() if event.asset_key.path[-1] == asset
    ]
    return float(events[0].materialization.metadata["seconds"].value)


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
    print(_steps())
