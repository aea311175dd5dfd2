"""From the network's low-resolution logits to compressed masks at the frame's own size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from segassets.masks import rle
from segassets.models.streaming import StepOutput
from segassets.models.upsample import Upsampler

_STABILITY_OFFSET = 1.0


@dataclass(frozen=True)
class TrackedMask:
    """One object's mask on one frame.

    Attributes:
        score: predicted IoU times the probability that the object is in view.
        stability: IoU of the masks at logits 1 above and 1 below the threshold.
    """

    rle_counts: str
    area: int
    score: float
    predicted_iou: float
    stability: float


@torch.inference_mode()
def to_masks(
    output: StepOutput, height: int, width: int, min_area: int = 1, threshold: float = 0.5
) -> list[TrackedMask | None]:
    """Masks of B objects at (height, width); None where an object is absent.

    Args:
        threshold: probability above which a pixel is inside; logits are compared with its logit.
    """
    logits, bound = output.logits, math.log(threshold / (1 - threshold))
    present = torch.nonzero(logits.flatten(1).amax(1) > bound).flatten().tolist()
    masks: list[TrackedMask | None] = [None] * len(logits)
    if not present:
        return masks
    chosen = logits[present]
    counts = _encoded(chosen, height, width, bound)
    areas = rle.areas(counts, height, width)
    iou = output.predicted_iou[present].cpu()
    score = iou * output.objectness[present].cpu()
    stability = _stability(chosen, bound).cpu()
    for position, at in enumerate(present):
        if areas[position] >= min_area:
            masks[at] = TrackedMask(
                counts[position],
                int(areas[position]),
                float(score[position]),
                float(iou[position]),
                float(stability[position]),
            )
    return masks


def _encoded(logits: torch.Tensor, height: int, width: int, bound: float) -> list[str]:
    """Counts of the masks (B, h, w) at (height, width); on processors only the windows that masks can be in."""
    if logits.device.type != "cpu":
        # transposed, so that the bytes already lie in the column-major order of RLE
        upright = logits.transpose(1, 2)[:, None]
        full = F.interpolate(upright, size=(width, height), mode="bilinear", align_corners=False)
        return rle.encode_columns((full[:, 0] > bound).to(torch.uint8).cpu().numpy())
    upsampler = Upsampler((logits.shape[1], logits.shape[2]), height, width, bound, logits.device)
    counts = []
    for mask, window in zip(logits, upsampler.windows(logits), strict=True):
        top, bottom, left, right = window.tolist()
        columns = np.zeros((right - left, height), bool)
        columns[:, top:bottom] = (upsampler.window(mask, window) > bound).numpy().T
        counts.append(rle.encode_window(columns, left, height, width))
    return counts


def _stability(logits: torch.Tensor, bound: float) -> torch.Tensor:
    """IoU of the masks at a raised and a lowered threshold (B,); the raised one lies inside the lowered one."""
    inner = (logits > bound + _STABILITY_OFFSET).sum((1, 2))
    outer = (logits > bound - _STABILITY_OFFSET).sum((1, 2)).clamp(min=1)
    return inner / outer
