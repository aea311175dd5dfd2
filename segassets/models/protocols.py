"""What the stages ask of a network, whichever it is.

`VideoTracker` stands in streaming.py, `CandidateEngine` with the proposals, which also have engines without a
network.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch

from segassets.models.streaming import VideoTracker

__all__ = ["ImageSegmenter", "VideoTracker"]


class ImageSegmenter(Protocol):
    """A promptable network on single pictures. What `encode` gives is opaque to its caller."""

    def encode(self, rgb: np.ndarray) -> Any:
        """Features of a picture (H, W, 3) uint8."""
        ...

    def predict(
        self,
        encoded: Any,
        points_xy: Any = None,
        labels: Any = None,
        boxes_xyxy: Any = None,
        mask_logits: Any = None,
        multimask: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Masks for B prompts.

        Args:
            points_xy: (B, P, 2) in pixels of the picture, with `labels` (B, P), 1 = inside, 0 = outside.
            boxes_xyxy: (B, 4) in pixels of the picture.
            mask_logits: (B, 1, h, w), an earlier answer.
            multimask: several masks (M > 1) where the prompt is ambiguous.

        Returns:
            logits (B, M, h, w) over the whole picture at the network's own resolution, inside where > 0, and
            the predicted IoU (B, M); both float32.
        """
        ...
