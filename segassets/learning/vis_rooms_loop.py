"""The loop of the recipe `vis_from_rooms`: what a step trains on, at which size and rate, and how far it is.

A killed training goes on from its last save with the same network, optimizer and time, and with samples drawn anew.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from segassets.errors import BadInput
from segassets.learning.room_clips import ClipPool, Sample, draw_sample
from segassets.learning.vis_check import quick_scores
from segassets.learning.vis_losses import VisWeights, clip_losses
from segassets.learning.vis_rooms_config import VisRoomsConfig
from segassets.learning.vis_start import QuerySets
from segassets.learning.vis_targets import ClipTargets, clip_targets
from segassets.models.seqformer.network import SeqFormer

LOG_EVERY_S = 30.0
CHECK_CLIPS, CHECK_FRAMES = 12, 5


@dataclass
class VisLoop:
    """A training on its way.

    Attributes:
        size_px: the model's own picture size.
        elapsed_s: processor time used, earlier attempts included.
    """

    config: VisRoomsConfig
    network: SeqFormer
    sets: QuerySets
    optimizer: torch.optim.Optimizer
    pool: ClipPool
    check: ClipPool
    size_px: int
    seed: int
    elapsed_s: float = 0.0
    step: int = 0
    _window: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def progress(self) -> float:
        """Share of the time used, 0 to 1."""
        return min(1.0, self.elapsed_s / (self.config.minutes * 60))

    @property
    def picture_px(self) -> int:
        """Side of the pictures at this time."""
        small = min(self.config.small_size_px, self.size_px)
        return small if self.progress < self.config.small_share else self.size_px

    def run(self) -> Iterator[dict[str, float]]:
        """Train until the time is used up; yields means since the last time, and checks now and then.

        Raises:
            BadInput: a loss that is not a number.
        """
        rng = np.random.default_rng([self.seed, self.step])
        checked = logged = self.elapsed_s
        while self.progress < 1:
            mark = time.process_time()
            self._one_step(rng)
            self.elapsed_s += time.process_time() - mark
            if self.elapsed_s - checked > self.config.check_every_s:
                checked = self.elapsed_s
                yield self.judge(CHECK_CLIPS)
            if self.elapsed_s - logged > LOG_EVERY_S or self.progress >= 1:
                logged = self.elapsed_s
                self.pool.refresh()
                yield {name: float(np.mean(values)) for name, values in self._window.items()}
                self._window.clear()

    def judge(self, clips: int) -> dict[str, float]:
        """Quick figures on rooms it does not learn from, under `check/`."""
        figures = quick_scores(self.network, self.check.clips[:clips], CHECK_FRAMES)
        return {f"check/{name}": value for name, value in figures.items()}

    def _one_step(self, rng: np.random.Generator) -> None:
        rate = learning_rate(self.config, self.progress, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        samples = self._draw(rng)
        encoded = self.network.encode(torch.cat([sample.image for sample in samples]), bf16=self.config.bf16)
        queries = self.sets.all_of(self.network)
        outputs = self.network.decode(encoded, len(samples), queries, self.sets.sets)
        targets = [room_targets(sample, self.config.least_area_px) for sample in samples]
        parts = clip_losses(self.network, encoded, outputs, targets, VisWeights(), self.sets.sets)
        loss = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(loss):
            raise BadInput(self._not_a_number("loss", loss))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([*self.network.parameters(), *self.sets.parameters()], 1.0)
        if not torch.isfinite(norm):  # a step with it would spoil what is saved next
            raise BadInput(self._not_a_number("gradient", norm))
        self.optimizer.step()
        self.step += 1
        for name, value in parts.items():
            self._window[f"train/{name}"].append(value.item() / len(outputs))
        self._window["train/loss"].append(loss.item() / len(outputs))

    def _not_a_number(self, what: str, value: torch.Tensor) -> str:
        return (
            f"step {self.step}: the {what} is {value.item()}. Train again to go on from the last save, with a lower "
            "vis_from_rooms.learning_rate"
        )

    def _draw(self, rng: np.random.Generator) -> list[Sample]:
        """Single frames, or fewer clips of several frames."""
        config = self.config
        frames = 1
        if self.progress >= config.singles_only_share and rng.random() < config.clip_share:
            frames = int(rng.integers(config.clip_frames[0], config.clip_frames[1] + 1))
        count = max(1, round(config.frames_per_step / frames))
        return [draw_sample(self.pool, rng, frames, self.picture_px) for _ in range(count)]


def room_targets(sample: Sample, least_area_px: int) -> ClipTargets:
    """The objects of a sample, all of one category; those that are hardly to be seen are left out."""
    areas = torch.stack([torch.bincount(frame.flatten(), minlength=256) for frame in sample.objects]).amax(0)
    names = [name for name in torch.nonzero(areas >= least_area_px).flatten().tolist() if name > 0]
    masks = sample.objects[None] == torch.tensor(names, dtype=torch.int64)[:, None, None, None]
    return clip_targets(masks, torch.zeros(len(names), dtype=torch.int64))


def learning_rate(config: VisRoomsConfig, progress: float, step: int) -> float:
    """Warm-up by steps, a plateau, then down in a line to a hundredth."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    return config.learning_rate * warm * min(1.0, max(0.01, (1 - progress) / config.falling_share))


def make_optimizer(network: SeqFormer, sets: QuerySets, config: VisRoomsConfig) -> torch.optim.Optimizer:
    """AdamW; only matrices and kernels decay, and the backbone is slower."""
    groups: list[dict[str, Any]] = []
    backbone = {id(parameter) for parameter in network.backbone.parameters()}
    everything = [*network.parameters(), *sets.parameters()]
    for of_backbone, factor in ((False, 1.0), (True, config.backbone_factor)):
        chosen = [p for p in everything if (id(p) in backbone) == of_backbone]
        for decayed in (True, False):
            groups.append(
                {
                    "params": [p for p in chosen if (p.ndim >= 2) == decayed],
                    "weight_decay": config.weight_decay if decayed else 0.0,
                    "factor": factor,
                }
            )
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)
