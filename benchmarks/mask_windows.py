"""Masks of 16 tracked objects on a 1080p frame, each made in the window it can be in, against whole frames.

From the network's 64 x 64 logits to RLE: bilinear interpolation, threshold, run lengths. The objects are ellipses of 10
to 30 % of the frame's sides.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.measure import Figure, interleaved, seconds
from segassets.masks import rle
from segassets.models.streaming import StepOutput
from segassets.tracking.render import to_masks

OBJECTS, SIDE, HEIGHT, WIDTH, REPEATS = 16, 64, 1080, 1920, 7


def make_logits() -> torch.Tensor:
    """Logits (16, 64, 64), above zero inside an ellipse."""
    rng = np.random.default_rng(0)
    v, u = np.mgrid[:SIDE, :SIDE] + 0.5
    y, x = rng.uniform(8, SIDE - 8, (2, OBJECTS, 1, 1))
    tall, wide = rng.uniform(0.05, 0.15, (2, OBJECTS, 1, 1)) * SIDE
    return torch.from_numpy(8 * (1 - np.hypot((v - y) / tall, (u - x) / wide))).float()


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    logits = make_logits()
    output = StepOutput(logits, torch.ones(OBJECTS), torch.ones(OBJECTS))

    def in_windows() -> list[str]:
        return [mask.rle_counts for mask in to_masks(output, HEIGHT, WIDTH) if mask]

    @torch.inference_mode()
    def whole() -> list[str]:
        columns = F.interpolate(logits.mT[:, None], (WIDTH, HEIGHT), mode="bilinear", align_corners=False)
        return rle.encode_columns((columns[:, 0] > 0).to(torch.uint8).numpy())

    overlap = np.diag(rle.iou_matrix(in_windows(), whole(), HEIGHT, WIDTH))
    if overlap.min() < 0.9999:
        raise RuntimeError(f"expected the same masks either way, found an IoU of {overlap.min():.4f}")
    windows, frames = interleaved([lambda: seconds(in_windows), lambda: seconds(whole)], REPEATS)
    note = f"{windows * 1000:.1f} ms against {frames * 1000:.0f} ms for {OBJECTS} objects"
    return [Figure("mask_windows", frames / windows, "x whole frames", 10, note=note)]
