"""Masks of one frame on the grid of its depth map: which pixels, which smallest mask lies on top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from segassets.errors import BadInput
from segassets.masks import rle


@dataclass(frozen=True)
class FrameMasks:
    """Masks of one frame; they may overlap.

    Attributes:
        ids: mask ids, or track ids, in order.
        masks: (H, W) bool for each.
    """

    ids: list[int]
    masks: list[np.ndarray]

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]], name: str = "mask_id") -> FrameMasks:
        """From rows of a mask table, all of one frame.

        Args:
            name: the column that names a mask: mask_id, or track_id.
        """
        rows = list(rows)
        decoded = [rle.decode(row["rle_counts"], row["height"], row["width"]) for row in rows]
        return cls([int(row[name]) for row in rows], [np.ascontiguousarray(mask) for mask in decoded])

    def on_grid(self, size_hw: tuple[int, int], stride: int, where: str) -> FrameMasks:
        """The masks sampled at the pixels that become points.

        Args:
            size_hw: of the depth map, after every `stride`-th pixel was taken.

        Raises:
            BadInput: masks of different sizes, or the same id twice.
        """
        if len({mask.shape for mask in self.masks}) > 1:
            raise BadInput(
                f"{where}: expected masks of one size, found {sorted({m.shape for m in self.masks})}"
            )
        if len(set(self.ids)) < len(self.ids):
            raise BadInput(
                f"{where}: expected each mask id once, found {len(self.ids) - len(set(self.ids))} again"
            )
        return FrameMasks(self.ids, [sampled(mask, size_hw, stride) for mask in self.masks])

    def labels(self, size_hw: tuple[int, int]) -> np.ndarray:
        """(H, W): the id of the smallest mask over each pixel, 0 where there is none."""
        labels = np.zeros(size_hw, np.int32 if max(self.ids, default=0) < 2**31 else np.int64)
        for at in sorted(range(len(self.ids)), key=lambda at: -np.count_nonzero(self.masks[at])):
            np.copyto(labels, self.ids[at], where=self.masks[at])
        return labels


def sampled(picture: np.ndarray, size_hw: tuple[int, int], stride: int = 1) -> np.ndarray:
    """Every `stride`-th pixel of a picture (H, W, ...) brought to a size by nearest pixel."""
    height, width = size_hw
    if picture.shape[:2] == size_hw:
        return picture[::stride, ::stride]
    rows = ((np.arange(0, height, stride) + 0.5) * (picture.shape[0] / height)).astype(np.int64)
    columns = ((np.arange(0, width, stride) + 0.5) * (picture.shape[1] / width)).astype(np.int64)
    return picture[np.ix_(rows, columns)]
