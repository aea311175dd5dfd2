"""The loop of the from-nothing recipe: what a step trains on, at which size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from segassets.learning.promptable_check import quick_figures
from segassets.learning.promptable_config import FromNothingConfig
from segassets.learning.promptable_start import set_picture_size
from segassets.learning.promptable_steps import Features, clip_loss, draw_targets, encode, picture_loss
from segassets.learning.room_clips import ClipPool, Sample, draw_sample
from segassets.learning.timed_loop import TimedLoop

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

CHECK_CLIPS, CHECK_FRAMES = 12, 6


@dataclass
class Loop(TimedLoop):
    """See TimedLoop; `size_px` is the model's own picture size."""

    size_px: int = 256

    @property
    def picture_px(self) -> int:
        """Side of the pictures at this time."""
        small = min(self._config.small_size_px, self.size_px)
        return small if self.progress < self._config.small_share else self.size_px

    @property
    def _config(self) -> FromNothingConfig:
        return cast(FromNothingConfig, self.config)

    @property
    def _network(self) -> SAM2Base:
        return cast("SAM2Base", self.network)

    @property
    def _pool(self) -> ClipPool:
        return cast(ClipPool, self.pool)

    def prepare(self) -> None:
        """Make the network take pictures of the size of this time."""
        set_picture_size(self._network, self.picture_px)

    def judge(self, whole: bool = False) -> dict[str, float]:
        """Quick figures on rooms it does not learn from, under `check/`; on all of them, longer, at the end."""
        clips = cast(ClipPool, self.check).clips
        if whole:
            set_picture_size(self._network, self.size_px)
        count, frames = (len(clips), self._config.long_clip) if whole else (CHECK_CLIPS, CHECK_FRAMES)
        figures = quick_figures(self._network, clips[:count], self.picture_px, frames)
        return {f"check/{name}": value for name, value in figures.items()}

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Of a step on a clip or on pictures."""
        on_clip = rng.random() < clip_share(self._config, self.progress)
        return self._clip_step(rng) if on_clip else self._picture_step(rng)

    def _picture_step(self, rng: np.random.Generator) -> torch.Tensor:
        """Loss of prompts on pictures; now and then with a correcting click."""
        config = self._config
        batch = _stack([draw_sample(self._pool, rng, 1, self.picture_px) for _ in range(config.pictures)])
        features = encode(self._network, batch.image[:, 0], config.bf16)
        correct = rng.random() < 0.3 * min(1.0, self.progress / 0.2)
        loss = picture_loss(
            self._network,
            features,
            batch.objects[:, 0],
            batch.parts[:, 0],
            config.prompts_per_picture,
            rng,
            correct,
        )
        self.window["train/pictures"].append(loss.item())
        return loss

    def _clip_step(self, rng: np.random.Generator) -> torch.Tensor:
        """Loss of tracking through a clip, plus that of prompts on one of its frames."""
        config = self._config
        frames = config.long_clip if self.progress > 0.5 and rng.random() < 0.35 else config.short_clip
        clip = _stack([draw_sample(self._pool, rng, frames, self.picture_px)])
        features = encode(self._network, clip.image.flatten(0, 1), config.bf16)
        targets = draw_targets(clip.objects, clip.parts, config.targets_per_clip, rng)
        teacher = max(0.0, 0.5 * (1 - self.progress / 0.6))
        tracking, overlap = clip_loss(self._network, features, targets, rng, teacher)
        one = torch.from_numpy(rng.integers(frames, size=1))
        objects, parts = clip.objects.flatten(0, 1)[one], clip.parts.flatten(0, 1)[one]
        chosen = Features([level[one] for level in features.levels], [])
        pictures = picture_loss(self._network, chosen, objects, parts, config.prompts_per_picture, rng, False)
        self.window["train/clips"].append(tracking.item())
        self.window["train/track_iou"].append(overlap.item())
        return tracking + 0.5 * pictures


def clip_share(config: FromNothingConfig, progress: float) -> float:
    """Probability that a step trains on a clip."""
    if progress < config.pictures_only_share:
        return 0.0
    return min(1.0, config.clip_share + (0.1 if progress >= 0.5 else 0.0))


def _stack(samples: list[Sample]) -> Sample:
    """Samples joined along a new first axis: image (N, T, 3, S, S), labels (N, T, S, S)."""
    return Sample(
        *(torch.stack([getattr(s, name) for s in samples]) for name in ("image", "objects", "parts"))
    )
