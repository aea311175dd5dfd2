"""Layers of sam2 rewritten for processors: the same parameters and results (to rounding), fewer passes over memory.

Each takes the place of a class of sam2 in a network that stands, see `quicken`. Where gradients are asked for, on GPUs
and under autocast, they do what sam2's own do.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from sam2.modeling.memory_encoder import CXBlock
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam.transformer import Attention
from sam2.modeling.sam2_utils import LayerNorm2d
from torch import nn

from segassets.models.processor import linear, pairwise, quicken_layers, runs_plainly

_FEW_TOKENS = 16


class ChannelNorm(LayerNorm2d):
    """Layer norm over channels in one pass instead of seven; the result lies channels last."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) normalised over C."""
        last = x.permute(0, 2, 3, 1)
        return F.layer_norm(last, last.shape[-1:], self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


class FuserBlock(CXBlock):
    """ConvNeXt block with GELU computed as its inputs leave the product, while they are in the cache."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        if not runs_plainly(input) or type(self.act) is not nn.GELU:
            return super().forward(input)
        x = self.norm(self.dwconv(input)).permute(0, 2, 3, 1)
        x = linear(x, self.pwconv1.weight, self.pwconv1.bias, "gelu")
        x = linear(x, self.pwconv2.weight, self.pwconv2.bias)
        if self.gamma is not None:
            x = x.mul_(self.gamma)
        return x.permute(0, 3, 1, 2).add_(input)


class SharedPositions(PositionEmbeddingSine):
    """Encodings as views of the one that is kept, instead of a copy for every picture."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C, H, W), not to be written to."""
        size = x.shape[-2], x.shape[-1]
        if size not in self.cache:
            super().forward(x[:1])
        return self.cache[size].to(x.device).expand(len(x), -1, -1, -1)


class FewTokensAttention(Attention):
    """Attention between a picture's many positions and a mask decoder's few tokens.

    With q = Wq x + bq and k = Wk y + bk the score is q'k = (Wk'q)'y + q'bk: the projection of the many moves over to
    the few, whose projections, one a head, become the weights that the positions meet. What is the same for all that
    a softmax compares falls out of it, and its rows sum to 1, so that biases can be added at the end.
    """

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """(B, Q, C), (B, K, C), (B, K, C) -> (B, Q, C)."""
        few, many = sorted((q.size(1), k.size(1)))
        if not runs_plainly(q) or few > _FEW_TOKENS or many < 4 * _FEW_TOKENS:
            return super().forward(q, k, v)
        return self._tokens_ask(q, k, v) if q.size(1) == few else self._positions_ask(q, k, v)

    def _by_head(self, layer: nn.Linear) -> torch.Tensor:
        """Weight of a projection (heads, C_head, in)."""
        return layer.weight.unflatten(0, (self.num_heads, -1))

    def _scores(self, few: torch.Tensor, projection: nn.Linear) -> torch.Tensor:
        """Scaled weights (B, heads * Q, in) with which the other side, before its `projection`, gives the scores."""
        heads = few.unflatten(-1, (self.num_heads, -1)) * (self.internal_dim // self.num_heads) ** -0.5
        return torch.einsum("bqhc,hci->bhqi", heads, self._by_head(projection)).flatten(1, 2)

    def _tokens_ask(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        scores = pairwise(self._scores(self.q_proj(q), self.k_proj), k)  # (B, heads * Q, K)
        seen = pairwise(scores.softmax(-1), v.mT)  # (B, heads * Q, C)
        seen = seen.unflatten(1, (self.num_heads, -1))
        projected = torch.einsum("bhqi,hci->bqhc", seen, self._by_head(self.v_proj)).flatten(2)
        return self.out_proj(projected + self.v_proj.bias)

    def _positions_ask(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        keys, values = self.k_proj(k), self.v_proj(v)
        weights = self._scores(keys, self.q_proj)  # (B, heads * K, C)
        # positions last, so that the softmax over a head's few tokens runs along them
        scores = pairwise(weights, q) + self._scores_of_bias(keys)[..., None]  # (B, heads * K, Q)
        shares = scores.unflatten(1, (self.num_heads, -1)).softmax(2).flatten(1, 2)
        out = self.out_proj.weight.unflatten(1, (self.num_heads, -1))  # (C, heads, C_head)
        answers = torch.einsum("bkhc,ohc->bohk", values.unflatten(-1, (self.num_heads, -1)), out).flatten(2)
        return pairwise(shares.mT, answers).add_(self.out_proj.bias)

    def _scores_of_bias(self, keys: torch.Tensor) -> torch.Tensor:
        """What q_proj's bias adds to the scores (B, heads * K)."""
        heads = keys.unflatten(-1, (self.num_heads, -1)) * (self.internal_dim // self.num_heads) ** -0.5
        bias = self.q_proj.bias.unflatten(0, (self.num_heads, -1))
        return torch.einsum("bkhc,hc->bhk", heads, bias).flatten(1)


_REPLACEMENTS: dict[type, type] = {
    LayerNorm2d: ChannelNorm,
    CXBlock: FuserBlock,
    Attention: FewTokensAttention,
    PositionEmbeddingSine: SharedPositions,
}


def quicken(network: Any) -> Any:
    """Exchange the layers of a SAM2Base in place for those above; returns the network.

    Names and values of its parameters stay. Convolutions get their weights channels last, the layout that the exchanged
    layers hand on.
    """
    quicken_layers(network)
    for module in network.modules():
        if type(module) in _REPLACEMENTS:
            module.__class__ = _REPLACEMENTS[type(module)]
    return network.to(memory_format=torch.channels_last)
