"""Small mask logits at the picture's size, computed only where a mask can be.

The same interpolation as `F.interpolate(mode="bilinear", align_corners=False)`, as two matrix products: a mask that
covers a tenth of the picture costs a tenth.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch


@lru_cache(maxsize=16)
def interpolation_matrix(small: int, large: int, device: torch.device) -> torch.Tensor:
    """Weights (large, small) of bilinear interpolation along one axis, edges replicated; not to be written to."""
    position = ((torch.arange(large, device=device) + 0.5) * (small / large) - 0.5).clamp(0, small - 1)
    below = position.floor().long().clamp(max=max(small - 2, 0))
    share = position - below
    weights = torch.zeros(large, small, device=device)
    weights.scatter_add_(1, below[:, None], (1 - share)[:, None])
    weights.scatter_add_(1, (below + 1).clamp(max=small - 1)[:, None], share[:, None])
    return weights


class Upsampler:
    """From logits (h, w) to windows of the picture (height, width).

    Args:
        small_hw: size of the logits.
        floor: logits at or below this everywhere around a pixel are not computed.
    """

    def __init__(
        self, small_hw: tuple[int, int], height: int, width: int, floor: float, device: torch.device
    ) -> None:
        self.floor = floor
        self.rows = interpolation_matrix(small_hw[0], height, device)
        self.columns = interpolation_matrix(small_hw[1], width, device)

    def windows(self, logits: torch.Tensor) -> np.ndarray:
        """Of each mask (N, h, w) the smallest window that holds every pixel above the floor, int64 (N, 4).

        Top, bottom, left, right, half-open; all 0 where there is no such pixel. Pixels are weighted means of small
        logits, so none outside the window exceeds the floor.
        """
        above = logits > self.floor
        rows = _reach((self.rows.size(1), self.rows.size(0)), above.any(2))
        columns = _reach((self.columns.size(1), self.columns.size(0)), above.any(1))
        return np.concatenate([rows, columns], axis=1)

    def window(self, logits: torch.Tensor, window: np.ndarray) -> torch.Tensor:
        """One mask's logits (h, w) in a window of `windows`."""
        top, bottom, left, right = window.tolist()
        return self.rows[top:bottom] @ logits @ self.columns[left:right].T


def _reach(size: tuple[int, int], used: torch.Tensor) -> np.ndarray:
    """Half-open ranges (N, 2) of the pixels that any of the used (N, small) rows has a weight in.

    Args:
        size: (small, large) along the axis.
    """
    first, last = _pixels_of(*size)
    wanted = used.cpu().numpy()
    begin = np.where(wanted, first, size[1]).min(1)
    end = np.where(wanted, last, 0).max(1)
    return np.where((begin < end)[:, None], np.stack([begin, end], axis=1), 0)


@lru_cache(maxsize=16)
def _pixels_of(small: int, large: int) -> tuple[np.ndarray, np.ndarray]:
    """First pixel each small row has a weight in, and the one after its last (small,); `large` and 0 for none."""
    touched = (interpolation_matrix(small, large, torch.device("cpu")) > 0).numpy()  # (large, small)
    any_pixel = touched.any(0)
    first = np.where(any_pixel, touched.argmax(0), large)
    return first, np.where(any_pixel, large - touched[::-1].argmax(0), 0)
