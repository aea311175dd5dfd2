"""The network: frames of videos -> for each query its categories, a box per frame, and a mask per frame when asked for.

Every frame is encoded by itself, whatever video it is of; only the decoder brings frames together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers.models.deformable_detr.modeling_deformable_detr import (
    DeformableDetrEncoder,
    DeformableDetrMultiscaleDeformableAttention,
    DeformableDetrSinePositionEmbedding,
)

from segassets.models.seqformer.backbones import Maps, build_backbone
from segassets.models.seqformer.config import SeqFormerConfig
from segassets.models.seqformer.layers import MLP, DecoderLayer, Memory, encoder_layers
from segassets.models.seqformer.mask_head import MaskFeatures, dynamic_masks

PRIOR = 0.01  # of a query being an object, before it has learned anything
SIZE_MULTIPLE = 32


@dataclass(frozen=True)
class Encoded:
    """Frames after the encoder: tokens of P pictures, mask features (P, C, h, w), sizes (P, 2) as width, height."""

    memory: Memory
    mask_features: torch.Tensor
    sizes_wh: torch.Tensor


@dataclass(frozen=True)
class LayerOutput:
    """What one decoder layer says of N videos of T frames with Q queries.

    Attributes:
        logits: (N, Q, classes).
        boxes: (N, T, Q, 4), centre x, y, width, height in 0..1 of the picture without its padding.
        points: (N, T, Q, 2), the centres the layer began with; masks are relative to them.
        kernels: (N, Q, P), parameters of the mask convolutions.
    """

    logits: torch.Tensor
    boxes: torch.Tensor
    points: torch.Tensor
    kernels: torch.Tensor


class SeqFormer(nn.Module):
    """SeqFormer with box refinement and a CondInst mask head."""

    def __init__(self, config: SeqFormerConfig) -> None:
        super().__init__()
        self.config, hidden = config, config.hidden
        self.backbone: Maps = build_backbone(config.backbone)
        finest, *channels = self.backbone.channels
        groups = math.gcd(32, hidden)
        projections = [
            nn.Sequential(nn.Conv2d(count, hidden, 1), nn.GroupNorm(groups, hidden)) for count in channels
        ]
        before = channels[-1]
        for _ in range(config.extra_levels):
            projections.append(
                nn.Sequential(nn.Conv2d(before, hidden, 3, 2, 1), nn.GroupNorm(groups, hidden))
            )
            before = hidden
        self.projections = nn.ModuleList(projections)
        self.position = DeformableDetrSinePositionEmbedding(hidden // 2, normalize=True)
        self.level_embedding = nn.Parameter(torch.empty(config.levels, hidden))
        self.encoder = encoder_layers(config)
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.queries = nn.Embedding(config.queries, 2 * hidden)  # position, then content
        self.reference = nn.Linear(hidden, 2)
        self.class_heads = nn.ModuleList(nn.Linear(hidden, config.classes) for _ in self.decoder)
        self.box_heads = nn.ModuleList(MLP(hidden, hidden, 4) for _ in self.decoder)
        self.controller = MLP(hidden, hidden, config.dynamic_parameters)
        self.mask_branch = MaskFeatures(
            hidden, config.mask_channels, finest if config.mask_stride == 4 else None
        )
        self._set_first_values()

    def _set_first_values(self) -> None:
        """As Deformable DETR begins: attention that looks around in a ring, boxes at their references, rare objects."""
        for layer in (*self.encoder, *self.decoder):
            for parameter in layer.parameters():
                if parameter.ndim > 1:
                    nn.init.xavier_uniform_(parameter)
            for part in layer.modules():
                if isinstance(part, DeformableDetrMultiscaleDeformableAttention):
                    _look_around(part)
        projections: Any = self.projections
        for projection in projections:
            nn.init.xavier_uniform_(projection[0].weight)
            nn.init.zeros_(projection[0].bias)
        nn.init.normal_(self.level_embedding)
        nn.init.xavier_uniform_(self.reference.weight)
        nn.init.zeros_(self.reference.bias)
        set_class_prior(self.class_heads)
        boxes: Any = self.box_heads
        for head in boxes:
            nn.init.zeros_(head.layers[-1].weight)
            nn.init.zeros_(head.layers[-1].bias)
        nn.init.constant_(boxes[0].layers[-1].bias[2:], -2.0)
        controller: Any = self.controller.layers
        for layer in controller:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, pictures: torch.Tensor, videos: int) -> tuple[Encoded, list[LayerOutput]]:
        """Encode and decode frames (P, 3, H, W) of `videos` videos, video by video."""
        encoded = self.encode(pictures)
        return encoded, self.decode(encoded, videos)

    def encode(
        self, pictures: torch.Tensor, sizes_wh: torch.Tensor | None = None, bf16: bool = False
    ) -> Encoded:
        """Encode pictures, each by itself.

        Args:
            pictures: (P, 3, H, W), normalised; sides are multiples of 32 (`pad_pictures`).
            sizes_wh: (P, 2) width and height in px of what is not padding; the whole picture by default.
            bf16: the backbone computes in bfloat16.
        """
        count, _, height, width = pictures.shape
        if sizes_wh is None:
            sizes_wh = torch.tensor([[width, height]], device=pictures.device).expand(count, -1)
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=bf16):
            finest, *maps = self.backbone(pictures)
        finest, maps = finest.float(), [level.float() for level in maps]
        levels = [project(level) for project, level in zip(self.projections, maps, strict=False)]
        for number, project in enumerate(self.projections[len(maps) :]):
            levels.append(project(maps[-1] if number == 0 else levels[-1]))
        memory, position = self._flatten(levels, _valid(sizes_wh, height, width))
        tokens = memory.tokens
        references = DeformableDetrEncoder.get_reference_points(memory.shapes, memory.ratios, pictures.device)
        for layer in self.encoder:
            tokens = layer(
                tokens, memory.valid, spatial_position_embeddings=position, reference_points=references,
                **memory.placed(),
            )  # fmt: skip
        memory = Memory(tokens.float(), memory.valid, memory.shapes, memory.ratios)
        return Encoded(memory, self.mask_branch(memory.maps(), finest).float(), sizes_wh)

    def _flatten(self, levels: Sequence[torch.Tensor], valid: torch.Tensor) -> tuple[Memory, torch.Tensor]:
        """Levels (P, C, h, w) as tokens, and the position of each token (P, L, C)."""
        tokens, masks, positions, ratios = [], [], [], []
        for level, embedding in zip(levels, self.level_embedding, strict=True):
            mask = F.interpolate(valid[:, None].float(), size=level.shape[-2:])[:, 0] > 0.5
            place = self.position(level.shape, level.device, level.dtype, mask)
            tokens.append(level.flatten(2).transpose(1, 2))
            positions.append(place.flatten(2).transpose(1, 2) + embedding)
            masks.append(mask.flatten(1))
            ratios.append(torch.stack([mask[:, 0].float().mean(1), mask[:, :, 0].float().mean(1)], -1))
        shapes = [(level.shape[-2], level.shape[-1]) for level in levels]
        memory = Memory(torch.cat(tokens, 1), torch.cat(masks, 1), shapes, torch.stack(ratios, 1))
        return memory, torch.cat(positions, 1)

    def decode(
        self, encoded: Encoded, videos: int, queries: torch.Tensor | None = None, sets: int = 1
    ) -> list[LayerOutput]:
        """What each decoder layer says, first to last.

        Args:
            encoded: of `videos` x T pictures, video by video.
            queries: (sets * Q, 2 * hidden) instead of the network's own, while training.
            sets: sets of queries that see nothing of each other.
        """
        memory = encoded.memory
        frames = len(memory.tokens) // videos
        position, content = (self.queries.weight if queries is None else queries).chunk(2, dim=1)
        position, instance = (part[None].expand(videos, -1, -1) for part in (position, content))
        boxes = instance[:, None].expand(-1, frames, -1, -1)
        references = self.reference(position).sigmoid()[:, None].expand(-1, frames, -1, -1)
        outputs = []
        for layer, class_head, box_head in zip(self.decoder, self.class_heads, self.box_heads, strict=True):
            instance, boxes = layer(instance, boxes, position, references, memory, sets)
            refined = box_head(boxes)
            moved = refined[..., : references.shape[-1]] + torch.logit(references, 1e-5)
            refined = torch.cat([moved, refined[..., references.shape[-1] :]], -1).sigmoid()
            outputs.append(
                LayerOutput(class_head(instance), refined, references[..., :2], self.controller(instance))
            )
            references = refined.detach()
        return outputs

    def masks(self, encoded: Encoded, output: LayerOutput, video: int, chosen: torch.Tensor) -> torch.Tensor:
        """Mask logits (M, T, H / 4, W / 4) of the chosen queries (M,) of one video, padding included."""
        frames = output.boxes.shape[1]
        at = slice(video * frames, (video + 1) * frames)
        points_px = output.points[video][:, chosen] * encoded.sizes_wh[at, None]
        config = self.config
        return dynamic_masks(
            encoded.mask_features[at], points_px, output.kernels[video][chosen], config.dynamic_channels,
            config.mask_stride, config.coordinate_scale,
        )  # fmt: skip


@torch.no_grad()
def set_class_prior(heads: Any) -> None:
    """Let class heads begin as if objects were rare, so that the many queries of none do not drown the first steps."""
    for head in heads:
        nn.init.constant_(head.bias, -math.log((1 - PRIOR) / PRIOR))


def pad_pictures(pictures: torch.Tensor) -> torch.Tensor:
    """(..., H, W) with zeros to the right and below, up to the next multiples of 32."""
    height, width = pictures.shape[-2:]
    return F.pad(pictures, (0, -width % SIZE_MULTIPLE, 0, -height % SIZE_MULTIPLE))


def _valid(sizes_wh: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """bool (P, height, width), true where a picture of that size is."""
    x = torch.arange(width, device=sizes_wh.device) < sizes_wh[:, :1]
    y = torch.arange(height, device=sizes_wh.device) < sizes_wh[:, 1:]
    return y[:, :, None] & x[:, None]


def _look_around(attention: DeformableDetrMultiscaleDeformableAttention) -> None:
    """Each head starts to look in a direction of its own, each point one token further out."""
    heads, levels, points = attention.n_heads, attention.n_levels, attention.n_points
    angles = torch.arange(heads) * (2 * math.pi / heads)
    ring = torch.stack([angles.cos(), angles.sin()], -1)
    ring = ring / ring.abs().amax(-1, keepdim=True)
    steps = torch.arange(1, points + 1)
    offsets = ring[:, None, None] * steps[:, None]
    nn.init.zeros_(attention.sampling_offsets.weight)
    with torch.no_grad():
        attention.sampling_offsets.bias.copy_(offsets.expand(-1, levels, -1, -1).flatten())
    for linear in (attention.attention_weights, attention.value_proj):
        nn.init.zeros_(linear.bias)
    nn.init.zeros_(attention.attention_weights.weight)
