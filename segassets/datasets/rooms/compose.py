"""The layout of a room: which objects stand where, how they move, and what the camera's path leaves free."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from segassets.datasets.rooms import motion
from segassets.datasets.rooms.camera import camera_path, draw_pinhole, ray_through
from segassets.datasets.rooms.captions import size_word
from segassets.datasets.rooms.fixtures import draw_fixtures
from segassets.datasets.rooms.furniture import OBJECT_CATEGORIES, Blueprint, build
from segassets.datasets.rooms.places import Places
from segassets.datasets.rooms.room import Room, Thing
from segassets.datasets.rooms.spec import RoomSpec
from segassets.datasets.rooms.surfaces import Look, draw_lights, draw_look, draw_shell
from segassets.errors import BadConfig

_LARGE = ("table", "chair", "sofa", "bed", "lamp", "shelf", "cabinet", "plant", "stool", "bin")
_HANGING = ("picture", "rug")
_TALL_THINGS = (
    "plant",
    "cylinder",
    "cone",
    "figure",
    "teddy",
    "bin",
    "stool",
    "chair",
    "box",
    "lamp",
    "dog",
    "tower",
)
_WALKING = ("dog", "car", "figure", "sphere", "teddy", "box", "cylinder")
_AGAINST_WALL = ("shelf", "cabinet", "sofa", "bed")
_TRIES = 60


def compose_room(spec: RoomSpec, rng: np.random.Generator) -> Room:
    """Draw a room, the camera's path through it, and objects that it will see."""
    sides = rng.uniform(*spec.room_m, 2)
    room_m = (
        round(float(sides[0]), 3),
        round(float(sides[1]), 3),
        round(float(rng.uniform(*spec.height_m)), 3),
    )
    pinhole = draw_pinhole(spec, rng)
    poses = camera_path(spec, rng, room_m)
    lights, ambient = draw_lights(rng, room_m, spec.lights)
    room = Room(room_m, pinhole, poses, draw_shell(rng), lights, ambient, draw_fixtures(rng, room_m))
    _Furnisher(spec, rng, room).furnish()
    return room


class _Furnisher(Places):
    """Puts objects into a room one by one, larger and standing ones first."""

    def __init__(self, spec: RoomSpec, rng: np.random.Generator, room: Room) -> None:
        super().__init__(spec, rng, room)
        self.allowed = spec.categories or tuple(OBJECT_CATEGORIES.values())
        unknown = sorted(set(self.allowed) - set(OBJECT_CATEGORIES.values()))
        if unknown:
            raise BadConfig(
                f"rooms: unknown object categories {unknown}; known are {sorted(OBJECT_CATEGORIES.values())}"
            )

    def furnish(self) -> None:
        """Draw the number of objects, then their kinds and places."""
        count = int(self.rng.integers(self.spec.objects_min, self.spec.objects_max + 1))
        late = round(count * self.spec.late_fraction)
        moving = min(round(count * self.spec.moving_fraction), count - late)
        standing = count - late - moving
        large = round(standing * float(self.rng.uniform(0.35, 0.6)))
        kinds = ["hanging" if self.rng.random() < 0.2 else "large" for _ in range(large)]
        kinds += ["small"] * (standing - large) + ["moving"] * moving + ["late"] * late
        for kind in kinds:
            self.room.things.append(self._one(kind))

    def _one(self, kind: str) -> Thing:
        for attempt in range(_TRIES):
            thing = getattr(self, f"_{kind}")() if attempt < _TRIES // 2 else self._small()
            if thing is not None:
                return thing
        return self._anything()

    def _anything(self) -> Thing:
        """The last resort of a full room: something small wherever there is a gap."""
        for attempt in range(150):
            limit = np.array(self.room.room_m[:2]) / 2 - 0.2
            planned = self._plan(("sphere", "cylinder", "cup"), 0.985**attempt * 0.8)
            thing = self._standing(planned, self.rng.uniform(-limit, limit), self.yaw())
            if thing is not None:
                return thing
        raise BadConfig(
            f"rooms: no place left for object {len(self.room.things) + 1} in a room of {self.room.room_m} m; "
            "lower objects_max or raise room_m"
        )

    def _pick(self, names: tuple[str, ...]) -> str:
        usable = [name for name in names if name in self.allowed] or list(self.allowed)
        return usable[int(self.rng.integers(len(usable)))]

    def _plan(self, names: tuple[str, ...], factor: float = 1.0) -> tuple[Blueprint, Look, float]:
        scale = round(float(self.rng.choice([0.7, 0.78, 0.9, 1.0, 1.1, 1.3, 1.45])), 3)
        name, colour = self._pick(names), None
        if self.room.things and self.rng.random() < self.spec.distractor_fraction:
            other = self.room.things[int(self.rng.integers(len(self.room.things)))]
            if self.rng.random() < 0.5 and other.plan.category in names:
                name = other.plan.category
            else:
                colour = other.look.colour
        plan = build(name, self.rng, scale * factor)
        return plan, draw_look(plan, self.rng, self.spec.plain_fraction, colour), scale

    # ---- kinds of objects; each returns None where it found no place

    def _hanging(self) -> Thing | None:
        planned = self._plan(_HANGING)
        if planned[0].place == "wall":
            return self._on_wall(planned)
        spot = self.seen_spot()
        if planned[0].place != "flat" or spot is None:
            return None
        rugs = [thing for thing in self.room.things if thing.plan.place == "flat"]
        reach = math.hypot(*planned[0].half_m)
        if not self.inside(spot, reach * 0.8) or any(
            math.dist(spot, thing.track.position_m[0, :2]) < reach + thing.radius_m for thing in rugs
        ):
            return None
        return self._thing(planned, motion.standing(self.spec.frames, [*spot, 0.0], self.yaw()))

    def _large(self) -> Thing | None:
        planned = self._plan(_LARGE)
        spot = self.spot_in_front() if self.rng.random() < self.spec.occlusion_fraction else self.seen_spot()
        if spot is None:
            return None
        yaw = self.yaw()
        if planned[0].category in _AGAINST_WALL and self.rng.random() < 0.6:
            spot, yaw = self.pushed_to_wall(spot, planned[0])
        return self._standing(planned, spot, yaw)

    def _small(self) -> Thing | None:
        in_front = self.rng.random() < self.spec.occlusion_fraction
        names = _TALL_THINGS if in_front else tuple(_less(OBJECT_CATEGORIES.values(), _LARGE, _HANGING))
        planned = self._plan(names, 1.4 if in_front else 1.25)
        if planned[0].place in ("wall", "flat"):
            return None
        if not in_front and self.rng.random() < 0.6:
            return self._on_support(planned)
        spot = self.spot_in_front() if in_front else self.seen_spot()
        return None if spot is None else self._standing(planned, spot, self.yaw())

    def _moving(self) -> Thing | None:
        planned = self._plan(_WALKING, 1.2)
        plan, frames = planned[0], self.spec.frames
        spot = self.seen_spot()
        if spot is None or plan.place in ("wall", "flat"):
            return None
        speed = self.rng.uniform(*self.spec.object_speed_m) * self.rng.choice([-1, 1])
        if self.rng.random() < 0.2 and self.free(spot, math.hypot(*plan.half_m)):
            rate = float(self.rng.uniform(0.05, 0.25)) * self.rng.choice([-1, 1])
            bob = float(self.rng.uniform(0, 0.15))
            track = motion.turning(frames, [*spot, 0.0], self.yaw(), rate, bob)
        else:
            radius = float(self.rng.uniform(0.25, 1.3))
            path = motion.circle_path(frames, spot, radius, float(self.rng.uniform(0, 6.28)), speed)
            if not all(self.free(point, math.hypot(*plan.half_m)) for point in path[:: max(1, frames // 40)]):
                return None
            track = motion.along(path, 0.0, plan.half_m[0] if plan.rolls else 0.0)
        return self._thing(planned, track, moving=True)

    def _late(self) -> Thing | None:
        """An object that comes in: along the floor from outside the view, or from above."""
        frames = self.spec.frames
        planned = self._plan(_WALKING if self.rng.random() < 0.7 else _TALL_THINGS, 1.2)
        plan, reach = planned[0], math.hypot(*planned[0].half_m)
        if frames < 2 or plan.place in ("wall", "flat"):
            return None
        begin = 1 + int(self.rng.integers(0, max(1, min(frames // 2, 12))))
        length = int(self.rng.integers(3, 10))
        end = self.seen_spot(min(begin + length, frames - 1))
        if end is None or not self.free(end, reach):
            return None
        for _ in range(8):
            limit = np.array(self.room.room_m[:2]) / 2 - reach - 0.05
            if (limit <= 0).any():
                break
            start = self.rng.uniform(-limit, limit)
            if self.hidden(start, plan, begin) and self.clear_line(start, end, reach):
                path = motion.line_path(frames, start, end, begin, begin + length)
                track = motion.along(path, 0.0, plan.half_m[0] if plan.rolls else 0.0)
                return self._thing(planned, track, moving=True, arrives=begin)
        top = self.room.room_m[2] + 0.1
        track = motion.dropping(frames, np.array([*end, 0.0]), self.yaw(), top, begin, length)
        return self._thing(planned, track, moving=True, arrives=begin)

    # ---- places that are not on the floor, and what stands in a place

    def _on_wall(self, planned: tuple[Blueprint, Look, float]) -> Thing | None:
        plan, room = planned[0], self.room
        pose = room.poses[int(self.rng.integers(min(self.spec.frames, 12)))]
        u = self.rng.uniform(0.05, 0.95) * room.pinhole.width
        ray = ray_through(room.pinhole, pose, u, room.pinhole.cy_px)
        half = np.array(room.room_m[:2]) / 2
        gaps = [
            ((half[axis] if ray[axis] > 0 else -half[axis]) - pose[axis, 3]) / ray[axis]
            if abs(ray[axis]) > 1e-9 else math.inf
            for axis in (0, 1)
        ]  # fmt: skip
        axis = int(np.argmin(gaps))
        spot = pose[:2, 3] + gaps[axis] * ray[:2]
        sign = 1 if ray[axis] > 0 else -1
        if (
            abs(spot[1 - axis]) > half[1 - axis] - plan.half_m[0] - 0.05
            or plan.height_m > room.room_m[2] - 1.2
        ):
            return None
        spot[axis] = sign * (half[axis] - 0.031)
        z = float(self.rng.uniform(0.9, room.room_m[2] - plan.height_m - 0.1))
        yaw = [(-math.pi / 2, math.pi / 2), (0.0, math.pi)][axis][0 if sign > 0 else 1]
        centre = np.array([*spot, z])
        for other in room.things:
            gap = math.dist(other.track.position_m[0, :2], spot)
            if other.plan.place == "wall" and gap < plan.half_m[0] + other.plan.half_m[0] + 0.05:
                return None
        return self._thing(planned, motion.standing(self.spec.frames, centre, yaw))

    def _on_support(self, planned: tuple[Blueprint, Look, float]) -> Thing | None:
        """Something small on a table, a board, a seat."""
        plan = planned[0]
        reach = math.hypot(*plan.half_m)
        carriers = [t for t in self.room.things if t.plan.supports and not t.moving and not t.on_top]
        if not carriers or plan.place != "top":
            return None
        carrier = carriers[int(self.rng.integers(len(carriers)))]
        x, y, z, half_x, half_y, clear = carrier.plan.supports[
            int(self.rng.integers(len(carrier.plan.supports)))
        ]
        if plan.height_m > clear or reach > 1.15 * min(half_x, half_y) + 0.05:
            return None
        local = np.array([x + self.rng.uniform(-1, 1) * max(half_x - reach, 0),
                          y + self.rng.uniform(-1, 1) * max(half_y - reach, 0), z])  # fmt: skip
        centre = carrier.track.position_m[0] + carrier.track.rotation[0] @ local
        for other in self.room.things:
            beside = math.dist(other.track.position_m[0, :2], centre[:2]) > reach + other.radius_m
            if other.on_top and abs(other.track.position_m[0, 2] - centre[2]) < 0.2 and not beside:
                return None
        track = motion.standing(self.spec.frames, centre, self.yaw())
        return self._thing(planned, track, on_top=True)

    def _standing(self, planned: tuple[Blueprint, Look, float], spot: np.ndarray, yaw: float) -> Thing | None:
        plan = planned[0]
        if not self.free(spot, math.hypot(*plan.half_m), (plan.half_m, yaw)):
            return None
        return self._thing(planned, motion.standing(self.spec.frames, [*spot, 0.0], yaw))

    def _thing(self, planned: tuple[Blueprint, Look, float], track: motion.Track, **more: Any) -> Thing:
        plan, look, scale = planned
        return Thing(plan, look, scale, size_word(scale), track, radius_m=math.hypot(*plan.half_m), **more)


def _less(names: Iterable[str], *without: tuple[str, ...]) -> list[str]:
    """Names in their order, less those in any of the tuples."""
    left_out = {name for group in without for name in group}
    return [name for name in names if name not in left_out]
