"""The loop of the from-nothing recipe: what a step trains on, at which size and rate, and how far it is.

Progress is the share of processor time used. A killed training goes on from its last save with the same network,
optimizer and time, and with samples drawn anew.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from segassets.errors import BadInput
from segassets.learning.promptable_check import quick_figures
from segassets.learning.promptable_config import FromNothingConfig
from segassets.learning.promptable_start import set_picture_size
from segassets.learning.promptable_steps import Features, clip_loss, draw_targets, encode, picture_loss
from segassets.learning.room_clips import ClipPool, Sample, draw_sample

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

LOG_EVERY_S = 30.0
CHECK_CLIPS, CHECK_FRAMES = 12, 6


@dataclass
class Loop:
    """A training on its way.

    Attributes:
        size_px: the model's own picture size.
        elapsed_s: processor time used, earlier attempts included.
    """

    config: FromNothingConfig
    network: SAM2Base
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
            set_picture_size(self.network, self.picture_px)
            self._one_step(rng)
            self.elapsed_s += time.process_time() - mark
            if self.elapsed_s - checked > self.config.check_every_s:
                checked = self.elapsed_s
                yield self.judge(CHECK_CLIPS, CHECK_FRAMES)
            if self.elapsed_s - logged > LOG_EVERY_S or self.progress >= 1:
                logged = self.elapsed_s
                self.pool.refresh()
                yield {name: float(np.mean(values)) for name, values in self._window.items()}
                self._window.clear()
        set_picture_size(self.network, self.size_px)

    def judge(self, clips: int, frames: int) -> dict[str, float]:
        """Quick figures on rooms it does not learn from, under `check/`."""
        figures = quick_figures(self.network, self.check.clips[:clips], self.picture_px, frames)
        return {f"check/{name}": value for name, value in figures.items()}

    def _one_step(self, rng: np.random.Generator) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.progress, self.step)
        loss = (
            self._clip_step(rng)
            if rng.random() < clip_share(self.config, self.progress)
            else self._picture_step(rng)
        )
        if not torch.isfinite(loss):
            raise BadInput(self._not_a_number("loss", loss))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if not torch.isfinite(norm):  # a step with it would spoil what is saved next
            raise BadInput(self._not_a_number("gradient", norm))
        self.optimizer.step()
        self.step += 1

    def _not_a_number(self, what: str, value: torch.Tensor) -> str:
        return (
            f"step {self.step}: the {what} is {value.item()}. Train again to go on from the last save, with a lower "
            "from_nothing.learning_rate"
        )

    def _picture_step(self, rng: np.random.Generator) -> torch.Tensor:
        """Loss of prompts on pictures; now and then with a correcting click."""
        config = self.config
        batch = _stack([draw_sample(self.pool, rng, 1, self.picture_px) for _ in range(config.pictures)])
        features = encode(self.network, batch.image[:, 0], config.bf16)
        correct = rng.random() < 0.3 * min(1.0, self.progress / 0.2)
        loss = picture_loss(
            self.network,
            features,
            batch.objects[:, 0],
            batch.parts[:, 0],
            config.prompts_per_picture,
            rng,
            correct,
        )
        self._window["train/pictures"].append(loss.item())
        return loss

    def _clip_step(self, rng: np.random.Generator) -> torch.Tensor:
        """Loss of tracking through a clip, plus that of prompts on one of its frames."""
        config = self.config
        frames = config.long_clip if self.progress > 0.5 and rng.random() < 0.35 else config.short_clip
        clip = _stack([draw_sample(self.pool, rng, frames, self.picture_px)])
        features = encode(self.network, clip.image.flatten(0, 1), config.bf16)
        targets = draw_targets(clip.objects, clip.parts, config.targets_per_clip, rng)
        teacher = max(0.0, 0.5 * (1 - self.progress / 0.6))
        tracking, overlap = clip_loss(self.network, features, targets, rng, teacher)
        one = torch.from_numpy(rng.integers(frames, size=1))
        objects, parts = clip.objects.flatten(0, 1)[one], clip.parts.flatten(0, 1)[one]
        chosen = Features([level[one] for level in features.levels], [])
        pictures = picture_loss(self.network, chosen, objects, parts, config.prompts_per_picture, rng, False)
        self._window["train/clips"].append(tracking.item())
        self._window["train/track_iou"].append(overlap.item())
        return tracking + 0.5 * pictures


def learning_rate(config: FromNothingConfig, progress: float, step: int) -> float:
    """Warm-up by steps, a plateau, then down in a line to a hundredth."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    return config.learning_rate * warm * min(1.0, max(0.01, (1 - progress) / config.falling_share))


def clip_share(config: FromNothingConfig, progress: float) -> float:
    """Probability that a step trains on a clip."""
    if progress < config.pictures_only_share:
        return 0.0
    return min(1.0, config.clip_share + (0.1 if progress >= 0.5 else 0.0))


def make_optimizer(network: torch.nn.Module, config: FromNothingConfig) -> torch.optim.Optimizer:
    """AdamW; only matrices and kernels decay."""
    decayed = [p for p in network.parameters() if p.ndim >= 2]
    plain = [p for p in network.parameters() if p.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)


def wait_for_clips(pool: ClipPool, least: int, timeout_s: float = 600.0) -> None:
    """Until so many clips are rendered.

    Raises:
        BadInput: they do not come.
    """
    began = time.monotonic()
    while pool.refresh() < least:
        if time.monotonic() - began > timeout_s:
            raise BadInput(f"{pool.folder}: expected {least} rendered rooms, found {len(pool.clips)}")
        time.sleep(0.2)


def _stack(samples: list[Sample]) -> Sample:
    """Samples joined along a new first axis: image (N, T, 3, S, S), labels (N, T, S, S)."""
    return Sample(
        *(torch.stack([getattr(s, name) for s in samples]) for name in ("image", "objects", "parts"))
    )
