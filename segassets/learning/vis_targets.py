"""What a clip truly shows, as SeqFormer's loss takes it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

STRIDE = 4  # of the masks the network gives; its pixel i stands for the picture's pixel 4 i + 2


@dataclass(frozen=True)
class ClipTargets:
    """M instances on T frames; M may be 0.

    Attributes:
        categories: int64 (M,), from 0.
        boxes: (M, T, 4), centre x, y, width, height in 0..1 of the picture; anything where not `present`.
        present: bool (M, T), false where the instance is not seen: nothing is asked of its box there.
        masks: (M, T, h, w) 0/1, at stride 4 of the padded picture.
        valid: bool (h, w), false on padding.
    """

    categories: torch.Tensor
    boxes: torch.Tensor
    present: torch.Tensor
    masks: torch.Tensor
    valid: torch.Tensor

    def to(self, device: torch.device) -> ClipTargets:
        """The same on a device."""
        return ClipTargets(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def clip_targets(
    masks: torch.Tensor, categories: torch.Tensor, padded_hw: tuple[int, int] | None = None
) -> ClipTargets:
    """Targets from masks.

    Args:
        masks: bool (M, T, H, W), of the picture without padding.
        categories: int64 (M,).
        padded_hw: size of the padded picture, by default the same.
    """
    count, frames, height, width = masks.shape
    rows, columns = masks.any(3), masks.any(2)
    top, bottom = _extent(rows)
    left, right = _extent(columns)
    boxes = torch.stack(
        [
            (left + right) / 2 / width,
            (top + bottom) / 2 / height,
            (right - left) / width,
            (bottom - top) / height,
        ],
        -1,
    )
    padded_height, padded_width = padded_hw or (height, width)
    valid = torch.zeros(padded_height, padded_width, dtype=torch.bool)
    valid[:height, :width] = True
    whole = torch.zeros(count, frames, padded_height, padded_width)
    whole[..., :height, :width] = masks
    start = STRIDE // 2
    sampled, valid = whole[..., start::STRIDE, start::STRIDE], valid[start::STRIDE, start::STRIDE]
    return ClipTargets(categories, boxes, rows.any(-1), sampled.contiguous(), valid)


def _extent(seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First and one past the last true position along the last axis, float; 0 and 0 where nothing is."""
    places = torch.arange(seen.shape[-1])
    last = torch.where(seen, places + 1, 0).amax(-1)
    first = torch.where(seen, places, seen.shape[-1]).amin(-1)
    return torch.where(last > 0, first, 0).float(), last.float()
