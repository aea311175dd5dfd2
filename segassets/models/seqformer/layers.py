"""Parts of SeqFormer's transformer: deformable attention from transformers, the decoder's layer, small networks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import DeformableDetrConfig
from transformers.models.deformable_detr.modeling_deformable_detr import (
    DeformableDetrEncoderLayer,
    DeformableDetrMultiscaleDeformableAttention,
)

from segassets.models.seqformer.config import SeqFormerConfig


@dataclass(frozen=True)
class Memory:
    """Encoded tokens of P pictures, all levels after one another.

    Attributes:
        tokens: (P, L, C), L the sum of height x width over levels.
        valid: bool (P, L), false on padding.
        shapes: (height, width) of each level.
        ratios: (P, levels, 2), valid share of each level's width and height.
    """

    tokens: torch.Tensor
    valid: torch.Tensor
    shapes: list[tuple[int, int]]
    ratios: torch.Tensor

    def placed(self) -> dict[str, object]:
        """The levels as transformers' attention takes them."""
        shapes = torch.tensor(self.shapes, device=self.tokens.device)
        sizes = shapes.prod(1)
        return {
            "spatial_shapes": shapes,
            "spatial_shapes_list": self.shapes,
            "level_start_index": sizes.cumsum(0) - sizes,
        }

    def maps(self) -> list[torch.Tensor]:
        """The tokens as feature maps (P, C, height, width), finest first."""
        parts = self.tokens.split([height * width for height, width in self.shapes], dim=1)
        return [
            part.transpose(1, 2).unflatten(2, shape) for part, shape in zip(parts, self.shapes, strict=True)
        ]


class LevelSampling(nn.Module):
    """What transformers' MultiScaleDeformableAttention computes, a level at a time.

    That one keeps the samples of all levels and a weighted copy beside them, which on processors costs more time than
    the sampling.
    """

    def forward(
        self,
        value: torch.Tensor,
        value_spatial_shapes: object,
        value_spatial_shapes_list: list[tuple[int, int]],
        level_start_index: object,
        sampling_locations: torch.Tensor,
        attention_weights: torch.Tensor,
        im2col_step: object,
    ) -> torch.Tensor:
        """Samples of `value` (B, L, heads, c) at (B, Q, heads, levels, points, 2), weighted: (B, Q, heads * c)."""
        batch, _, heads, channels = value.shape
        count = sampling_locations.shape[1]
        maps = value.permute(0, 2, 3, 1).flatten(0, 1)
        parts = maps.split([height * width for height, width in value_spatial_shapes_list], dim=2)
        grids = (2 * sampling_locations - 1).permute(3, 0, 2, 1, 4, 5).flatten(1, 2)
        weights = attention_weights.permute(3, 0, 2, 1, 4).flatten(1, 2)
        total: torch.Tensor | None = None
        for part, shape, grid, weight in zip(parts, value_spatial_shapes_list, grids, weights, strict=True):
            samples = F.grid_sample(part.unflatten(2, shape), grid, align_corners=False)
            found = (samples * weight[:, None]).sum(-1)
            total = found if total is None else total + found
        assert total is not None
        return total.reshape(batch, heads * channels, count).transpose(1, 2)


class MLP(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, channels_in: int, hidden: int, channels_out: int, layers: int = 3) -> None:
        super().__init__()
        sizes = [channels_in, *[hidden] * (layers - 1), channels_out]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., channels_in) -> (..., channels_out)."""
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)


class FeedForward(nn.Module):
    """Two linear layers beside a shortcut, and a norm."""

    def __init__(self, channels: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(channels, inner), nn.Linear(inner, channels)
        self.norm, self.dropout = nn.LayerNorm(channels), nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., channels) -> the same shape."""
        inner = self.linear2(self.dropout(torch.relu(self.linear1(x))))
        return self.norm(x + self.dropout(inner))


class QueryAttention(nn.Module):
    """Attention between the queries of a set, beside a shortcut, and a norm."""

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, heads, dropout, batch_first=True)
        self.norm, self.dropout = nn.LayerNorm(channels), nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """`x` and `position` (B, Q, C) -> (B, Q, C)."""
        keys = x + position
        return self.norm(x + self.dropout(self.attention(keys, keys, x, need_weights=False)[0]))


class DecoderLayer(nn.Module):
    """One layer of SeqFormer's decoder.

    Box queries look at their own frame; what they find there, weighted over frames by how they came to look, updates
    the one instance query of the video.
    """

    def __init__(self, config: SeqFormerConfig) -> None:
        super().__init__()
        channels, drop = config.hidden, config.dropout
        self.instance_attention = QueryAttention(channels, config.heads, drop)
        self.box_attention = QueryAttention(channels, config.heads, drop)
        with any_channels():
            cross: Any = DeformableDetrMultiscaleDeformableAttention(
                attention_config(config), config.heads, config.points
            )
        cross.attn = LevelSampling()
        cross.output_proj = nn.Identity()  # two projections of the same samples follow
        self.cross_attention = cross
        self.instance_proj, self.box_proj = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.instance_norm, self.box_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.instance_feedforward = FeedForward(channels, config.feedforward, drop)
        self.box_feedforward = FeedForward(channels, config.feedforward, drop)
        self.time_weight = nn.Linear(channels, 1)
        self.dropout = nn.Dropout(drop)

    def forward(
        self,
        instance: torch.Tensor,
        boxes: torch.Tensor,
        position: torch.Tensor,
        references: torch.Tensor,
        memory: Memory,
        sets: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Updated instance and box queries.

        Args:
            instance, position: (N, Q, C) of N videos.
            boxes: (N, T, Q, C) of T frames.
            references: (N, T, Q, 2) or (N, T, Q, 4): points or boxes (centre and size) in 0..1 of the picture.
            memory: of N * T pictures, video by video.
            sets: the queries are that many sets of equal size, which see nothing of each other.
        """
        videos, frames, count, channels = boxes.shape
        instance = _apart(self.instance_attention, instance, position, sets)
        on_frames = position[:, None].expand(-1, frames, -1, -1).flatten(0, 1)
        boxes = _apart(self.box_attention, boxes.flatten(0, 1), on_frames, sets)
        ratios = memory.ratios if references.shape[-1] == 2 else torch.cat([memory.ratios] * 2, -1)
        sampled, _ = self.cross_attention(
            hidden_states=boxes,
            attention_mask=memory.valid,
            encoder_hidden_states=memory.tokens,
            position_embeddings=on_frames,
            reference_points=references.flatten(0, 1)[:, :, None] * ratios[:, None],
            **memory.placed(),
        )
        boxes = self.box_norm(boxes + self.dropout(self.box_proj(sampled)))
        boxes = self.box_feedforward(boxes).view(videos, frames, count, channels)
        found = self.instance_proj(sampled).view(videos, frames, count, channels)
        gathered = (found * self.time_weight(boxes).softmax(1)).sum(1)
        instance = self.instance_norm(instance + self.dropout(gathered))
        return self.instance_feedforward(instance), boxes


def _apart(layer: QueryAttention, x: torch.Tensor, position: torch.Tensor, sets: int) -> torch.Tensor:
    batch, count, channels = x.shape
    shape = (batch * sets, count // sets, channels)
    return layer(x.reshape(shape), position.reshape(shape)).view(batch, count, channels)


@contextmanager
def any_channels() -> Iterator[None]:
    """Without the remark that a CUDA kernel, which is not used here, likes powers of 2."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You'd better set embed_dim")
        yield


def attention_config(config: SeqFormerConfig) -> DeformableDetrConfig:
    """What transformers' layers need to know."""
    return DeformableDetrConfig(
        d_model=config.hidden, encoder_attention_heads=config.heads, decoder_attention_heads=config.heads,
        encoder_ffn_dim=config.feedforward, decoder_ffn_dim=config.feedforward, dropout=config.dropout,
        activation_dropout=config.dropout, num_feature_levels=config.levels, encoder_n_points=config.points,
        decoder_n_points=config.points, disable_custom_kernels=True,
    )  # fmt: skip


def encoder_layers(config: SeqFormerConfig) -> nn.ModuleList:
    """Layers that work on each picture's tokens by themselves."""
    shared = attention_config(config)
    with any_channels():
        layers: list[Any] = [DeformableDetrEncoderLayer(shared) for _ in range(config.encoder_layers)]
    for layer in layers:
        layer.self_attn.attn = LevelSampling()
    return nn.ModuleList(layers)
