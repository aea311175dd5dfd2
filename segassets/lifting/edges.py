"""Steps in a depth map, where a pixel lies on neither surface."""

from __future__ import annotations

import numpy as np


def depth_edges(z: np.ndarray, valid: np.ndarray, threshold: float) -> np.ndarray:
    """(H, W) bool: pixels on either side of a step in depth of more than `threshold` times the nearer depth.

    A pixel without depth makes no edge.
    """
    edge = np.zeros(z.shape, bool)
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        near, far = np.minimum(z[first], z[second]), np.maximum(z[first], z[second])
        near *= np.float32(1 + threshold)
        step = far > near
        step &= valid[first]
        step &= valid[second]
        edge[first] |= step
        edge[second] |= step
    return edge
