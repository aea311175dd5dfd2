"""The protocol of a streaming video tracker: what the tracking stage asks of a network, whichever it is.

A memory is opaque to the stage: it is selected from, merged, started afresh, saved and restored, never looked into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch


@dataclass(frozen=True)
class StepOutput:
    """What the network says about B objects on one frame.

    Attributes:
        logits: low-resolution mask logits (B, h, w) over the whole frame; all below zero where the object is absent.
        predicted_iou: the network's estimate (B,).
        objectness: probability that the object is in view (B,).
    """

    logits: torch.Tensor
    predicted_iou: torch.Tensor
    objectness: torch.Tensor


class Memory(Protocol):
    """What a network remembers of a batch of objects."""

    def __len__(self) -> int: ...

    @property
    def is_full(self) -> bool:
        """Whether it may be merged with other full memories."""
        ...

    def select(self, positions: Sequence[int]) -> Memory:
        """The memories of some of the objects."""
        ...

    def fresh(self) -> Memory:
        """The same objects as they were founded."""
        ...

    def to_arrays(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Tensors and plain values to save."""
        ...


class VideoTracker(Protocol):
    """A network that follows batches of objects through frames it encodes once.

    Attributes:
        threshold: probability from which a pixel is foreground, unless the stage is told another.
    """

    threshold: float

    def encode(self, rgb: np.ndarray, frame: int) -> Any:
        """Features of a picture (H, W, 3) uint8."""
        ...

    def found(
        self,
        features: Any,
        masks: np.ndarray | None = None,
        boxes_xyxy: np.ndarray | None = None,
        points_xy: np.ndarray | None = None,
        labels: np.ndarray | None = None,
    ) -> tuple[Memory, StepOutput]:
        """Begin to follow objects given as masks (B, H, W), or as boxes (B, 4), clicks (B, P, 2), or both.

        Boxes and clicks are in fractions of width and height; `labels` (B, P) are 1 inside, 0 outside.
        """
        ...

    def step(self, features: Any, memory: Any) -> StepOutput:
        """Follow the objects of a memory onto a frame."""
        ...

    def merge(self, memories: Sequence[Any]) -> Any:
        """One memory of several full ones."""
        ...

    def restore(self, tensors: dict[str, torch.Tensor], plain: dict[str, Any]) -> Any:
        """A memory saved by `to_arrays`."""
        ...
