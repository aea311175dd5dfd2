"""How objects move: poses over the frames of those that roll, drive, walk, turn, slide in or drop in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segassets.datasets.rooms.primitives import Triple


@dataclass
class Track:
    """An object's pose in every frame.

    Args:
        position_m: (T, 3) base centre in the world.
        rotation: (T, 3, 3) object to world.
        swing: (T,) phase of its limbs in radians; constant while it stands.
    """

    position_m: np.ndarray
    rotation: np.ndarray
    swing: np.ndarray


def turn_z(angle: float) -> np.ndarray:
    """(3, 3) rotation about z."""
    c, s = round(math.cos(angle), 10), round(math.sin(angle), 10)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def euler(angles: Triple) -> np.ndarray:
    """(3, 3) rotation about x, then y, then z."""
    (cx, cy, cz), (sx, sy, sz) = ([f(a) for a in angles] for f in (math.cos, math.sin))
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.round(rz @ ry @ rx, 10)


def standing(frames: int, position: Sequence[float] | np.ndarray, yaw: float) -> Track:
    """An object that does not move."""
    still = np.round(np.asarray(position, float), 6)
    return Track(np.tile(still, (frames, 1)), np.tile(turn_z(yaw), (frames, 1, 1)), np.zeros(frames))


def turning(
    frames: int, position: Sequence[float] | np.ndarray, yaw: float, rate: float, bob_m: float
) -> Track:
    """An object that turns on the spot and bobs up and down by bob_m."""
    track = standing(frames, position, yaw)
    track.rotation = np.stack([turn_z(yaw + rate * t) for t in range(frames)])
    track.position_m[:, 2] += np.round([bob_m * (1 - math.cos(0.5 * t)) for t in range(frames)], 6)
    return track


def along(path_xy: np.ndarray, z: float, rolling_radius: float, stride_m: float = 0.12) -> Track:
    """An object that follows a path, front (-y) ahead, rolling where it is a ball, else swinging limbs.

    Args:
        path_xy: (T, 2) positions of its base centre.
        z: Height of its base.
        rolling_radius: Of a ball; 0 for anything that keeps upright.
        stride_m: Distance over which limbs swing by one radian times two.
    """
    frames = len(path_xy)
    steps = np.diff(path_xy, axis=0, prepend=path_xy[:1])
    lengths = np.array([math.hypot(*step) for step in steps])
    travelled = np.cumsum(lengths)
    heading, turns = 0.0, []
    moving = np.flatnonzero(lengths > 1e-9)
    first = moving[0] if len(moving) else 0
    for t in range(frames):
        step = steps[t] if lengths[t] > 1e-9 else (steps[first] if t < first else None)
        if step is not None and (step[0] or step[1]):
            heading = math.atan2(step[1], step[0]) + math.pi / 2
        if rolling_radius:
            turns.append(turn_z(heading) @ euler((travelled[t] / rolling_radius, 0.0, 0.0)))
        else:
            turns.append(turn_z(heading))
    position = np.column_stack([np.round(path_xy, 6), np.full(frames, round(z, 6))])
    return Track(position, np.round(np.stack(turns), 10), np.round(travelled / stride_m * 2, 6))


def circle_path(frames: int, centre: np.ndarray, radius: float, start: float, speed_m: float) -> np.ndarray:
    """(T, 2) positions on a circle, speed_m metres a frame (its sign is the direction)."""
    angles = [start + speed_m / radius * t for t in range(frames)]
    return np.array([[centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)] for a in angles])


def line_path(frames: int, start: np.ndarray, end: np.ndarray, begin: int, finish: int) -> np.ndarray:
    """(T, 2) positions that rest at start until `begin`, glide, and rest at end from `finish` on."""
    when = np.clip((np.arange(frames) - begin) / max(finish - begin, 1), 0, 1)
    return start + when[:, None] * (end - start)


def dropping(frames: int, position: np.ndarray, yaw: float, top_m: float, begin: int, length: int) -> Track:
    """An object that waits above the ceiling and falls to its place from frame `begin` on."""
    track = standing(frames, position, yaw)
    fall = np.clip((np.arange(frames) - begin) / max(length, 1), 0, 1)
    track.position_m[:, 2] = np.round(position[2] + (top_m - position[2]) * (1 - fall * fall), 6)
    return track
