"""Share of a warm training step spent waiting for data: clips of a generated room, the nano network."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Figure, in_child

STEPS = 30
EXPERIMENT = {
    "name": "loader_share",
    "model": "nano",
    "data": {"train": [{"dataset": "rooms_demo", "frames": 8, "clip_stride": 1, "max_objects": 3}]},
    "optimizer": {"learning_rate": 1e-5},
    "trainer": {"accelerator": "cpu", "max_steps": STEPS},
    "checkpoints": {"best_k": 0, "every_steps": STEPS},
    "logging": {"examples": 0, "tensorboard": False},
}


def measure(workers: int) -> dict[str, float]:
    """Figures of a short training in this process."""
    from segassets.learning.experiment import Experiment
    from segassets.learning.train import train_experiment

    values = {**EXPERIMENT, "data": {**EXPERIMENT["data"], "workers": workers}}
    experiment = Experiment.model_validate(values)
    with tempfile.TemporaryDirectory() as folder:
        return train_experiment(experiment, Path(folder), progress=lambda *report: None).figures


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    one, none = (in_child("benchmarks.loader_share", str(workers)) for workers in (1, 0))
    return [
        Figure(
            "loader_share", one["waiting_for_data_share"], "of a step", 0.10, at_most=True,
            note=f"{one['seconds'] / STEPS:.2f} s a step with one loading process; loading in the training's own "
            f"process {none['waiting_for_data_share']:.2f} of {none['seconds'] / STEPS:.2f} s",
        )
    ]  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(json.dumps(measure(int(sys.argv[1]))))
