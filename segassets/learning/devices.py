"""What a process of a training computes on."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from segassets.errors import BadConfig
from segassets.learning.training_config import TrainerConfig


@dataclass(frozen=True)
class Device:
    """What one process trains on."""

    accelerator: str
    precision: str
    rank: int
    world_size: int

    @property
    def name(self) -> str:
        """For torch: "cpu" or "cuda"."""
        return "cuda" if self.accelerator == "gpu" else "cpu"


def choose_device(config: TrainerConfig) -> Device:
    """What this process trains on; half precision becomes full on the CPU, which has no use for it.

    Raises:
        BadConfig: a GPU, or more of them, than this machine has.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    accelerator = ("gpu" if gpus else "cpu") if config.accelerator == "auto" else config.accelerator
    if accelerator == "gpu" and gpus < config.devices:
        raise BadConfig(
            f"trainer.devices: expected {config.devices} GPUs, this machine has {gpus} usable; use "
            f"trainer.devices={max(gpus, 1)} or trainer.accelerator=cpu"
        )
    cores = max(2, os.cpu_count() or 1)
    if accelerator == "cpu" and config.devices > cores:
        raise BadConfig(
            f"trainer.devices: expected at most {cores} processes on this machine's CPU, found {config.devices}; "
            f"use trainer.devices=1"
        )
    precision = config.precision if accelerator == "gpu" else "32"
    rank, world_size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if config.devices == 1:
        rank, world_size = 0, 1
    return Device(accelerator, precision, rank, world_size)
