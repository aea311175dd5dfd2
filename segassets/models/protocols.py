"""What the stages ask of a network, whichever it is.

`VideoTracker` stands in streaming.py, `CandidateEngine` with the proposals, which also have engines without a
network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from segassets.models.spec import DepthKind
from segassets.models.streaming import VideoTracker

__all__ = ["DepthEstimator", "Embedder", "ImageSegmenter", "VideoTracker"]


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


class DepthEstimator(Protocol):
    """A network that sees depth in a single picture.

    Attributes:
        kind: what its values are.
        name: of the model.
    """

    kind: DepthKind
    name: str

    def estimate(self, rgb: np.ndarray, focal_px: float | None = None) -> np.ndarray:
        """A depth map at the picture's size.

        Args:
            rgb: (H, W, 3) uint8.
            focal_px: focal length of the picture in its own pixels, where it is known. Networks that need none
                leave it aside; a metric one without it takes a field of view for granted.

        Returns:
            (H, W) float32 of `kind`: metres along the optical axis for metric, 1/z for the inverse kinds.

        Raises:
            BadInput: not such a picture.
        """
        ...


class Embedder(Protocol):
    """A network that puts pictures and texts into one space, where the product of two rows is their likeness.

    Attributes:
        dim: length of a vector.
        name: of the model.
    """

    dim: int
    name: str

    def embed_pictures(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Pictures (h, w, 3) uint8 of any sizes, in batches -> (N, dim) float32, rows of length 1."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> (N, dim) float32, rows of length 1."""
        ...
