"""A convolutional trunk for SAM2's image encoder, in the place of Hiera.

For networks that learn from nothing on few pictures and run on processors: convolutions know beforehand that
neighbours belong together, and a processor does them several times faster than windowed attention. It gives what
Hiera gives (feature maps at strides 4, 8, 16 and 32), so everything behind it is sam2's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

GROUPS = 8


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016), with group norm: the batch may be one picture."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.GroupNorm(GROUPS, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(GROUPS, channels)
        self.shortcut = (
            nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            if stride > 1 or channels_in != channels
            else nn.Identity()
        )
        nn.init.zeros_(self.norm2.weight)  # a new block begins as its shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels_in, h, w) -> (N, channels, h / stride, w / stride)."""
        inner = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(inner + self.shortcut(x))


class ConvTrunk(nn.Module):
    """Feature maps of a picture at strides 4, 8, 16, 32.

    Args:
        channels: of the four maps, finest first; multiples of 8.
        blocks: residual blocks before each map.
    """

    def __init__(self, channels: Sequence[int] = (32, 64, 128, 256), blocks: Sequence[int] = (2, 2, 3, 2)):
        super().__init__()
        if len(channels) != 4 or len(blocks) != 4 or any(count % GROUPS for count in channels):
            raise TypeError(f"expected four channel counts (multiples of {GROUPS}) and four block counts")
        self.channel_list = list(reversed(channels))  # sam2's neck takes them coarsest first
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels[0], 3, 2, 1, bias=False),
            nn.GroupNorm(GROUPS, channels[0]),
            nn.ReLU(),
            nn.Conv2d(channels[0], channels[0], 3, 2, 1, bias=False),
            nn.GroupNorm(GROUPS, channels[0]),
            nn.ReLU(),
        )
        stages = []
        before = channels[0]
        for number, (count, depth) in enumerate(zip(channels, blocks, strict=True)):
            strides = [1 if number == 0 else 2] + [1] * (depth - 1)
            stages.append(
                nn.Sequential(
                    *(ResidualBlock(before if i == 0 else count, count, s) for i, s in enumerate(strides))
                )
            )
            before = count
        self.stages = nn.ModuleList(stages)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) normalised -> four maps (N, C, H / stride, W / stride), finest first."""
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def get_num_layers(self) -> int:
        """Depth for layer-wise learning rates, as sam2's Hiera tells it."""
        return len(self.stages)

    def get_layer_id(self, layer_name: str) -> int:
        """Depth of a parameter: 0 for the stem, then the number of its stage from 1."""
        if "stages." not in layer_name:
            return 0
        return int(layer_name.split("stages.")[1].split(".")[0]) + 1
