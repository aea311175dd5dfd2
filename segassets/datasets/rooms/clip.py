"""A generated room as arrays: `generate_room(spec, seed)` gives pictures, exact masks, depth, poses and words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from segassets.datasets.rooms import motion
from segassets.datasets.rooms.captions import caption
from segassets.datasets.rooms.compose import Room, Thing, compose_room
from segassets.datasets.rooms.film import develop, draw_film
from segassets.datasets.rooms.furniture import CATEGORIES, CATEGORY_IDS, PART_CATEGORY_IDS
from segassets.datasets.rooms.render import Light, Placement, Sight, World, colour_frame, look_at_frame
from segassets.datasets.rooms.spec import RoomSpec

GENERATOR_VERSION = 1
PARTS_PER_OBJECT = 1000


@dataclass(frozen=True)
class RoomPart:
    """A part of an object; its id is 1000 * object_id + its number from 1."""

    part_id: int
    object_id: int
    category_id: int
    name: str


@dataclass(frozen=True)
class RoomObject:
    """An object of a room.

    Args:
        object_id: From 1; the value in `object_ids` and its track id.
        caption: What a person would call it, for example "the small red striped sphere".
        size: "small", "large" or "" (usual for its category).
        colour, pattern, shape: Words; pattern is "plain" where there is none.
        moving: Whether it moves by itself in some frame.
        arrives: Frame from which it comes into the room; 0 where it was there from the start.
        box_half_m: (3,) half extents of its oriented box in its own frame (see `object_to_world`).
        box_centre_m: (3,) centre of that box in its own frame.
    """

    object_id: int
    category_id: int
    name: str
    caption: str
    size: str
    colour: str
    shape: str
    pattern: str
    moving: bool
    arrives: int
    box_half_m: tuple[float, float, float]
    box_centre_m: tuple[float, float, float]
    parts: tuple[RoomPart, ...] = ()


@dataclass
class RoomClip:
    """A room seen by a moving camera. T frames of H x W pixels, N objects.

    Args:
        rgb: (T, H, W, 3) uint8.
        object_ids: (T, H, W) int32, 0 = walls, floor and ceiling.
        part_ids: (T, H, W) int32, 0 = none.
        depth_m: (T, H, W) float32, metres along the optical axis; every pixel is valid.
        camera_to_world: (T, 4, 4) float64, OpenCV axes; the world has z up and the floor at 0.
        intrinsics: fx, fy, cx, cy in pixels, pixel centres at +0.5.
        object_to_world: (T, N, 4, 4) float64 object poses.
        visible_px: (T, N) int32 pixels in which each object is seen.
        silhouette_px: (T, N) int32 pixels it would have inside the picture with nothing in front of it.
    """

    spec: RoomSpec
    seed: int
    rgb: np.ndarray
    object_ids: np.ndarray
    part_ids: np.ndarray
    depth_m: np.ndarray
    camera_to_world: np.ndarray
    intrinsics: tuple[float, float, float, float]
    objects: list[RoomObject]
    object_to_world: np.ndarray
    visible_px: np.ndarray
    silhouette_px: np.ndarray
    room_m: tuple[float, float, float]
    categories: dict[int, str] = field(default_factory=lambda: dict(CATEGORIES))

    @property
    def visibility(self) -> np.ndarray:
        """(T, N) share of each object's silhouette in the picture that nothing hides; nan where it has none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.silhouette_px > 0, self.visible_px / self.silhouette_px, np.nan)


def generate_room(spec: RoomSpec, seed: int) -> RoomClip:
    """Render the room of a seed; the same spec and seed give the same arrays to the bit."""
    room = compose_room(spec, np.random.default_rng([seed, GENERATOR_VERSION]))
    objects = [_describe(thing, number) for number, thing in enumerate(room.things, start=1)]
    world, layout = _build_world(room, spec)
    frames, (height, width), count = spec.frames, spec.size_px, len(objects)
    clip = RoomClip(
        spec=spec, seed=seed, rgb=np.zeros((frames, height, width, 3), np.uint8),
        object_ids=np.zeros((frames, height, width), np.int32),
        part_ids=np.zeros((frames, height, width), np.int32),
        depth_m=np.zeros((frames, height, width), np.float32), camera_to_world=room.poses,
        intrinsics=(room.pinhole.fx_px, room.pinhole.fy_px, room.pinhole.cx_px, room.pinhole.cy_px),
        objects=objects, object_to_world=_object_poses(room),
        visible_px=np.zeros((frames, count), np.int32), silhouette_px=np.zeros((frames, count), np.int32),
        room_m=room.room_m,
    )  # fmt: skip
    film = draw_film(spec, np.random.default_rng([seed, GENERATOR_VERSION, 1]))
    for t in range(frames):
        place = layout.place(t)
        sight = look_at_frame(world, place, room.poses[t], room.pinhole)
        light = colour_frame(world, place, room.poses[t], room.pinhole, sight, spec.antialias)
        clip.rgb[t] = develop(light, film, np.random.default_rng([seed, GENERATOR_VERSION, 2, t]), t)
        _store_ids(clip, t, sight, layout)
    return clip


def _store_ids(clip: RoomClip, t: int, sight: Sight, layout: _Layout) -> None:
    objects = np.append(layout.object_ids, 0)[sight.solid]
    clip.object_ids[t] = objects
    clip.part_ids[t] = np.append(layout.part_ids, 0)[sight.solid]
    clip.depth_m[t] = sight.depth_m
    count = len(clip.objects)
    clip.visible_px[t] = np.bincount(objects.ravel(), minlength=count + 1)[1:]
    clip.silhouette_px[t] = sight.silhouettes.sum((1, 2))


def _describe(thing: Thing, number: int) -> RoomObject:
    plan, look = thing.plan, thing.look
    parts = tuple(
        RoomPart(PARTS_PER_OBJECT * number + k, number, PART_CATEGORY_IDS[name], name)
        for k, name in enumerate(plan.parts, start=1)
    )
    low, high = _extent(thing)
    half, centre = (tuple(float(v) for v in np.round(x, 5)) for x in ((high - low) / 2, (high + low) / 2))
    return RoomObject(
        object_id=number, category_id=CATEGORY_IDS[plan.category], name=plan.category,
        caption=caption(plan.category, thing.size, look.colour, look.pattern), size=thing.size,
        colour=look.colour, shape=plan.shape, pattern=look.pattern, moving=thing.moving, arrives=thing.arrives,
        box_half_m=half, box_centre_m=centre, parts=parts,
    )  # fmt: skip


def _extent(thing: Thing) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the box, along the object's own axes, around all its solids at rest."""
    lows, highs = [], []
    for part in thing.plan.solids:
        rotation = motion.euler(part.angles_rad)
        half = np.asarray(part.solid.half_m)
        if part.solid.kind == "ellipsoid":
            reach = np.sqrt(((rotation * half) ** 2).sum(1))
        elif part.solid.kind == "frustum":
            wide = max(part.solid.taper)
            reach = np.sqrt(((rotation[:, :2] * half[:2] * wide) ** 2).sum(1)) + np.abs(
                rotation[:, 2] * half[2]
            )
        else:
            reach = np.abs(rotation * half).sum(1)
        lows.append(np.asarray(part.centre_m) - reach)
        highs.append(np.asarray(part.centre_m) + reach)
    return np.min(lows, 0), np.max(highs, 0)


def _object_poses(room: Room) -> np.ndarray:
    frames = len(room.poses)
    poses = np.tile(np.eye(4), (frames, len(room.things), 1, 1))
    for index, thing in enumerate(room.things):
        poses[:, index, :3, :3] = thing.track.rotation
        poses[:, index, :3, 3] = thing.track.position_m
    return poses


class _Layout:
    """All solids of a room in one list, and where they are in each frame."""

    def __init__(self, room: Room) -> None:
        self.things = room.things
        self.owner = [(index, part) for index, thing in enumerate(room.things) for part in thing.plan.solids]
        self.fixtures = room.fixtures
        none = [0] * len(room.fixtures)
        self.object_ids = np.array([index + 1 for index, _ in self.owner] + none, np.int32)
        parts = [PARTS_PER_OBJECT * (index + 1) + part.part + 1 for index, part in self.owner]
        self.part_ids = np.array(parts + none, np.int32)
        self.rest = [motion.euler(part.angles_rad) for _, part in self.owner]

    def place(self, t: int) -> Placement:
        """Rotations and centres of all solids in frame t."""
        rotation = np.zeros((len(self.object_ids), 3, 3))
        centre = np.zeros((len(self.object_ids), 3))
        for k, fixture in enumerate(self.fixtures, start=len(self.owner)):
            rotation[k], centre[k] = fixture.rotation, fixture.centre_m
        for k, (index, part) in enumerate(self.owner):
            track = self.things[index].track
            turn, middle = self.rest[k], np.asarray(part.centre_m)
            if part.swing is not None and self.things[index].moving:
                angle = part.swing.amplitude_rad * np.sin(track.swing[t] + part.swing.phase_rad)
                bend, pivot = motion.euler((float(angle), 0.0, 0.0)), np.asarray(part.swing.pivot_m)
                turn, middle = bend @ turn, pivot + bend @ (middle - pivot)
            rotation[k] = track.rotation[t] @ turn
            centre[k] = track.position_m[t] + track.rotation[t] @ middle
        return Placement(np.round(rotation, 9), np.round(centre, 9))


def _build_world(room: Room, spec: RoomSpec) -> tuple[World, _Layout]:
    layout = _Layout(room)
    materials = [room.things[index].look.slots[part.slot] for index, part in layout.owner]
    materials += [fixture.material for fixture in room.fixtures]
    lights = list(room.lights)
    for index, thing in enumerate(room.things):
        if thing.plan.light is None or thing.moving:
            continue
        skip = next(
            k for k, (owner, part) in enumerate(layout.owner) if owner == index and part.slot == "glow"
        )
        position = thing.track.position_m[0] + thing.track.rotation[0] @ np.array(thing.plan.light)
        glow = np.asarray(thing.look.slots["glow"].colours[0]) * 0.5 + 0.25
        lights.append(Light(np.round(position, 6), tuple(float(v) for v in np.round(glow, 4)), skip))
    owners = layout.object_ids.astype(np.int64) - 1
    solids = [part.solid for _, part in layout.owner] + [fixture.solid for fixture in room.fixtures]
    world = World(room.room_m, room.shell, solids, materials, owners, lights[:5], room.ambient, spec.shadows)
    return world, layout
