"""What of a picture an embedder is shown for a mask, as LangSplat (Qin et al. 2024) crops."""

from __future__ import annotations

import numpy as np

from segassets.errors import BadInput


def masked_crop(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mask's box with everything outside the mask black, padded with black to a square around it.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) bool.

    Returns:
        (s, s, 3) uint8, s the longer side of the box.

    Raises:
        BadInput: the mask is empty or of another size.
    """
    if mask.shape != rgb.shape[:2]:
        raise BadInput(f"mask: expected the picture's size {rgb.shape[:2]}, found {mask.shape}")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise BadInput("mask: expected at least one pixel, found none")
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    cut = rgb[window] * mask[window][..., None].astype(np.uint8)
    height, width = cut.shape[:2]
    side = max(height, width)
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = cut
    return square
