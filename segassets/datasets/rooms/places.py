"""Where there is place in a room: what the camera sees, what is free, what hides what."""

from __future__ import annotations

import math

import numpy as np

from segassets.datasets.rooms import motion
from segassets.datasets.rooms.camera import project, ray_through
from segassets.datasets.rooms.furniture import Blueprint
from segassets.datasets.rooms.room import Room, Thing
from segassets.datasets.rooms.spec import RoomSpec


class Places:
    """Places in a room that is being furnished, drawn from the seed."""

    def __init__(self, spec: RoomSpec, rng: np.random.Generator, room: Room) -> None:
        self.spec, self.rng, self.room = spec, rng, room

    def yaw(self) -> float:
        return float(self.rng.uniform(0, 2 * math.pi))

    def seen_spot(self, frame: int | None = None) -> np.ndarray | None:
        """A place on the floor that the camera sees in some frame, mostly in an early one."""
        pinhole = self.room.pinhole
        last = min(self.spec.frames, 12) if self.rng.random() < 0.8 else self.spec.frames
        t = int(self.rng.integers(last)) if frame is None else frame
        pose = self.room.poses[t]
        for _ in range(10):
            u, v = self.rng.uniform(0.08, 0.92) * pinhole.width, self.rng.uniform(0.4, 1.05) * pinhole.height
            ray = ray_through(pinhole, pose, u, v)
            if ray[2] > -0.02:
                continue
            spot = pose[:2, 3] - ray[:2] / ray[2] * pose[2, 3]
            distance = math.dist(spot, pose[:2, 3])
            if self.spec.distance_m[0] <= distance <= self.spec.distance_m[1] and self.inside(spot, 0.15):
                return np.round(spot, 6)
        return None

    def spot_in_front(self) -> np.ndarray | None:
        """A place on the floor on the way from the camera to an object that is there already."""
        others = [thing for thing in self.room.things if thing.plan.place != "flat"]
        if not others:
            return self.seen_spot()
        target = others[int(self.rng.integers(len(others)))].track.position_m[0, :2]
        camera = self.room.poses[int(self.rng.integers(min(self.spec.frames, 12))), :2, 3]
        spot = camera + (target - camera) * self.rng.uniform(0.45, 0.85) + self.rng.normal(0, 0.05, 2)
        return np.round(spot, 6) if math.dist(spot, camera) >= self.spec.distance_m[0] * 0.8 else None

    def pushed_to_wall(self, spot: np.ndarray, plan: Blueprint) -> tuple[np.ndarray, float]:
        half = np.array(self.room.room_m[:2]) / 2
        gaps = [half[0] - spot[0], half[0] + spot[0], half[1] - spot[1], half[1] + spot[1]]
        wall = int(np.argmin(gaps))
        axis, sign = wall // 2, 1 if wall % 2 == 0 else -1
        moved = spot.copy()
        moved[axis] = sign * (half[axis] - plan.half_m[1] - 0.02)
        return np.round(moved, 6), (-math.pi / 2, math.pi / 2, 0.0, math.pi)[wall]

    def inside(self, spot: np.ndarray, margin: float) -> bool:
        return bool((np.abs(spot) <= np.array(self.room.room_m[:2]) / 2 - margin).all())

    def free(self, spot: np.ndarray, reach: float, rectangle: tuple | None = None) -> bool:
        """Whether a footprint at a spot is in the room, off the camera's path and clear of other things."""
        yaw = rectangle[1] if rectangle else 0.0
        half = np.asarray(rectangle[0] if rectangle else (0.75 * reach, 0.75 * reach))
        corners = corners_of(spot, half, yaw)
        if not (np.abs(corners) <= np.array(self.room.room_m[:2]) / 2).all():
            return False
        gap = np.sqrt(((self.room.poses[:, :2, 3] - spot) ** 2).sum(1)).min()
        if gap < 0.7 * reach + 0.4:
            return False
        for other in self.room.things:
            if other.on_top or other.plan.place in ("wall", "flat"):
                continue
            places = other.track.position_m[
                :: max(1, self.spec.frames // 20) if other.moving else self.spec.frames
            ]
            if np.sqrt(((places[:, :2] - spot) ** 2).sum(1)).min() > reach + other.radius_m:
                continue
            if other.moving or overlap(corners, footprint(other)):
                return False
        return True

    def clear_line(self, start: np.ndarray, end: np.ndarray, reach: float) -> bool:
        return all(self.free(start + (end - start) * share, reach) for share in np.linspace(0, 1, 12))

    def hidden(self, spot: np.ndarray, plan: Blueprint, until: int) -> bool:
        """Whether an object there is outside the picture in every frame up to `until`."""
        pinhole, reach = self.room.pinhole, math.hypot(*plan.half_m) + 0.05
        points = np.array([[spot[0] + a * reach, spot[1] + b * reach, c]
                           for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (0, plan.height_m)])  # fmt: skip
        for pose in self.room.poses[: until + 1]:
            seen = project(points, pose, pinhole)
            ahead = seen[:, 2] > 0
            if (ahead & (np.abs(seen[:, 0] / pinhole.width - 0.5) < 0.55)).any():
                return False
        return True


def corners_of(centre: np.ndarray, half: np.ndarray, yaw: float) -> np.ndarray:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    return corners @ motion.turn_z(yaw)[:2, :2].T + np.asarray(centre)[:2]


def footprint(thing: Thing) -> np.ndarray:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.asarray(thing.plan.half_m)
    return corners @ thing.track.rotation[0, :2, :2].T + thing.track.position_m[0, :2]


def overlap(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether two convex quadrilaterals, corners in order, overlap (separating axes)."""
    for shape in (one, two):
        for k in range(2):
            edge = shape[k + 1] - shape[k]
            axis = np.array([-edge[1], edge[0]])
            a, b = one @ axis, two @ axis
            if a.max() <= b.min() or b.max() <= a.min():
                return False
    return True
