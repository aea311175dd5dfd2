"""The nano depth network: metric depth of one picture whose focal length is known.

What a picture shows of depth is the ratio of depth to focal length (a thing twice as far through a lens twice as long
looks the same), so the network predicts the logarithm of that ratio, and is told the direction of every pixel's ray,
which says how wide the lens is and where its axis meets the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from segassets.models.sam2.conv_trunk import GROUPS, ConvTrunk

STRIDES = (4, 8, 16, 32)
RAY_CHANNELS = 3


class NanoDepth(nn.Module):
    """A convolutional trunk, the maps of its four strides joined from coarse to fine, one logarithm a pixel.

    Args:
        channels, blocks: of the trunk, see ConvTrunk.
        width: channels of the joined maps, a multiple of 8.
        context: width of the layers in which every place of the coarsest map hears of all others.
        layers: number of those.
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128, 256),
        blocks: Sequence[int] = (2, 2, 3, 2),
        width: int = 64,
        context: int = 128,
        layers: int = 2,
    ) -> None:
        super().__init__()
        self.trunk = ConvTrunk(channels, blocks)
        self.to_context = nn.Conv2d(channels[-1] + RAY_CHANNELS, context, 1)
        layer = nn.TransformerEncoderLayer(
            context, 4, 4 * context, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.context = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.from_context = nn.Conv2d(context, width, 1)
        self.sides = nn.ModuleList(nn.Conv2d(count + RAY_CHANNELS, width, 1) for count in channels)
        self.joins = nn.ModuleList(_Join(width) for _ in channels)
        self.fine = nn.Sequential(
            nn.Conv2d(width + 3, width // 2, 3, 1, 1), nn.GroupNorm(GROUPS // 2, width // 2), nn.ReLU()
        )
        self.last = nn.Conv2d(width // 2, 1, 3, 1, 1)
        nn.init.normal_(self.last.weight, std=0.01)
        if self.last.bias is not None:
            nn.init.constant_(self.last.bias, 0.9)  # about what a room gives

    def forward(self, picture: torch.Tensor, rays: torch.Tensor) -> torch.Tensor:
        """Logarithm of depth over focal length, the latter in widths of 256 px.

        Args:
            picture: (N, 3, H, W), normalised; sides are multiples of 32.
            rays: (N, 3, H / 4, W / 4) from `ray_map`.

        Returns:
            (N, 1, H, W) float32.
        """
        maps = self.trunk(picture)
        joined = self.from_context(self._with_context(maps[-1], rays))
        for level in reversed(range(len(maps))):
            at_level = F.avg_pool2d(rays, STRIDES[level] // STRIDES[0]) if level else rays
            side = self.sides[level](torch.cat([maps[level], at_level.to(maps[level].dtype)], dim=1))
            if level < len(maps) - 1:
                joined = F.interpolate(joined, side.shape[-2:], mode="bilinear", align_corners=False)
            joined = self.joins[level](side + joined)
        half = F.interpolate(joined, scale_factor=2, mode="bilinear", align_corners=False)
        half = self.fine(torch.cat([half, F.avg_pool2d(picture, 2).to(half.dtype)], dim=1))
        return F.interpolate(self.last(half).float(), scale_factor=2, mode="bilinear", align_corners=False)

    def _with_context(self, coarse: torch.Tensor, rays: torch.Tensor) -> torch.Tensor:
        """(N, context, h, w) of the coarsest map (N, C, h, w): floor, walls and things are seen in one."""
        at_level = F.avg_pool2d(rays, STRIDES[-1] // STRIDES[0]).to(coarse.dtype)
        places = self.to_context(torch.cat([coarse, at_level], dim=1))
        height, width = places.shape[-2:]
        told = self.context(places.flatten(2).transpose(1, 2))
        return told.transpose(1, 2).unflatten(2, (height, width))


class _Join(nn.Module):
    """Two 3x3 convolutions beside a shortcut, with group norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm1 = nn.GroupNorm(GROUPS, width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(GROUPS, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(x + inner)


def ray_map(
    height: int, width: int, focal_px: torch.Tensor, centre_px: torch.Tensor, stride: int = STRIDES[0]
) -> torch.Tensor:
    """Where the rays of a picture point.

    Args:
        height, width: of the picture, multiples of `stride`.
        focal_px: (N,).
        centre_px: (N, 2) principal point as (x, y), pixel centres at +0.5.

    Returns:
        (N, 3, height / stride, width / stride): x / z, y / z, and the logarithm of the focal length in widths of
        256 px.
    """
    x = (torch.arange(width // stride, dtype=torch.float32) + 0.5) * stride
    y = (torch.arange(height // stride, dtype=torch.float32) + 0.5) * stride
    across = (x[None] - centre_px[:, :1]) / focal_px[:, None]
    down = (y[None] - centre_px[:, 1:]) / focal_px[:, None]
    shape = (len(focal_px), len(y), len(x))
    parts = [
        across[:, None, :].expand(shape),
        down[:, :, None].expand(shape),
        log_focal(focal_px)[:, None, None].expand(shape),
    ]
    return torch.stack(parts, dim=1)


def log_focal(focal_px: torch.Tensor) -> torch.Tensor:
    """Logarithm of a focal length in widths of 256 px of the network's input."""
    return torch.log(focal_px / 256.0)
