"""Instances of one window of frames: the best queries, their scores and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from segassets.models.seqformer.layers import Memory
from segassets.models.seqformer.mask_head import OUT_STRIDE
from segassets.models.seqformer.network import Encoded, SeqFormer, pad_pictures


@dataclass(frozen=True)
class WindowTubes:
    """K tubes over the T frames of a window, best first.

    Attributes:
        scores: (K, classes), 0..1.
        low_logits: (K, T, h, w), masks at stride 4 of the padded picture, inside where > 0.
        size_hw: of the picture the network saw, without padding.
    """

    scores: torch.Tensor
    low_logits: torch.Tensor
    size_hw: tuple[int, int]

    def mask_logits(self, size_hw: tuple[int, int] | None = None) -> torch.Tensor:
        """Masks (K, T, H, W) at the size of the network's picture, or at another."""
        return enlarge(self.low_logits, self.size_hw, size_hw or self.size_hw)


def enlarge(low: torch.Tensor, seen_hw: tuple[int, int], size_hw: tuple[int, int]) -> torch.Tensor:
    """Logits (K, T, h, w) at stride 4 of a padded picture -> (K, T, H, W) of the picture that was seen as `seen_hw`."""
    height, width = low.shape[-2] * OUT_STRIDE, low.shape[-1] * OUT_STRIDE
    logits = F.interpolate(low, (height, width), mode="bilinear", align_corners=False)
    logits = logits[..., : seen_hw[0], : seen_hw[1]]
    return (
        logits if size_hw == seen_hw else F.interpolate(logits, size_hw, mode="bilinear", align_corners=False)
    )


@torch.no_grad()
def segment_window(network: SeqFormer, pictures: torch.Tensor, top: int, score: float = 0.0) -> WindowTubes:
    """The best queries of T >= 1 frames that are seen together.

    Args:
        pictures: (T, 3, H, W), normalised, of any size.
        top: how many at most.
        score: those below are dropped.
    """
    return best_queries(network, encode_pictures(network, pictures), pictures.shape[-2:], top, score)


@torch.no_grad()
def encode_pictures(network: SeqFormer, pictures: torch.Tensor) -> Encoded:
    """Frames (T, 3, H, W) of any size, padded and encoded, each by itself."""
    height, width = pictures.shape[-2:]
    sizes = torch.tensor([[width, height]], device=pictures.device).expand(len(pictures), -1)
    return network.encode(pad_pictures(pictures), sizes)


@torch.no_grad()
def best_queries(
    network: SeqFormer, encoded: Encoded, size_hw: Sequence[int], top: int, score: float
) -> WindowTubes:
    """The best queries of encoded frames of one window; arguments as in `segment_window`."""
    output = network.decode(encoded, 1)[-1]
    scores = output.logits[0].sigmoid()
    chosen = scores.amax(1).topk(min(top, len(scores))).indices
    chosen = chosen[scores[chosen].amax(1) >= score]
    masks = network.masks(encoded, output, 0, chosen)
    return WindowTubes(scores[chosen], masks, (int(size_hw[0]), int(size_hw[1])))


def without_doubles(found: WindowTubes, max_overlap: float) -> WindowTubes:
    """Those whose masks overlap none of a better score by more than an IoU, over the whole window."""
    masks = (found.low_logits > 0).flatten(1).float()
    both = masks @ masks.T
    area = masks.sum(1)
    overlap = both / (area[:, None] + area - both).clamp(min=1)
    kept: list[int] = []
    for number in range(len(masks)):  # best first
        if not kept or float(overlap[number, kept].max()) <= max_overlap:
            kept.append(number)
    return WindowTubes(found.scores[kept], found.low_logits[kept], found.size_hw)


def joined(parts: Sequence[Encoded]) -> Encoded:
    """Encoded frames of one size, one after another."""
    first = parts[0].memory
    tokens, valid, ratios = (
        torch.cat([getattr(part.memory, name) for part in parts]) for name in ("tokens", "valid", "ratios")
    )
    return Encoded(
        Memory(tokens, valid, first.shapes, ratios),
        torch.cat([part.mask_features for part in parts]),
        torch.cat([part.sizes_wh for part in parts]),
    )
