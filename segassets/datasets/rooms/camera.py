"""Camera paths through a room: smooth turning and travel with a slight shake, and the pinhole."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segassets.datasets.rooms.primitives import Triple
from segassets.datasets.rooms.spec import RoomSpec

WALL_CLEARANCE_M = 0.35
# Trigonometric functions may differ in the last bit between machines; rounded, poses do not.
_DECIMALS = 10


@dataclass(frozen=True)
class Pinhole:
    """Intrinsics in pixels, pixel centres at +0.5."""

    height: int
    width: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float


def draw_pinhole(spec: RoomSpec, rng: np.random.Generator) -> Pinhole:
    """A pinhole with square pixels and a field of view from the spec."""
    height, width = spec.size_px
    fov = math.radians(rng.uniform(*spec.fov_deg))
    focal = round(width / 2 / math.tan(fov / 2), 4)
    return Pinhole(height, width, focal, focal, width / 2, height / 2)


def look(position: np.ndarray, yaw: float, pitch: float, roll: float = 0.0) -> np.ndarray:
    """(4, 4) camera-to-world pose (x right, y down, z forward) in a world with z up.

    Args:
        position: (3,) metres.
        yaw: Heading in radians, from +x towards +y.
        pitch: Radians above the horizon.
        roll: Radians about the optical axis.
    """
    forward = np.array(
        [math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw), math.sin(pitch)], float
    )
    right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    down = np.cross(forward, right)
    c, s = math.cos(roll), math.sin(roll)
    pose = np.eye(4)
    pose[:3, 0] = c * right + s * down
    pose[:3, 1] = c * down - s * right
    pose[:3, 2] = forward
    pose[:3, 3] = position
    return np.round(pose, _DECIMALS)


def camera_path(spec: RoomSpec, rng: np.random.Generator, room_m: Triple) -> np.ndarray:
    """(T, 4, 4) camera-to-world poses within a room centred on the origin with its floor at z = 0."""
    mode = spec.camera_modes[int(rng.integers(len(spec.camera_modes)))]
    limit = np.array(room_m[:2]) / 2 - WALL_CLEARANCE_M
    turn = math.radians(rng.uniform(*spec.turn_deg)) * rng.choice([-1.0, 1.0])
    travel = rng.uniform(*spec.travel_m)
    swing = math.radians(rng.uniform(40, 75))
    phase = rng.uniform(-0.4, 0.4)
    height = rng.uniform(0.9, min(1.9, room_m[2] - 0.5))
    start = rng.uniform(0, 2 * math.pi)
    stand = np.array([math.cos(start), math.sin(start)]) * limit * rng.uniform(0.75, 1.0)
    pivot = rng.uniform(-0.5, 0.5, 2)
    aim_height = rng.uniform(0.3, 0.7)
    drift_yaw = start + math.pi + rng.uniform(-1.3, 1.3)
    shake = [(rng.uniform(0.15, 1.1), rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 1.0)) for _ in range(9)]
    roll = rng.normal(0, 0.03)
    poses = np.empty((spec.frames, 4, 4))
    for t in range(spec.frames):
        angle = swing * math.sin(turn / swing * t + phase)
        reach = min(1.2, travel * max(spec.frames, 2) / 2) or 1e-6
        step = reach * math.sin(travel / reach * t - 0.7)
        spot, aim, extra = stand, pivot, 0.0
        if mode == "orbit":
            spot = pivot + _rotated(stand - pivot, angle)
        elif mode == "dolly":
            spot = stand + step * np.array([math.cos(drift_yaw), math.sin(drift_yaw)])
        elif mode == "pan":
            spot = stand + 0.3 * step * np.array([math.cos(drift_yaw), math.sin(drift_yaw)])
            extra = angle * 0.8
        else:
            spot = stand + 0.6 * step * np.array([math.cos(drift_yaw + angle), math.sin(drift_yaw + angle)])
            extra = 0.35 * angle
        spot = np.clip(spot, -limit, limit)
        wave = [sum(a * math.sin(f * t + p) for f, p, a in shake[3 * k : 3 * k + 3]) / 2 for k in range(3)]
        jitter = math.radians(spec.jitter_deg)
        rise = height + 0.03 * min(spec.jitter_deg / 0.35, 1.0) * wave[2]
        yaw = math.atan2(aim[1] - spot[1], aim[0] - spot[0]) + extra + jitter * wave[0]
        pitch = math.atan2(aim_height - rise, max(float(np.hypot(*(aim - spot))), 0.8)) + jitter * wave[1]
        poses[t] = look(np.array([spot[0], spot[1], rise]), yaw, pitch, roll + 0.5 * jitter * wave[2])
    return poses


def _rotated(vector: np.ndarray, angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([c * vector[0] - s * vector[1], s * vector[0] + c * vector[1]])


def project(points: np.ndarray, pose: np.ndarray, pinhole: Pinhole) -> np.ndarray:
    """(N, 3) world points -> (N, 3): u, v in pixels, depth in metres (no meaning where depth <= 0)."""
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    z = local[:, 2]
    safe = np.where(np.abs(z) < 1e-9, 1e-9, z)
    u = pinhole.fx_px * local[:, 0] / safe + pinhole.cx_px
    v = pinhole.fy_px * local[:, 1] / safe + pinhole.cy_px
    return np.stack([u, v, z], 1)


def ray_through(pinhole: Pinhole, pose: np.ndarray, u: float, v: float) -> np.ndarray:
    """(3,) world direction of the ray through a pixel position, of depth 1."""
    local = np.array([(u - pinhole.cx_px) / pinhole.fx_px, (v - pinhole.cy_px) / pinhole.fy_px, 1.0])
    return pose[:3, :3] @ local
