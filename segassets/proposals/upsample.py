"""Small mask logits at the picture's size, computed only where a mask can be.

The same interpolation as `F.interpolate(mode="bilinear", align_corners=False)`, as two matrix products: a mask that
covers a tenth of the picture costs a tenth.
"""

from __future__ import annotations

import torch


def interpolation_matrix(small: int, large: int, device: torch.device) -> torch.Tensor:
    """Weights (large, small) of bilinear interpolation along one axis, edges replicated."""
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

    def window(self, logits: torch.Tensor) -> tuple[int, int, torch.Tensor]:
        """Top, left and the logits of the smallest computed window that holds every pixel above the floor.

        Pixels are weighted means of small logits, so none outside the window exceeds the floor.
        """
        above = logits > self.floor
        top, bottom = _reach(self.rows, above.any(1))
        left, right = _reach(self.columns, above.any(0))
        return top, left, self.rows[top:bottom] @ logits @ self.columns[left:right].T


def _reach(weights: torch.Tensor, used: torch.Tensor) -> tuple[int, int]:
    """Half-open range of the pixels that any of the used small rows (or columns) has a weight in."""
    touched = (weights[:, used] > 0).any(1).nonzero()
    return (int(touched[0]), int(touched[-1]) + 1) if len(touched) else (0, 0)
