"""Points to masks with a promptable image network.

Thresholds and the search for duplicates work on the network's small logits; survivors alone get the picture's
size. Torch lives here; what comes out is numpy and run lengths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from segassets.masks import rle
from segassets.models.upsample import Upsampler
from segassets.proposals.frame import combined_score
from segassets.proposals.nms import representatives
from segassets.proposals.regions import clean_mask

if TYPE_CHECKING:
    from segassets.models.protocols import ImageSegmenter
    from segassets.proposals.config import CandidateConfig

POOL_LOGITS = 48_000_000  # logits held before duplicates are removed
EARLY_SLACK = 0.05  # stability on small logits is coarse: only what is clearly too low is dropped early
PIXELS_AT_ONCE = 32_000_000  # pixels of masks held at a time


@dataclass
class Pool:
    """Masks as the network gave them.

    Attributes:
        logits: float32 (N, h, w), the network's own resolution, on its device.
        predicted_iou: float32 (N,).
        votes: int64 (N, M), how many answers of each output of the network this mask stands for.
    """

    logits: torch.Tensor
    predicted_iou: np.ndarray
    votes: np.ndarray

    def __len__(self) -> int:
        return len(self.predicted_iou)

    def select(self, positions: np.ndarray) -> Pool:
        """Some of the masks."""
        at = torch.as_tensor(positions, dtype=torch.long, device=self.logits.device)
        return Pool(self.logits.index_select(0, at), self.predicted_iou[positions], self.votes[positions])

    @staticmethod
    def joined(pools: Sequence[Pool]) -> Pool:
        """All masks of one or more pools."""
        return Pool(
            torch.cat([pool.logits for pool in pools]),
            np.concatenate([pool.predicted_iou for pool in pools]),
            np.concatenate([pool.votes for pool in pools]),
        )


@dataclass
class Masks:
    """Masks at the picture's size.

    Attributes:
        rle_counts: compressed counts.
        stability, predicted_iou: float32 (N,).
        votes: int64 (N, M), as in Pool.
    """

    rle_counts: list[str]
    stability: np.ndarray
    predicted_iou: np.ndarray
    votes: np.ndarray

    def select(self, positions: np.ndarray) -> Masks:
        """Some of the masks."""
        counts = [self.rle_counts[at] for at in positions]
        return Masks(counts, self.stability[positions], self.predicted_iou[positions], self.votes[positions])

    def without(self, positions: np.ndarray) -> Masks:
        """The others, in order."""
        return self.select(np.delete(np.arange(len(self.rle_counts)), positions))

    @staticmethod
    def none() -> Masks:
        """No masks."""
        return Masks([], np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros((0, 0), np.int64))

    def followed_by(self, other: Masks) -> Masks:
        """These, then the other's."""
        if not self.rle_counts or not other.rle_counts:
            return self if self.rle_counts else other
        return Masks(
            self.rle_counts + other.rle_counts,
            np.concatenate([self.stability, other.stability]),
            np.concatenate([self.predicted_iou, other.predicted_iou]),
            np.concatenate([self.votes, other.votes]),
        )

    @property
    def last_output_share(self) -> np.ndarray:
        """Share of the answers each mask stands for that came from the network's last output, float (N,)."""
        if not self.rle_counts:
            return np.zeros(0)
        return self.votes[:, -1] / self.votes.sum(1)

    @property
    def score(self) -> np.ndarray:
        """Stability x predicted IoU, float32 (N,)."""
        return combined_score(self.stability, self.predicted_iou)


def stability_of(logits: torch.Tensor, offset: float) -> torch.Tensor:
    """IoU of masks (N, h, w) at logits above +offset and above -offset: float32 (N,); 0 for empty ones."""
    return _pixels_above(logits, offset) / _pixels_above(logits, -offset).clamp(min=1)


def _pixels_above(logits: torch.Tensor, threshold: float) -> torch.Tensor:
    """Pixels of each mask (N, h, w) above a threshold; narrow integers are six times as fast on a CPU."""
    rows = (logits > threshold).sum(-1, dtype=torch.int16)
    return rows.sum(-1, dtype=torch.int32)


@torch.inference_mode()
def prompt_points(
    segmenter: ImageSegmenter, encoded: Any, points_xy: np.ndarray, config: CandidateConfig
) -> Pool | None:
    """What the network answers to each point alone, without doubtful answers and duplicates; None for none.

    Args:
        points_xy: pixels of the picture, float32 (N, 2).
    """
    pools: list[Pool] = []
    for points in _batches(points_xy, config.points_per_batch):
        logits, predicted_iou = segmenter.predict(
            encoded, points[:, None, :], np.ones((len(points), 1), np.int32), multimask=True
        )
        pools.append(_sound(logits, predicted_iou, config))
        if sum(pool.logits.numel() for pool in pools) > POOL_LOGITS:
            pools = [distinct(Pool.joined(pools), config)]
    pools = [pool for pool in pools if len(pool)]
    return distinct(Pool.joined(pools), config) if pools else None


def _batches(points: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(points), size):
        yield points[start : start + size]


def _sound(logits: torch.Tensor, predicted_iou: torch.Tensor, config: CandidateConfig) -> Pool:
    """Answers above the thresholds of logits (B, M, h, w) and predicted IoU (B, M)."""
    outputs = logits.shape[1]
    vote = torch.eye(outputs, dtype=torch.int64).repeat(len(logits), 1)
    logits, predicted_iou = logits.flatten(0, 1).float(), predicted_iou.flatten().float()
    stable = stability_of(logits, config.stability_offset) >= config.stability_threshold - EARLY_SLACK
    keep = stable & (predicted_iou >= config.predicted_iou_threshold) & (logits.flatten(1).amax(1) > 0)
    return Pool(logits[keep], predicted_iou[keep].cpu().numpy(), vote[keep.cpu()].numpy())


def distinct(pool: Pool, config: CandidateConfig) -> Pool:
    """The pool without near-duplicates; a kept mask takes over the votes of those it stands for."""
    scores = stability_of(pool.logits, config.stability_offset).cpu().numpy() * pool.predicted_iou
    height, width = pool.logits.shape[-2:]
    columns = (pool.logits > 0).transpose(1, 2).contiguous().cpu().numpy()  # transposed, as run lengths go
    counts = rle.encode_columns(columns.view(np.uint8))
    stands_for = representatives(counts, scores, height, width, config.nms_iou)
    votes = np.zeros_like(pool.votes)
    np.add.at(votes, stands_for, pool.votes)
    kept = np.flatnonzero(stands_for == np.arange(len(pool)))
    selected = pool.select(kept)
    selected.votes = votes[kept]
    return selected


@torch.inference_mode()
def full_size(pool: Pool, height: int, width: int, config: CandidateConfig) -> Masks:
    """The pool at the picture's size: measured there, small regions cleaned, unstable masks dropped."""
    offset = config.stability_offset
    small_hw = (pool.logits.shape[-2], pool.logits.shape[-1])
    upsampler = Upsampler(small_hw, height, width, -offset, pool.logits.device)
    counts: list[str] = []
    stability = np.zeros(len(pool), np.float32)
    windows = upsampler.windows(pool.logits)
    at_once = max(1, PIXELS_AT_ONCE // (height * width))
    for start in range(0, len(pool), at_once):
        chunk = range(start, min(start + at_once, len(pool)))
        columns = np.zeros((len(chunk), width, height), np.uint8)  # transposed, as run lengths go
        for place, at in enumerate(chunk):
            logits = upsampler.window(pool.logits[at], windows[at])
            stability[at] = stability_of(logits[None], offset)[0]
            mask = clean_mask((logits > 0).cpu().numpy(), config.min_region_area)
            top, bottom, left, right = windows[at]
            columns[place, left:right, top:bottom] = mask.T
        counts += rle.encode_columns(columns)
    found = Masks(counts, stability, pool.predicted_iou, pool.votes)
    large = rle.areas(counts, height, width) >= max(1, config.min_region_area)
    return found.select(np.flatnonzero(large & (stability >= config.stability_threshold)))
