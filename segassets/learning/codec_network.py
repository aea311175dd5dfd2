"""The networks that compress embeddings of masks: one that looks at a mask's picture, and LangSplat's.

`ContextCodec` is the multi-layer perceptron with cross-attention of the 2D-to-3D Lifting system, made to learn: a
mask attends to the other masks of its picture and to a token of the whole picture, never to itself, so that the
attention has something to choose from even in a picture of one mask. `LangSplatCodec` has the layers of LangSplat's
autoencoder in their order and under their names, so that its programs load the weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

LANGSPLAT_INPUT = 512
LANGSPLAT_ENCODER = (256, 128, 64, 32, 3)
LANGSPLAT_DECODER = (16, 32, 64, 128, 256, 256, 512)
_HIDDEN = 256
_HEADS = 4


class ContextCodec(nn.Module):
    """Embeddings (B, M, dim_in) to unit codes (B, M, dim) and back.

    It begins as a projection on principal axes (`start_at`), exactly: the perceptrons and the attention, added to it,
    begin at zero. What they learn is what the projection misses.

    Args:
        dim_in: numbers of an embedding.
        dim: numbers of a code; a multiple of 4 has four heads of attention, any other one.
    """

    def __init__(self, dim_in: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim_in, dim, bias=False)
        self.squeeze = nn.Sequential(nn.Linear(dim_in, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, dim))
        self.picture = nn.Linear(dim_in, dim)
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, _HEADS if dim % _HEADS == 0 else 1, batch_first=True)
        self.back = nn.Linear(dim, dim_in, bias=False)
        self.expand = nn.Sequential(nn.Linear(dim, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, dim_in))
        for layer in (self.squeeze[-1], self.attention.out_proj, self.expand[-1]):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    @torch.no_grad()
    def start_at(self, axes: torch.Tensor) -> None:
        """Begin as the projection on orthonormal axes (K, dim_in), K <= dim; the numbers left over begin at 0."""
        self.project.weight.zero_()
        self.back.weight.zero_()
        self.project.weight[: len(axes)] = axes
        self.back.weight[:, : len(axes)] = axes.T

    def encode(self, embeddings: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Unit codes (B, M, dim) of the masks of B pictures.

        Args:
            embeddings: (B, M, dim_in), rows of absent masks arbitrary but finite.
            there: (B, M) bool, which masks exist; at least one in each picture.
        """
        tokens = self.project(embeddings) + self.squeeze(embeddings)
        weights = there.unsqueeze(-1).to(embeddings.dtype)
        mean = (embeddings * weights).sum(1) / weights.sum(1)
        known = self.norm(torch.cat([tokens, self.picture(mean).unsqueeze(1)], 1))
        count = tokens.shape[1]
        itself = torch.eye(count, count + 1, dtype=torch.bool, device=embeddings.device)
        absent = F.pad(~there, (0, 1), value=False)  # the picture's token is always there
        context, _ = self.attention(
            known[:, :-1], known, known, key_padding_mask=absent, attn_mask=itself, need_weights=False
        )
        return F.normalize(tokens + context, dim=-1)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Unit embeddings (..., dim_in) of codes."""
        return F.normalize(self.back(codes) + self.expand(codes), dim=-1)


class LangSplatCodec(nn.Module):
    """LangSplat's autoencoder 512-256-128-64-32-3 and back, unit codes, weights under its names.

    The batch norms do not follow the batch, which fails for one mask and depends on who shares a step: they are set
    once from all embeddings (`calibrate`) and stay.
    """

    def __init__(self) -> None:
        super().__init__()
        encoder: list[nn.Module] = [nn.Linear(LANGSPLAT_INPUT, LANGSPLAT_ENCODER[0])]
        for before, after in itertools.pairwise(LANGSPLAT_ENCODER):
            encoder += [nn.BatchNorm1d(before), nn.ReLU(), nn.Linear(before, after)]
        decoder: list[nn.Module] = [nn.Linear(LANGSPLAT_ENCODER[-1], LANGSPLAT_DECODER[0])]
        for before, after in itertools.pairwise(LANGSPLAT_DECODER):
            decoder += [nn.ReLU(), nn.Linear(before, after)]
        self.encoder, self.decoder = nn.ModuleList(encoder), nn.ModuleList(decoder)
        self.eval()

    def train(self, mode: bool = True) -> LangSplatCodec:
        """Batch norms stay as they were set, whatever the mode."""
        return super().train(False)

    @torch.no_grad()
    def calibrate(self, embeddings: torch.Tensor) -> None:
        """Sets the batch norms from the spread of all embeddings (N, 512); those of one mask stay as they are."""
        if len(embeddings) < 2:
            return
        values = embeddings
        for layer in self.encoder:
            if (
                isinstance(layer, nn.BatchNorm1d)
                and layer.running_mean is not None
                and layer.running_var is not None
            ):
                layer.running_mean.copy_(values.mean(0))
                layer.running_var.copy_(values.var(0).clamp_min(1e-6))
            values = layer(values)

    def encode(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Unit codes (N, 3)."""
        return F.normalize(_through(self.encoder, embeddings), dim=-1)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Unit embeddings (N, 512)."""
        return F.normalize(_through(self.decoder, codes), dim=-1)


def _through(layers: nn.ModuleList | Sequence[nn.Module], values: torch.Tensor) -> torch.Tensor:
    for layer in layers:
        values = layer(values)
    return values
