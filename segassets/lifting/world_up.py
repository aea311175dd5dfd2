"""Which way is up, by the cameras: people hold them upright."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_SNAP_DEG = 35.0


def world_up(camera_to_world: Sequence[np.ndarray]) -> np.ndarray | None:
    """The world's up (3,) by its cameras' poses (4, 4); None where they contradict one another.

    The mean of the pictures' up directions; where an axis of the world lies within 35 degrees of it, that axis: worlds
    are mostly made with an axis along gravity, and cameras look down more often than up.
    """
    if not len(camera_to_world):
        return None
    mean = -np.mean([pose[:3, 1] for pose in camera_to_world], axis=0)
    length = float(np.linalg.norm(mean))
    if length < 0.3:
        return None
    mean /= length
    axis = int(np.argmax(np.abs(mean)))
    snapped = np.eye(3)[axis] * np.sign(mean[axis])
    return snapped if mean @ snapped >= np.cos(np.radians(_SNAP_DEG)) else mean
