"""What a room tells about its objects: ids, words, boxes and parts, as they are written to scene.json."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segassets.datasets.rooms import motion
from segassets.datasets.rooms.captions import caption
from segassets.datasets.rooms.furniture import CATEGORY_IDS, PART_CATEGORY_IDS, PartSolid
from segassets.datasets.rooms.primitives import Triple
from segassets.datasets.rooms.room import Thing

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
    box_half_m: Triple
    box_centre_m: Triple
    parts: tuple[RoomPart, ...] = ()


def part_id(object_id: int, index: int) -> int:
    """Id of an object's part, index from 0."""
    return PARTS_PER_OBJECT * object_id + index + 1


def describe(thing: Thing, object_id: int) -> RoomObject:
    """The record of a thing."""
    plan, look = thing.plan, thing.look
    low, high = extent(plan.solids)
    half, centre = (np.round(box, 5).tolist() for box in ((high - low) / 2, (high + low) / 2))
    parts = tuple(
        RoomPart(part_id(object_id, index), object_id, PART_CATEGORY_IDS[name], name)
        for index, name in enumerate(plan.parts)
    )
    return RoomObject(
        object_id=object_id,
        category_id=CATEGORY_IDS[plan.category],
        name=plan.category,
        caption=caption(plan.category, thing.size, look.colour, look.pattern),
        size=thing.size,
        colour=look.colour,
        shape=plan.shape,
        pattern=look.pattern,
        moving=thing.moving,
        arrives=thing.arrives,
        box_half_m=tuple(half),
        box_centre_m=tuple(centre),
        parts=parts,
    )


def extent(solids: list[PartSolid]) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the box, along the object's own axes, around all its solids at rest."""
    reaches = np.array([_reach(part) for part in solids])
    centres = np.array([part.centre_m for part in solids])
    return (centres - reaches).min(0), (centres + reaches).max(0)


def _reach(part: PartSolid) -> np.ndarray:
    """(3,) half extents along the object's axes of one turned solid."""
    rotation, half = motion.euler(part.angles_rad), np.asarray(part.solid.half_m)
    if part.solid.kind == "ellipsoid":
        return np.sqrt(((rotation * half) ** 2).sum(1))
    if part.solid.kind == "frustum":
        wide = np.sqrt(((rotation[:, :2] * half[:2] * max(part.solid.taper)) ** 2).sum(1))
        return wide + np.abs(rotation[:, 2] * half[2])
    return np.abs(rotation * half).sum(1)
