"""Curves of a training: rows (step, metric, value) in memory, in curves.parquet, and at the loggers that are on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segassets.errors import MissingInput
from segassets.learning.checkpoint_folder import CURVES, TENSORBOARD
from segassets.learning.experiment import Experiment
from segassets.storage.atomic import write_bytes

SCHEMA = pa.schema(
    [
        pa.field("step", pa.int64(), False, {"doc": "optimizer steps done"}),
        pa.field("metric", pa.string(), False, {"doc": "name, e.g. train/loss, val/iou, learning_rate"}),
        pa.field(
            "value",
            pa.float64(),
            False,
            {"doc": "mean over the batches of that step, or over the validation"},
        ),
    ]
)


class Curves:
    """Rows in order of time, passed on to Lightning's loggers as they come.

    Args:
        loggers: of Lightning; may be empty.
    """

    def __init__(self, folder: Path, loggers: list[Any] | None = None) -> None:
        self.path = folder / CURVES
        self.loggers = loggers or []
        self.rows: list[tuple[int, str, float]] = []

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One point of several curves."""
        self.rows += [(step, name, float(value)) for name, value in values.items()]
        for logger in self.loggers:
            logger.log_metrics(dict(values), step=step)

    def last(self, metric: str) -> float | None:
        """Latest value of a metric."""
        return next((value for _, name, value in reversed(self.rows) if name == metric), None)

    def go_on_from(self, step: int) -> None:
        """Take the stored rows up to a step; those of steps that will be done again are dropped."""
        if self.path.is_file():
            table = pq.read_table(self.path).to_pylist()
            self.rows = [(row["step"], row["metric"], row["value"]) for row in table if row["step"] <= step]

    def write(self) -> None:
        """Write curves.parquet, whole or not at all."""
        columns = [list(column) for column in zip(*self.rows, strict=True)] or [[], [], []]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns, schema=SCHEMA), sink)
        write_bytes(self.path, sink.getvalue().to_pybytes())


def make_loggers(experiment: Experiment, folder: Path, first_step: int) -> list[Any]:
    """Lightning's loggers that the experiment switches on.

    Raises:
        MissingInput: Weights & Biases is on and not installed.
    """
    from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

    config = experiment.logging
    loggers: list[Any] = []
    if config.tensorboard:
        purge = first_step + 1 if first_step else None
        loggers.append(TensorBoardLogger(save_dir=folder, name="", version=TENSORBOARD, purge_step=purge))
    if config.wandb:
        try:
            loggers.append(
                WandbLogger(
                    name=experiment.name, project=config.wandb_project, save_dir=folder, log_model=False
                )
            )
        except ModuleNotFoundError as error:
            raise MissingInput(
                "logging.wandb: Weights & Biases is not installed; pip install 'segassets[wandb]', or leave it off"
            ) from error
    return loggers
