"""A coarse mask fitted to the edges of its picture: the guided filter, with the picture's colours as guide.

In every window the mask is explained as a linear function of colour, so where the colour steps, the mask does.
(He, Sun and Tang, Guided Image Filtering, 2013.)
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter


class Guide:
    """A picture that coarse masks are fitted to; what depends on it alone is computed once.

    Args:
        rgb: uint8 (H, W, 3).
        radius: of the window, in pixels.
        softness: variance of colour (of 1) below which a window counts as flat.
    """

    def __init__(self, rgb: np.ndarray, radius: int, softness: float = 1e-3) -> None:
        self.size = 2 * radius + 1
        self.colour = np.asarray(rgb, np.float32).transpose(2, 0, 1) / 255
        self.mean = np.stack([self._mean(channel) for channel in self.colour])
        covariance = np.empty((*self.colour.shape[1:], 3, 3), np.float32)
        for one in range(3):
            for other in range(one, 3):
                both = self._mean(self.colour[one] * self.colour[other]) - self.mean[one] * self.mean[other]
                covariance[..., one, other] = covariance[..., other, one] = both
        self.inverse = np.linalg.inv(covariance + softness * np.eye(3, dtype=np.float32))

    def fit(self, soft: np.ndarray) -> np.ndarray:
        """The soft mask (H, W), 0 to 1, along the picture's edges; float32, may leave 0 to 1 a little."""
        soft = np.asarray(soft, np.float32)
        level = self._mean(soft)
        shared = np.stack([self._mean(channel * soft) for channel in self.colour]) - self.mean * level
        slope = np.einsum("hwij,jhw->ihw", self.inverse, shared)
        offset = level - (slope * self.mean).sum(0)
        smooth = np.stack([self._mean(channel) for channel in slope])
        return (smooth * self.colour).sum(0) + self._mean(offset)

    def _mean(self, plane: np.ndarray) -> np.ndarray:
        return uniform_filter(plane, self.size, mode="nearest")
