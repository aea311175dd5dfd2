"""Attention from one frame to the memories of many objects: sam2's MemoryAttention, each product done once.

Objects enter only at the first cross-attention, so what comes before it is computed once for all. On processors values
and output are one product: softmax(S) (M Wv' + bv) Wo' + bo = softmax(S) M (Wo Wv)' + (Wo bv + bo), since the rows of
a softmax sum to 1. So the memories themselves, a half or a quarter as wide as projected values, are averaged.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from segassets.models.processor import linear, runs_plainly

_SCORES = 1 << 19  # scores held at once: about a core's cache, so that the second product finds them there


class Recall:
    """A network's MemoryAttention, over memories given batch first.

    Args:
        attention: the network's `memory_attention`, in eval mode.
    """

    def __init__(self, attention: Any) -> None:
        self.attention = attention
        self._outputs: dict[Any, tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(
        self,
        tokens: torch.Tensor,
        position: torch.Tensor,
        memory: torch.Tensor,
        places: torch.Tensor,
        pointer_tokens: int,
    ) -> torch.Tensor:
        """The frame's tokens after attention (B, HW, C).

        Args:
            tokens: the frame's coarsest features (1, HW, C), the same for all objects.
            position: their positional encoding (1, HW, C).
            memory: memory tokens of each object, mask memories first (B, N, C_mem).
            places: their positional and temporal encodings (B, N, C_mem).
            pointer_tokens: how many of the last tokens have no place in the picture.
        """
        attention = self.attention
        if attention.pos_enc_at_input:
            tokens = tokens + 0.1 * position
        keyed = memory + places
        for layer in attention.layers:
            if runs_plainly(tokens) and _is_plain(layer, tokens.size(1)):
                own = layer.norm1(tokens)
                asking = own + position if layer.pos_enc_at_attn else own
                tokens = self._attend(layer.self_attn, asking, asking, own, 0).add_(tokens)
                asking = layer.norm2(tokens)
                if layer.pos_enc_at_cross_attn_queries:
                    asking = asking + position
                keys = keyed if layer.pos_enc_at_cross_attn_keys else memory
                tokens = self._attend(layer.cross_attn_image, asking, keys, memory, pointer_tokens).add_(
                    tokens
                )
            else:
                tokens = layer._forward_sa(tokens, position).expand(len(memory), -1, -1)
                exempt = pointer_tokens if hasattr(layer.cross_attn_image, "freqs_cis") else 0
                tokens = layer._forward_ca(tokens, memory, position, places, exempt)
            tokens = tokens + layer.linear2(_hidden(layer, layer.norm3(tokens)))
        return attention.norm(tokens)

    def _attend(
        self, module: Any, asking: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, unplaced: int
    ) -> torch.Tensor:
        """A RoPEAttention of one head (B, HW, C): `asking` of all objects or one, keys and values of each.

        Args:
            unplaced: how many of the last keys are not turned.
        """
        queries = _turned(module.q_proj(asking), module.freqs_cis).mul_(1 / math.sqrt(module.internal_dim))
        averages = torch.empty(len(values), asking.size(1), values.size(2))
        for number, (key, value) in enumerate(zip(keys.unbind(), values.unbind(), strict=True)):
            projected = linear(key, module.k_proj.weight, module.k_proj.bias)
            _turn(projected[: projected.size(0) - unplaced], module.freqs_cis)
            _average(queries[number if queries.size(0) > 1 else 0], projected, value, averages[number])
        weight, bias = self._output(module)
        return linear(averages, weight, bias)

    def _output(self, module: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight (C, C_in) and bias (C,) of a module's values and output in one, computed in float64."""
        if module not in self._outputs:
            out, value = module.out_proj, module.v_proj
            weight = out.weight.double() @ value.weight.double()
            bias = out.weight.double() @ value.bias.double() + out.bias.double()
            self._outputs[module] = weight.float(), bias.float()
        return self._outputs[module]


def _is_plain(layer: Any, positions: int) -> bool:
    """Whether a layer's attentions have one head and rotary positions for pictures of this size."""
    modules = layer.self_attn, layer.cross_attn_image
    return all(m.num_heads == 1 and len(getattr(m, "freqs_cis", ())) == positions for m in modules)


def _hidden(layer: Any, tokens: torch.Tensor) -> torch.Tensor:
    """The hidden channels of a layer's MLP."""
    if layer.activation is F.relu:
        return linear(tokens, layer.linear1.weight, layer.linear1.bias, "relu")
    return layer.activation(layer.linear1(tokens))


def _average(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, into: torch.Tensor) -> None:
    """softmax(queries keys') values, a block of queries at a time, into `into` (Q, C)."""
    rows, weights = max(_SCORES // keys.size(0), 16), values.t()
    for at in range(0, queries.size(0), rows):
        scores = linear(queries[at : at + rows], keys)
        torch.softmax(scores, -1, out=scores)
        into[at : at + rows] = linear(scores, weights)


def _turned(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Rotary positions: pairs of channels of x (..., HW, C) turned by complex `angles` (HW, C / 2)."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * angles).flatten(-2)


def _turn(keys: torch.Tensor, angles: torch.Tensor) -> None:
    """The same in place, for keys (T * HW, C) of T frames."""
    torch.view_as_complex(keys.view(-1, *angles.shape, 2)).mul_(angles)
