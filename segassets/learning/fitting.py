"""Lightning's trainer, told to do what an experiment says and nothing else, and its surroundings put back in order."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from segassets.learning.denormals import no_denormals
from segassets.learning.devices import Device
from segassets.learning.experiment import Experiment
from segassets.learning.keeper import Keeper
from segassets.learning.lightning_module import ClipTraining, memory_errors
from segassets.learning.stream import BatchStream
from segassets.storage.atomic import disk_errors


def fit(
    module: ClipTraining,
    keeper: Keeper,
    stream: BatchStream,
    experiment: Experiment,
    device: Device,
    folder: Path,
) -> None:
    """Run Lightning's trainer over the stream.

    Raises:
        BadInput: out of memory, or a loss that is not a number. OutOfSpace: the disk is full.
    """
    config = experiment.trainer
    with _quiet(), _signals_restored(), no_denormals(device.accelerator == "cpu"), disk_errors(folder):
        trainer = pl.Trainer(
            accelerator=device.accelerator,
            devices=config.devices if device.world_size > 1 else 1,
            strategy=_strategy(device),
            plugins=_environment(device),
            precision=device.precision,  # type: ignore[arg-type]
            max_epochs=1,
            accumulate_grad_batches=config.accumulate,
            callbacks=[keeper],
            logger=keeper.curves.loggers,
            default_root_dir=folder,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        with memory_errors(f"training {experiment.name}"):
            trainer.fit(module, train_dataloaders=stream)


def _strategy(device: Device) -> Any:
    if device.world_size == 1:
        return "auto"
    from lightning.pytorch.strategies import DDPStrategy

    backend = "nccl" if device.accelerator == "gpu" else "gloo"
    # which parts a batch uses depends on its prompts
    return DDPStrategy(process_group_backend=backend, find_unused_parameters=True)


def _environment(device: Device) -> list[Any]:
    """The processes are started by us or by torchrun, which set the same variables; alone, never by Slurm's."""
    from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment

    return [TorchElasticEnvironment() if device.world_size > 1 else LightningEnvironment()]


@contextmanager
def _signals_restored() -> Iterator[None]:
    """Lightning ignores Ctrl-C for good once it has seen it; afterwards the handler is as it was."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except SystemExit as error:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's remarks about hardware, workers and tips."""
    names = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
