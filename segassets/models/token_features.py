"""The features of a segmenter's picture encoder as a grid of tokens, for what groups them without labels (MaskCut).

SAM2's encoders, the shipped one among them, were trained with masks: what is cut from their features is no unsupervised
result, and is called "encoder features (learned with supervision)" wherever it is shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np

STRIDE = 16  # pixels of the network's input to a token of its coarsest features


class EncoderTokens:
    """The coarsest feature map of a SAM2 encoder, which knows most of what things are.

    Args:
        segmenter: `Sam2ImageSegmenter`.
        min_tokens: tokens a side at least: the network sees a larger picture than it was trained on where its own gives
            fewer.
        colour: put each token's mean colour beside its features, both of length 1.
    """

    def __init__(self, segmenter: Any, min_tokens: int = 30, colour: bool = True) -> None:
        self.segmenter, self.colour = segmenter, colour
        own = int(segmenter.network.image_size)
        self.side = own * -(
            -min_tokens * STRIDE // own
        )  # whole multiples keep every window of the network whole
        self.description = "encoder features (learned with supervision)" + (" and colour" if colour else "")

    def features(self, rgb: np.ndarray) -> np.ndarray:
        """Float32 (h, w, C) of a picture uint8 (H, W, 3).

        The picture's mean is taken off: what all tokens share would make all of them alike.
        """
        level = self.segmenter.encode(rgb, self.side).levels[-1]
        grid = _centred(level[0].float().permute(1, 2, 0).cpu().numpy())
        if not self.colour:
            return grid
        return np.concatenate([_unit(grid), _unit(_centred(mean_colours(rgb, grid.shape[:2])))], axis=-1)


def mean_colours(rgb: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Mean colour of each cell of a picture uint8 (H, W, 3): float32 (h, w, 3) from 0 to 1."""
    from PIL import Image

    small = Image.fromarray(rgb).resize((size_hw[1], size_hw[0]), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def _centred(grid: np.ndarray) -> np.ndarray:
    return grid - grid.mean((0, 1), keepdims=True)


def _unit(grid: np.ndarray) -> np.ndarray:
    return grid / np.maximum(np.linalg.norm(grid, axis=-1, keepdims=True), 1e-9)
