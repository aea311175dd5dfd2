"""Where to look from: a frame's own view, and views beside it that look at the same place."""

from __future__ import annotations

import math

import numpy as np

from segassets.geometry.cameras import Pinhole


def fitted(pinhole: Pinhole, max_side_px: int) -> Pinhole:
    """The camera of the picture scaled so that its longer side is at most `max_side_px`."""
    scale = min(1.0, max_side_px / max(pinhole.height, pinhole.width))
    return pinhole.scaled(max(1, round(pinhole.height * scale)), max(1, round(pinhole.width * scale)))


def beside(camera_to_world: np.ndarray, distance: float, right_deg: float, up_deg: float = 0.0) -> np.ndarray:
    """A camera turned about the point `distance` in front of it, which it keeps looking at, (4, 4).

    Args:
        right_deg: how far it goes to the right around that point.
        up_deg: how far up.
    """
    yaw, pitch = math.radians(-right_deg), math.radians(-up_deg)
    about_y = np.array(
        [[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]], np.float64
    )
    about_x = np.array(
        [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]], np.float64
    )
    turned = np.eye(4)
    turned[:3, :3] = about_y @ about_x
    middle = np.array([0.0, 0.0, distance])
    turned[:3, 3] = middle - turned[:3, :3] @ middle
    return camera_to_world @ turned


def distance_between(first: np.ndarray, second: np.ndarray, scale: float) -> float:
    """How different two poses (4, 4) look: radians turned, plus metres moved over the depth `scale`."""
    turn = first[:3, :3].T @ second[:3, :3]
    angle = math.acos(float(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
    return angle + float(np.linalg.norm(first[:3, 3] - second[:3, 3])) / scale
