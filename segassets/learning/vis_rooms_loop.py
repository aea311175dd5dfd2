"""The loop of the recipe `vis_from_rooms`: what a step trains on, and at which picture size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from segassets.learning.room_clips import ClipPool, Sample, draw_sample
from segassets.learning.timed_loop import TimedLoop
from segassets.learning.vis_check import quick_scores
from segassets.learning.vis_losses import VisWeights, clip_losses
from segassets.learning.vis_rooms_config import VisRoomsConfig
from segassets.learning.vis_start import QuerySets
from segassets.learning.vis_targets import ClipTargets, clip_targets
from segassets.models.seqformer.network import SeqFormer

CHECK_CLIPS, CHECK_FRAMES = 12, 5


@dataclass
class VisLoop(TimedLoop):
    """A training on its way.

    Attributes:
        sets: the network's queries, and the further ones that are dropped when it is done.
        size_px: the model's own picture size.
    """

    config: VisRoomsConfig
    network: SeqFormer
    pool: ClipPool
    check: ClipPool
    sets: QuerySets = None  # type: ignore[assignment]
    size_px: int = 256

    @property
    def picture_px(self) -> int:
        """Side of the pictures at this time."""
        small = min(self.config.small_size_px, self.size_px)
        return small if self.progress < self.config.small_share else self.size_px

    def judge(self, whole: bool = False) -> dict[str, float]:
        """Quick figures on rooms it does not learn from, under `check/`; on all of them at the end."""
        clips = self.check.clips if whole else self.check.clips[:CHECK_CLIPS]
        figures = quick_scores(self.network, clips, CHECK_FRAMES)
        return {f"check/{name}": value for name, value in figures.items()}

    def more(self) -> dict[str, torch.Tensor]:
        """The further queries."""
        return {"further_queries": self.sets.further.detach().clone()}

    @torch.no_grad()
    def take_up(self, more: dict[str, torch.Tensor]) -> None:
        """Go on with the further queries."""
        self.sets.further.copy_(more["further_queries"])

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Of single frames, or of clips."""
        samples = self._draw(rng)
        encoded = self.network.encode(torch.cat([sample.image for sample in samples]), bf16=self.config.bf16)
        queries = self.sets.all_of(self.network)
        outputs = self.network.decode(encoded, len(samples), queries, self.sets.sets)
        targets = [room_targets(sample, self.config.least_area_px) for sample in samples]
        parts = clip_losses(self.network, encoded, outputs, targets, VisWeights(), self.sets.sets)
        total = torch.stack(list(parts.values())).sum()
        for name, value in {**parts, "loss": total}.items():
            self.window[f"train/{name}"].append(value.item() / len(outputs))
        return total

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
