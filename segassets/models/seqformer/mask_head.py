"""Masks of SeqFormer: features that all instances share, and three small convolutions each query brings (CondInst)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

OUT_STRIDE = 4


class MaskFeatures(nn.Module):
    """Features at stride 8, or at 4 with the backbone's finest map, from encoded maps at 8, 16 and 32."""

    def __init__(self, hidden: int, channels: int, finest: int | None) -> None:
        super().__init__()
        self.at_32 = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.at_16 = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.at_8 = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.narrow = nn.Conv2d(hidden, hidden // 4, 3, padding=1)
        self.out = nn.Conv2d(hidden // 4, channels, 3, padding=1)
        self.lateral = nn.Conv2d(finest, hidden // 4, 1) if finest is not None else None
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_uniform_(layer.weight, a=1)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, maps: Sequence[torch.Tensor], finest: torch.Tensor) -> torch.Tensor:
        """`maps` (P, hidden, h, w), finest first, and the backbone's map at stride 4 -> (P, channels, h, w)."""
        x = torch.relu(self.at_32(maps[2]))
        x = torch.relu(self.at_16(maps[1] + F.interpolate(x, size=maps[1].shape[-2:])))
        x = torch.relu(self.at_8(maps[0] + F.interpolate(x, size=maps[0].shape[-2:])))
        x = torch.relu(self.narrow(x))
        if self.lateral is not None:
            lateral = self.lateral(finest)
            x = torch.relu(
                lateral + F.interpolate(x, size=lateral.shape[-2:], mode="bilinear", align_corners=False)
            )
        return torch.relu(self.out(x))


def dynamic_masks(
    features: torch.Tensor,
    points_px: torch.Tensor,
    parameters: torch.Tensor,
    inner: int,
    stride: int,
    coordinate_scale: float,
) -> torch.Tensor:
    """Mask logits at stride 4 of M instances on T frames.

    Args:
        features: (T, C, h, w) at `stride`, of one video.
        points_px: (T, M, 2), where each instance is, x and y in px.
        parameters: (M, P), of the convolutions C + 2 -> inner -> inner -> 1: weights in order, then biases.
        coordinate_scale: factor on the coordinates relative to the points, which are the first two channels.

    Returns:
        (M, T, H / 4, W / 4).
    """
    frames, channels, height, width = features.shape
    count = len(parameters)
    sizes = [(channels + 2) * inner, inner * inner, inner, inner, inner, 1]
    w1, w2, w3, b1, b2, b3 = parameters.split(sizes, dim=1)
    w1 = w1.view(count, inner, channels + 2)
    of_place, of_features = w1[..., :2] * coordinate_scale, w1[..., 2:]
    # the first convolution is linear: its share of the features, of the place and of the bias are added up
    y = torch.arange(height, device=features.device, dtype=features.dtype) * stride + stride // 2
    x = torch.arange(width, device=features.device, dtype=features.dtype) * stride + stride // 2
    bias = b1 + torch.einsum("mic,tmc->tmi", of_place, points_px)
    hidden = torch.einsum("mic,tchw->tmihw", of_features, features) + bias[..., None, None]
    hidden = hidden - (of_place[..., 0, None, None] * x + of_place[..., 1, None, None] * y[:, None])
    hidden = torch.relu(hidden).flatten(3)
    hidden = torch.relu(w2.view(count, inner, inner) @ hidden + b2[..., None])
    logits = (w3.view(count, 1, inner) @ hidden + b3[..., None]).view(frames, count, height, width)
    return enlarge_aligned(logits.transpose(0, 1), stride // OUT_STRIDE)


def enlarge_aligned(maps: torch.Tensor, factor: int) -> torch.Tensor:
    """(A, B, h, w) -> (A, B, factor h, factor w), bilinear; old pixel i lies on the new pixel factor * i + factor // 2.

    The grid of `points_px`: locations of stride s start at s // 2.
    """
    if factor == 1:
        return maps
    height, width = maps.shape[-2:]
    padded = F.pad(maps, (0, 1, 0, 1), mode="replicate")
    size = (factor * height + 1, factor * width + 1)
    padded = F.interpolate(padded, size=size, mode="bilinear", align_corners=True)
    shifted = F.pad(padded, (factor // 2, 0, factor // 2, 0), mode="replicate")
    return shifted[..., : factor * height, : factor * width]
