"""The nano embedder: crops of objects and the words for them in one space of 512 dimensions (as Radford et al. 2021).

The picture tower looks at the object alone: its maps are averaged over the pixels that are not black.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from segassets.models.embedding.vocabulary import WORDS
from segassets.models.pictures import standardise
from segassets.models.sam2.conv_trunk import ConvTrunk

COLOUR_FIGURES = 7  # mean and deviation of three channels, share of the square that is seen
MAX_LOG_SHARPNESS = 4.6


class NanoClip(nn.Module):
    """Two towers.

    Args:
        channels, blocks: of the trunk, see ConvTrunk.
        dim: length of the vectors.
        inner: width of the picture tower's head.
        word_dim: length of a word's vector.
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128, 256),
        blocks: Sequence[int] = (2, 2, 3, 2),
        dim: int = 512,
        inner: int = 384,
        word_dim: int = 128,
    ) -> None:
        super().__init__()
        self.trunk = ConvTrunk(channels, blocks)
        pooled = sum(channels) + channels[-1] + COLOUR_FIGURES
        self.head = nn.Sequential(
            nn.LayerNorm(pooled), nn.Linear(pooled, inner), nn.GELU(), nn.Linear(inner, dim)
        )
        self.words = nn.Embedding(len(WORDS) + 1, word_dim, padding_idx=0)
        self.phrase = nn.Sequential(
            nn.LayerNorm(word_dim), nn.Linear(word_dim, 2 * word_dim), nn.GELU(), nn.Linear(2 * word_dim, dim)
        )
        self.log_sharpness = nn.Parameter(torch.tensor(2.7))

    def see(self, pictures: torch.Tensor) -> torch.Tensor:
        """Crops (N, 3, S, S) of 0 to 1, black outside the object, S a multiple of 32 -> (N, dim), length 1."""
        seen = (pictures.amax(dim=1, keepdim=True) > 0).float()
        maps = self.trunk(standardise(pictures))
        parts = [_mean_over(features.float(), seen) for features in maps]
        parts.append(maps[-1].float().amax(dim=(-1, -2)))
        parts.append(_colour_figures(pictures, seen))
        return F.normalize(self.head(torch.cat(parts, dim=1)).float(), dim=1)

    def read(self, words: torch.Tensor) -> torch.Tensor:
        """Word numbers (N, L), 0 = none -> (N, dim), length 1. The order of the words does not count."""
        summed = self.words(words).sum(dim=1)
        return F.normalize(self.phrase(summed).float(), dim=1)

    def sharpness(self) -> torch.Tensor:
        """What likenesses are multiplied with before the softmax of the loss."""
        return self.log_sharpness.clamp(max=MAX_LOG_SHARPNESS).exp()


def _mean_over(features: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """(N, C) mean of maps (N, C, h, w) over the pixels that are seen (N, 1, S, S)."""
    weight = F.adaptive_avg_pool2d(seen, (features.shape[-2], features.shape[-1]))
    return (features * weight).sum(dim=(-1, -2)) / weight.sum(dim=(-1, -2)).clamp(min=1e-4)


def _colour_figures(pictures: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """(N, 7): mean and deviation of the object's colours, share of the square it covers."""
    mean = _mean_over(pictures, seen)
    spread = _mean_over((pictures - mean[:, :, None, None]) ** 2, seen).clamp(min=1e-6).sqrt()
    return torch.cat([mean, spread, seen.mean(dim=(-1, -2))], dim=1)
