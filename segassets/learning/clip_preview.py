"""Clips as pictures for people: what the network sees, with the outlines of its objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from segassets.learning.clip_transforms import MEAN, STD
from segassets.media.draw import contact_sheet, draw_instances

if TYPE_CHECKING:
    from training.utils.data_utils import BatchedVideoDatapoint, VideoDatapoint


def to_rgb(pictures: torch.Tensor) -> np.ndarray:
    """Normalised pictures (..., 3, H, W) back to RGB uint8 (..., H, W, 3)."""
    mean, std = (torch.tensor(values, device=pictures.device).view(3, 1, 1) for values in (MEAN, STD))
    scaled = ((pictures.float() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    return scaled.movedim(-3, -1).cpu().numpy()


def clip_sheet(datapoint: VideoDatapoint, columns: int = 4, cell_px: int | None = None) -> np.ndarray:
    """Contact sheet of one clip after its transforms: each frame with its objects outlined and numbered.

    Returns:
        RGB uint8 (H, W, 3).
    """
    pictures = to_rgb(torch.stack([frame.data for frame in datapoint.frames]))
    drawn, labels = [], []
    for rgb, frame in zip(pictures, datapoint.frames, strict=True):
        ids = [item.object_id for item in frame.objects]
        masks = np.stack([item.segment.numpy().astype(bool) for item in frame.objects])
        drawn.append(draw_instances(rgb, masks, ids))
        labels.append(f"frame {frame.objects[0].frame_index}")
    return contact_sheet(drawn, columns, labels, cell_px=cell_px)


def batch_sheet(
    batch: BatchedVideoDatapoint,
    video: int = 0,
    predicted: torch.Tensor | None = None,
    columns: int = 4,
    cell_px: int | None = None,
) -> np.ndarray:
    """Contact sheet of one clip of a batch; with predictions, each frame's truth lies left of its prediction.

    Args:
        video: position of the clip in the batch.
        predicted: bool (T, O, S, S) for all objects of the batch.

    Returns:
        RGB uint8 (H, W, 3).
    """
    pictures = to_rgb(batch.img_batch[:, video])
    mine = (batch.obj_to_frame_idx[0, :, 1] == video).cpu()
    _, ids, _ = batch.metadata.unique_objects_identifier[0, mine].T.tolist()
    numbers = batch.metadata.unique_objects_identifier[:, mine][:, 0, 2].tolist()
    drawn, labels = [], []
    for at, (rgb, number) in enumerate(zip(pictures, numbers, strict=True)):
        views: Sequence[tuple[str, torch.Tensor | None]] = (("", batch.masks), (" predicted", predicted))
        for word, masks in views:
            if masks is not None:
                drawn.append(draw_instances(rgb, masks[at, mine].cpu().numpy().astype(bool), ids))
                labels.append(f"frame {number}{word}")
    return contact_sheet(drawn, columns, labels, cell_px=cell_px)
