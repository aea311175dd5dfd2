"""A training that ends when its processor time is used up: steps at a rate that follows that time, checks, curves.

A busy machine trains the same, only later. A killed training goes on from its last save with the same network,
optimizer and time, and with samples drawn anew. What is learned is said by a subclass.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from segassets.errors import BadInput
from segassets.learning.timed_config import TimedConfig

LOG_EVERY_S = 30.0


class Pool(Protocol):
    """Rendered rooms, read as they appear."""

    def refresh(self) -> int:
        """Read what is new; the number held."""
        ...


@dataclass
class TimedLoop(ABC):
    """A training on its way.

    Attributes:
        config: how long, at which rate.
        pool, check: rooms to learn from, and to judge by.
        section: name of the experiment's section with the rate, for errors.
        elapsed_s: processor time used, earlier attempts included.
    """

    config: TimedConfig
    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    pool: Pool
    check: Pool
    seed: int
    section: str
    elapsed_s: float = 0.0
    step: int = 0
    window: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @abstractmethod
    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Of one step; what it adds to `window` becomes curves."""

    @abstractmethod
    def judge(self, whole: bool = False) -> dict[str, float]:
        """Quick figures on rooms it does not learn from, under `check/`; on all of them at the end."""

    def prepare(self) -> None:  # noqa: B027 (most trainings have nothing to set)
        """Called before every step."""

    def more(self) -> dict[str, torch.Tensor]:
        """What else a later process needs to go on."""
        return {}

    def take_up(self, more: dict[str, torch.Tensor]) -> None:  # noqa: B027 (most trainings keep nothing else)
        """Go on with what `more` gave."""

    @property
    def progress(self) -> float:
        """Share of the time used, 0 to 1."""
        return min(1.0, self.elapsed_s / (self.config.minutes * 60))

    def run(self) -> Iterator[dict[str, float]]:
        """Train until the time is used up; yields means since the last time, and checks now and then.

        Raises:
            BadInput: a loss that is not a number.
        """
        rng = np.random.default_rng([self.seed, self.step])
        checked = logged = self.elapsed_s
        while self.progress < 1:
            mark = time.process_time()
            self.prepare()
            self._one_step(rng)
            self.elapsed_s += time.process_time() - mark
            if self.elapsed_s - checked > self.config.check_every_s:
                checked = self.elapsed_s
                yield self.judge()
            if self.elapsed_s - logged > LOG_EVERY_S or self.progress >= 1:
                logged = self.elapsed_s
                self.pool.refresh()
                yield {name: float(np.mean(values)) for name, values in self.window.items()}
                self.window.clear()

    def _one_step(self, rng: np.random.Generator) -> None:
        for group in self.optimizer.param_groups:
            rate = learning_rate(self.config, self.progress, self.step)
            group["lr"] = rate * group.get("factor", 1.0)
        loss = self.loss(rng)
        if not torch.isfinite(loss):
            raise BadInput(self._not_a_number("loss", loss))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        learned = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(learned, 1.0)
        if not torch.isfinite(norm):  # a step with it would spoil what is saved next
            raise BadInput(self._not_a_number("gradient", norm))
        self.optimizer.step()
        self.step += 1

    def _not_a_number(self, what: str, value: torch.Tensor) -> str:
        return (
            f"step {self.step}: the {what} is {value.item()}. Train again to go on from the last save, with a lower "
            f"{self.section}.learning_rate"
        )


def learning_rate(config: TimedConfig, progress: float, step: int) -> float:
    """Warm-up by steps, a plateau, then down in a line to a hundredth."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    return config.learning_rate * warm * min(1.0, max(0.01, (1 - progress) / config.falling_share))


def make_optimizer(network: torch.nn.Module, config: TimedConfig) -> torch.optim.Optimizer:
    """AdamW; only matrices and kernels decay."""
    decayed = [p for p in network.parameters() if p.ndim >= 2]
    plain = [p for p in network.parameters() if p.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)


def wait_for_rooms(pool: Pool, least: int, where: Path, timeout_s: float = 600.0) -> None:
    """Until so many rooms are rendered.

    Raises:
        BadInput: they do not come.
    """
    began = time.monotonic()
    while (count := pool.refresh()) < least:
        if time.monotonic() - began > timeout_s:
            raise BadInput(f"{where}: expected {least} rendered rooms, found {count}")
        time.sleep(0.2)
