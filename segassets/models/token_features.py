"""The features of a segmenter's picture encoder as a grid of tokens, for what groups them without labels (MaskCut).

SAM2's encoders, the shipped one among them, were trained with masks: what is cut from their features is no unsupervised
result, and is called "encoder features (learned with supervision)" wherever it is shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segassets.errors import BadConfig


class EncoderTokens:
    """Feature maps of a SAM2 encoder, in steps of 16 pixels of its input.

    Args:
        segmenter: `Sam2ImageSegmenter`; its network's picture size decides how many tokens there are.
        min_tokens: tokens a side at least; the coarsest level that has as many is taken.
        centre: take the picture's mean feature off: what all tokens share would make all of them alike.
    """

    description = "encoder features (learned with supervision)"

    def __init__(self, segmenter: Any, min_tokens: int = 30, centre: bool = True) -> None:
        self.segmenter, self.min_tokens, self.centre = segmenter, min_tokens, centre

    def features(self, rgb: np.ndarray) -> np.ndarray:
        """Float32 (h, w, C) of a picture uint8 (H, W, 3).

        Raises:
            BadConfig: no level has as many tokens.
        """
        levels = self.segmenter.encode(rgb).levels
        fitting = [level for level in levels if min(level.shape[-2:]) >= self.min_tokens]
        if not fitting:
            sides = ", ".join(str(level.shape[-1]) for level in levels)
            raise BadConfig(
                f"expected a feature map of at least {self.min_tokens} tokens a side, found {sides}; raise the model's "
                "image_size"
            )
        grid = fitting[-1][0].float().permute(1, 2, 0).cpu().numpy()
        return grid - grid.mean((0, 1), keepdims=True) if self.centre else grid
