"""What one process of a training is fed with, and how many optimizer steps that makes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch

from segassets.learning.clips import ClipIndex
from segassets.learning.devices import Device
from segassets.learning.experiment import Experiment
from segassets.learning.lightning_module import ClipTraining, memory_errors
from segassets.learning.mixture import describe_batch, mixture_loader
from segassets.learning.training_config import TrainerConfig


class Clips:
    """Batches of an experiment's clips for one process."""

    def __init__(
        self,
        experiment: Experiment,
        image_size: int,
        device: Device,
        train: list[ClipIndex],
        val: list[ClipIndex],
    ) -> None:
        self.experiment, self.device, self.train, self.val = experiment, device, train, val
        self.image_size = image_size
        self._loader = self._open(train, experiment.data.workers, augment=experiment.augment)
        self._batches: Any = self._loader.batch_sampler
        self.per_epoch: int = self._batches.epoch_batches

    def open_epoch(self, epoch: int, first: int) -> Any:
        """Training batches of an epoch from some batch on."""
        self._batches.set_epoch(epoch, first)
        return self._loader

    def judged(self, count: int) -> Iterator[Any]:
        """The same first batches of the validation clips (training clips where there are none), unvaried."""
        return islice(self._open(self.val or self.train, 0), count)

    def validate(self, module: ClipTraining) -> dict[str, float]:
        """Figures of a validation."""
        trainer = module.trainer

        def sum_over(values: torch.Tensor) -> torch.Tensor:
            return trainer.strategy.reduce(values.to(module.device), reduce_op="sum").cpu()

        with memory_errors(f"validation at step {module.step}"):
            return module.judge(
                self.judged(self.experiment.trainer.validation_batches),
                autocast=trainer.precision_plugin.forward_context,
                sum_over_devices=sum_over if self.device.world_size > 1 else lambda values: values,
            )  # fmt: skip

    def describe(self, batch: Any) -> str:
        """Scenes and frames of a training batch, in words."""
        return describe_batch(batch, self.train)

    def _open(self, sources: list[ClipIndex], workers: int | None, augment: Any = None) -> Any:
        device = self.device
        return mixture_loader(
            sources, self.image_size, self.experiment.seed, device.rank, device.world_size, workers,
            augment=augment, pin_memory=device.accelerator == "gpu",
        )  # fmt: skip


def plan_steps(config: TrainerConfig, per_epoch: int) -> int:
    """Optimizer steps of the whole training."""
    epochs = config.epochs or (None if config.max_steps else 1)
    whole = math.inf if epochs is None else max(1, epochs * per_epoch // config.accumulate)
    return int(min(whole, config.max_steps or math.inf))


def validate_every(config: TrainerConfig, per_epoch: int) -> int:
    """Optimizer steps between two validations."""
    return config.validate_every or max(1, per_epoch // config.accumulate)
