"""Attention from one frame to the memories of many objects: sam2's MemoryAttention, each product done once.

Objects enter only at the first cross-attention, so what comes before it is computed once for all. On processors values
and output are one product: softmax(S) (M Wv' + bv) Wo' + bo = softmax(S) M (Wo Wv)' + (Wo bv + bo), since the rows of
a softmax sum to 1. So the memories themselves, a half or a quarter as wide as projected values, are averaged. And a
memory's keys are a sum, of what it holds and of where and when it was made: the first part is projected when the frame
is remembered and lives as long, the second is the same for all objects and frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from segassets.models.processor import linear, runs_plainly
from segassets.models.sam2.memory import FrameMemory

_SCORES = 1 << 19  # scores held at once: about a core's cache, so that the second product finds them there
_KEYS_KEPT = (
    1024  # positions of a frame up to which its keys are kept: with more, scores cost far more than keys
)


@dataclass(frozen=True)
class Remembered:
    """What B objects bring to one frame.

    Attributes:
        frames: mask memories, each of all objects.
        slots: for each of those the row of Recall's places.
        pointers: further memory tokens, of no place in the picture (B, P, C_mem).
        pointer_places: their temporal encodings (B, P, C_mem).
    """

    frames: Sequence[FrameMemory]
    slots: Sequence[int]
    pointers: torch.Tensor
    pointer_places: torch.Tensor

    def values(self) -> torch.Tensor:
        """Memory tokens of all frames, then the pointers (B, N, C_mem) float32."""
        count, positions, width = self.frames[0].features.shape
        length = len(self.frames) * positions
        values = self.pointers.new_empty(count, length + self.pointers.size(1), width, dtype=torch.float32)
        for number, memory in enumerate(self.frames):
            values[:, number * positions : (number + 1) * positions] = memory.features
        values[:, length:] = self.pointers
        return values


class Recall:
    """A network's MemoryAttention, over memories given batch first.

    Args:
        attention: the network's `memory_attention`, in eval mode.
        places: positional and temporal encoding of a mask memory, for each age that is told apart (K, HW, C_mem).
    """

    def __init__(self, attention: Any, places: torch.Tensor) -> None:
        self.attention = attention
        self.places = places
        self._outputs: dict[Any, tuple[torch.Tensor, torch.Tensor]] = {}
        self._place_keys: list[torch.Tensor] = []
        self._is_plain = all(_is_plain(layer, places.size(1)) for layer in attention.layers)

    def remember(self, features: torch.Tensor) -> FrameMemory:
        """The mask memory of a frame (B, HW, C_mem), in bfloat16 as sam2 keeps it, with its keys where that pays."""
        kept = features.to(torch.bfloat16)
        if not (self._is_plain and runs_plainly(features)) or features.size(1) > _KEYS_KEPT:
            return FrameMemory(kept)
        exact = kept.float()
        return FrameMemory(kept, tuple(_content_keys(layer, exact) for layer in self.attention.layers))

    def __call__(self, tokens: torch.Tensor, position: torch.Tensor, remembered: Remembered) -> torch.Tensor:
        """The frame's tokens after attention (B, HW, C).

        Args:
            tokens: the frame's coarsest features (1, HW, C), the same for all objects.
            position: their positional encoding (1, HW, C).
            remembered: what the objects bring.
        """
        if self.attention.pos_enc_at_input:
            tokens = tokens + 0.1 * position
        run = self._plainly if self._is_plain and runs_plainly(tokens) else self._as_sam2_does
        return self.attention.norm(run(tokens, position, remembered))

    def _as_sam2_does(
        self, tokens: torch.Tensor, position: torch.Tensor, remembered: Remembered
    ) -> torch.Tensor:
        memory = remembered.values()
        count, unplaced = len(memory), remembered.pointers.size(1)
        placed = self.places[list(remembered.slots)].flatten(0, 1).expand(count, -1, -1)
        places = torch.cat([placed, remembered.pointer_places], 1)
        for layer in self.attention.layers:
            tokens = layer._forward_sa(tokens, position).expand(count, -1, -1)
            exempt = unplaced if hasattr(layer.cross_attn_image, "freqs_cis") else 0
            tokens = layer._forward_ca(tokens, memory, position, places, exempt)
            tokens = layer.linear2(_hidden(layer, layer.norm3(tokens))) + tokens
        return tokens

    def _plainly(self, tokens: torch.Tensor, position: torch.Tensor, remembered: Remembered) -> torch.Tensor:
        values = remembered.values()
        for number, layer in enumerate(self.attention.layers):
            own = layer.norm1(tokens)
            asking = own + position if layer.pos_enc_at_attn else own
            tokens = self._ask_itself(layer.self_attn, asking, own).add_(tokens)
            asking = layer.norm2(tokens)
            if layer.pos_enc_at_cross_attn_queries:
                asking = asking + position
            tokens = self._ask_memories(number, asking, remembered, values).add_(tokens)
            tokens = layer.linear2(_hidden(layer, layer.norm3(tokens))).add_(tokens)
        return tokens

    def _ask_itself(self, module: Any, asking: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Self-attention of one head (B, HW, C): `asking` gives queries and keys."""
        queries, keys = _queries(module, asking), _turned(module.k_proj(asking), module.freqs_cis)
        averages = torch.empty_like(values)
        for query, key, value, into in zip(queries, keys, values, averages, strict=True):
            _average(query, key, value, into)
        return linear(averages, *self._output(module))

    def _ask_memories(
        self, number: int, asking: torch.Tensor, remembered: Remembered, values: torch.Tensor
    ) -> torch.Tensor:
        """Cross-attention of one head in layer `number` (B, HW, C): `asking` of all objects or one."""
        layer = self.attention.layers[number]
        module, count = layer.cross_attn_image, len(values)
        queries = _queries(module, asking).expand(count, -1, -1)
        last = remembered.pointers
        if layer.pos_enc_at_cross_attn_keys:
            last = last + remembered.pointer_places
        pointer_keys = linear(last, module.k_proj.weight, module.k_proj.bias)
        averages = torch.empty(count, asking.size(1), values.size(2))
        keys = torch.empty(values.size(1), queries.size(2))  # of one object after the other
        for row in range(count):
            self._fill(keys, number, row, remembered)
            keys[keys.size(0) - last.size(1) :] = pointer_keys[row]
            _average(queries[row], keys, values[row], averages[row])
        return linear(averages, *self._output(module))

    def _fill(self, keys: torch.Tensor, number: int, row: int, remembered: Remembered) -> None:
        """Write one object's keys of all frames to the first rows of `keys` (N, C)."""
        if not self._place_keys:
            self._place_keys = [_keys_of_places(layer, self.places) for layer in self.attention.layers]
        positions = self.places.size(1)
        for at, (memory, slot) in enumerate(zip(remembered.frames, remembered.slots, strict=True)):
            own = (
                memory.keys[number][row]
                if memory.keys
                else _content_keys(self.attention.layers[number], memory.features[row].float())
            )
            torch.add(own, self._place_keys[number][slot], out=keys[at * positions : (at + 1) * positions])

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


def _queries(module: Any, asking: torch.Tensor) -> torch.Tensor:
    """Turned and scaled queries (B, HW, C)."""
    return _turned(module.q_proj(asking), module.freqs_cis).mul_(1 / math.sqrt(module.internal_dim))


def _content_keys(layer: Any, memory: torch.Tensor) -> torch.Tensor:
    """What memory tokens (..., HW, C_mem) add to the keys of a layer's cross-attention, turned (..., HW, C)."""
    module = layer.cross_attn_image
    return _turned(linear(memory, module.k_proj.weight), module.freqs_cis)


def _keys_of_places(layer: Any, places: torch.Tensor) -> torch.Tensor:
    """What places (K, HW, C_mem) add to those keys, the bias among it (K, HW, C)."""
    module = layer.cross_attn_image
    if not layer.pos_enc_at_cross_attn_keys:
        places = torch.zeros_like(places)
    return _turned(F.linear(places, module.k_proj.weight, module.k_proj.bias), module.freqs_cis)


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
