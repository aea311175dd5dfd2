"""A composed room ready to be filmed: all its solids in one list, and each frame on demand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segassets.datasets.rooms import motion
from segassets.datasets.rooms.compose import compose_room
from segassets.datasets.rooms.film import Film, develop, draw_film, expose_for
from segassets.datasets.rooms.objects import describe, part_id
from segassets.datasets.rooms.rays import Light, Placement, World, look_at_frame
from segassets.datasets.rooms.room import Room
from segassets.datasets.rooms.shading import colour_frame
from segassets.datasets.rooms.spec import RoomSpec

# Goes up with every change of what a seed renders; rooms on disk and frozen sets are checked against it.
GENERATOR_VERSION = 1
_MAX_LIGHTS = 5


@dataclass
class RoomFrame:
    """One frame of H x W pixels with N objects in the room.

    Args:
        rgb: (H, W, 3) uint8.
        object_ids: (H, W) int32, 0 = the room itself.
        part_ids: (H, W) int32, 0 = none.
        depth_m: (H, W) float32, metres along the optical axis.
        visible_px: (N,) int32 pixels in which each object is seen.
        silhouette_px: (N,) int32 pixels it would have inside the picture with nothing in front of it.
    """

    rgb: np.ndarray
    object_ids: np.ndarray
    part_ids: np.ndarray
    depth_m: np.ndarray
    visible_px: np.ndarray
    silhouette_px: np.ndarray


class Studio:
    """The room of a spec and a seed. Frames can be asked for in any order; each costs the same.

    Attributes:
        objects: The RoomObjects, ids from 1.
        camera_to_world: (T, 4, 4) float64, OpenCV axes; the world has z up and the floor at 0.
        object_to_world: (T, N, 4, 4) float64.
        intrinsics: fx, fy, cx, cy in pixels, pixel centres at +0.5.
        room_m: Width (x), length (y) and height of the room, centred on the origin.
    """

    def __init__(self, spec: RoomSpec, seed: int) -> None:
        self.spec, self.seed = spec, seed
        self._room = compose_room(spec, np.random.default_rng([seed, GENERATOR_VERSION]))
        self._cast = _Cast(self._room)
        self._world = _build_world(self._room, self._cast, spec)
        self._film: Film | None = None
        pinhole = self._room.pinhole
        self.intrinsics = (pinhole.fx_px, pinhole.fy_px, pinhole.cx_px, pinhole.cy_px)
        self.objects = [describe(thing, number) for number, thing in enumerate(self._room.things, start=1)]
        self.camera_to_world = self._room.poses
        self.object_to_world = _object_poses(self._room)
        self.room_m = self._room.room_m

    def frame(self, t: int, colour: bool = True) -> RoomFrame:
        """Render frame t; without colour only the maps, about five times as fast, and a black picture."""
        pose, pinhole, cast = self._room.poses[t], self._room.pinhole, self._cast
        place = cast.place(t)
        sight = look_at_frame(self._world, place, pose, pinhole)
        rgb = np.zeros((*sight.solid.shape, 3), np.uint8)
        if colour:
            light = colour_frame(self._world, place, pose, pinhole, sight, self.spec.antialias)
            noise = np.random.default_rng([self.seed, GENERATOR_VERSION, 2, t])
            rgb = develop(light, self._exposed_film(t, light), noise, t)
        objects = np.append(cast.object_ids, np.int32(0))[sight.solid]
        return RoomFrame(
            rgb=rgb,
            object_ids=objects,
            part_ids=np.append(cast.part_ids, np.int32(0))[sight.solid],
            depth_m=sight.depth_m,
            visible_px=np.bincount(objects.ravel(), minlength=len(self.objects) + 1)[1:].astype(np.int32),
            silhouette_px=sight.silhouettes.sum((1, 2)).astype(np.int32),
        )

    def _exposed_film(self, t: int, light: np.ndarray) -> Film:
        """The clip's film, exposed for its first frame whichever frame is asked for first."""
        if self._film is None:
            if t:
                pose, pinhole, place = self._room.poses[0], self._room.pinhole, self._cast.place(0)
                sight = look_at_frame(self._world, place, pose, pinhole)
                light = colour_frame(self._world, place, pose, pinhole, sight, self.spec.antialias)
            film = draw_film(self.spec, np.random.default_rng([self.seed, GENERATOR_VERSION, 1]))
            self._film = expose_for(film, light)
        return self._film


class _Cast:
    """All solids of a room in one list, objects first, and where they are in each frame."""

    def __init__(self, room: Room) -> None:
        self.things, self.fixtures = room.things, room.fixtures
        self.owner = [(index, part) for index, thing in enumerate(room.things) for part in thing.plan.solids]
        none = [0] * len(room.fixtures)
        self.object_ids = np.array([index + 1 for index, _ in self.owner] + none, np.int32)
        self.part_ids = np.array([part_id(index + 1, p.part) for index, p in self.owner] + none, np.int32)
        self._rest = [motion.euler(part.angles_rad) for _, part in self.owner]

    def place(self, t: int) -> Placement:
        """Rotations and centres of all solids in frame t."""
        rotation = np.zeros((len(self.object_ids), 3, 3))
        centre = np.zeros((len(self.object_ids), 3))
        for k, fixture in enumerate(self.fixtures, start=len(self.owner)):
            rotation[k], centre[k] = fixture.rotation, fixture.centre_m
        for k, (index, part) in enumerate(self.owner):
            thing = self.things[index]
            turn, middle = self._rest[k], np.asarray(part.centre_m)
            if part.swing is not None and thing.moving:
                angle = part.swing.amplitude_rad * np.sin(thing.track.swing[t] + part.swing.phase_rad)
                bend, pivot = motion.euler((float(angle), 0.0, 0.0)), np.asarray(part.swing.pivot_m)
                turn, middle = bend @ turn, pivot + bend @ (middle - pivot)
            rotation[k] = thing.track.rotation[t] @ turn
            centre[k] = thing.track.position_m[t] + thing.track.rotation[t] @ middle
        return Placement(np.round(rotation, 9), np.round(centre, 9))


def _build_world(room: Room, cast: _Cast, spec: RoomSpec) -> World:
    materials = [room.things[index].look.slots[part.slot] for index, part in cast.owner]
    return World(
        room_m=room.room_m,
        shell=room.shell,
        solids=[part.solid for _, part in cast.owner] + [fixture.solid for fixture in room.fixtures],
        materials=materials + [fixture.material for fixture in room.fixtures],
        object_index=cast.object_ids.astype(np.int64) - 1,
        lights=(room.lights + _lamp_lights(room, cast))[:_MAX_LIGHTS],
        ambient=room.ambient,
        shadows=spec.shadows,
    )


def _lamp_lights(room: Room, cast: _Cast) -> list[Light]:
    """A light inside the shade of every lamp, which shines through that shade."""
    lights = []
    for index, thing in enumerate(room.things):
        if thing.plan.light is None or thing.moving:
            continue
        shade = next(
            k for k, (owner, part) in enumerate(cast.owner) if owner == index and part.slot == "glow"
        )
        position = thing.track.position_m[0] + thing.track.rotation[0] @ np.array(thing.plan.light)
        glow = np.asarray(thing.look.slots["glow"].colours[0]) * 0.5 + 0.25
        lights.append(Light(np.round(position, 6), tuple(np.round(glow, 4).tolist()), shade))
    return lights


def _object_poses(room: Room) -> np.ndarray:
    poses = np.tile(np.eye(4), (len(room.poses), len(room.things), 1, 1))
    for index, thing in enumerate(room.things):
        poses[:, index, :3, :3] = thing.track.rotation
        poses[:, index, :3, 3] = thing.track.position_m
    return poses
