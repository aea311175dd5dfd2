"""Packed masks as My3DIS stores them: bits row by row, eight to a byte, at a scale ratio."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from PIL import Image


def scaled_size(height: int, width: int, ratio: float) -> tuple[int, int]:
    """(height, width) at the ratio, at least one pixel each."""
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def downscale(mask: np.ndarray, ratio: float) -> np.ndarray:
    """A boolean mask (H, W) averaged over boxes and cut at one half.

    A mask that would vanish is returned at its full size: its shape tells.
    """
    if ratio >= 1:
        return mask
    height, width = scaled_size(mask.shape[0], mask.shape[1], ratio)
    shares = Image.fromarray(mask.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    small = np.asarray(shares) >= 0.5
    return small if small.any() else mask


def pack(mask: np.ndarray, ratio: float = 1.0) -> dict[str, Any]:
    """{"packed_bits_b64", "shape": [h, w], "full_resolution_shape": [H, W]} of a boolean mask (H, W)."""
    small = downscale(mask, ratio)
    bits = np.packbits(np.ascontiguousarray(small), axis=None)
    return {
        "packed_bits_b64": base64.b64encode(bits.tobytes()).decode("ascii"),
        "shape": list(small.shape),
        "full_resolution_shape": list(mask.shape),
    }
