"""Casting rays into a room: which solid each one meets first, and at which depth.

Each solid is tested only against the pixels of its bounding box on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segassets.datasets.rooms.camera import Pinhole
from segassets.datasets.rooms.primitives import MISS, Solid, Triple, entry_distance
from segassets.datasets.rooms.textures import Material

_F = np.float32
_NEAR_M = 0.05
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)


@dataclass
class Light:
    """A point light; `skip` is the index of the solid it shines through (a lamp's shade), or -1."""

    position_m: np.ndarray
    colour: Triple
    skip: int = -1


@dataclass
class World:
    """What does not change from frame to frame.

    Args:
        room_m: Width, length and height; the floor is centred on the origin.
        shell: Materials of the walls at -x, +x, -y, +y, the floor and the ceiling.
        solids: All solids; object_index and material run in parallel.
        object_index: (P,) from 0; -1 for what belongs to the room and casts no shadow.
        ambient: Colours of the light from below and from above.
    """

    room_m: Triple
    shell: list[Material]
    solids: list[Solid]
    materials: list[Material]
    object_index: np.ndarray
    lights: list[Light]
    ambient: tuple[Triple, Triple]
    shadows: bool = True


@dataclass
class Placement:
    """Where the solids are in one frame: (P, 3, 3) solid to world and (P, 3) centres, in metres."""

    rotation: np.ndarray
    centre_m: np.ndarray


@dataclass
class Sight:
    """What one ray per pixel meets.

    Args:
        solid: (H, W) int32 index of the solid, -1 for the shell.
        depth_m: (H, W) float32.
        silhouettes: (objects, H, W) bool, each object as if it were alone in an empty room.
    """

    solid: np.ndarray
    depth_m: np.ndarray
    silhouettes: np.ndarray


def look_at_frame(world: World, place: Placement, pose: np.ndarray, pinhole: Pinhole) -> Sight:
    """One ray through the centre of every pixel."""
    height, width = pinhole.height, pinhole.width
    dx = ((np.arange(width) + 0.5 - pinhole.cx_px) / pinhole.fx_px).astype(_F)[None]
    dy = ((np.arange(height) + 0.5 - pinhole.cy_px) / pinhole.fy_px).astype(_F)[:, None]
    full = (height, width)
    depth, _ = shell_exit(world, pose, np.broadcast_to(dx, full), np.broadcast_to(dy, full))
    shell_depth = depth.copy()
    solid = np.full((height, width), -1, np.int32)
    objects = int(world.object_index.max(initial=-1)) + 1
    silhouettes = np.zeros((objects, height, width), bool)
    for index, (x0, x1, y0, y1) in screen_boxes(world, place, pose, pinhole):
        rows, columns = slice(y0, y1), slice(x0, x1)
        t = hit_solid(world, place, pose, index, dx[:, columns], dy[rows])
        if world.object_index[index] >= 0:
            silhouettes[world.object_index[index], rows, columns] |= t < shell_depth[rows, columns]
        nearer = t < depth[rows, columns]
        np.copyto(depth[rows, columns], t, where=nearer)
        np.copyto(solid[rows, columns], np.int32(index), where=nearer)
    return Sight(solid, depth, silhouettes)


def cast_rays(
    world: World, place: Placement, pose: np.ndarray, pinhole: Pinhole, u: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solid index and depth of rays through any pixel positions ((N,) arrays)."""
    dx, dy = (u - _F(pinhole.cx_px)) / _F(pinhole.fx_px), (v - _F(pinhole.cy_px)) / _F(pinhole.fy_px)
    depth, _ = shell_exit(world, pose, dx, dy)
    solid = np.full(u.shape, -1, np.int32)
    for index, (x0, x1, y0, y1) in screen_boxes(world, place, pose, pinhole):
        near = np.flatnonzero((u >= x0) & (u < x1) & (v >= y0) & (v < y1))
        if not len(near):
            continue
        t = hit_solid(world, place, pose, index, dx[near], dy[near])
        nearer = t < depth[near]
        depth[near[nearer]] = t[nearer]
        solid[near[nearer]] = index
    return solid, depth


def hit_solid(
    world: World, place: Placement, pose: np.ndarray, index: int, dx: np.ndarray, dy: np.ndarray
) -> np.ndarray:
    matrix = np.round(place.rotation[index].T @ pose[:3, :3], 9).astype(_F)
    origin = np.round(place.rotation[index].T @ (pose[:3, 3] - place.centre_m[index]), 9)
    direction = tuple(row[0] * dx + (row[1] * dy + row[2]) for row in matrix)
    t = entry_distance(world.solids[index], origin, direction)
    return np.where(t > _F(_NEAR_M), t, MISS)


def screen_boxes(
    world: World, place: Placement, pose: np.ndarray, pinhole: Pinhole
) -> list[tuple[int, tuple[int, int, int, int]]]:
    """(index, (x0, x1, y0, y1)) of every solid that may be in the picture, x1 and y1 exclusive."""
    if not world.solids:
        return []
    half = np.array([solid.half_m for solid in world.solids])
    corners = _CORNERS[None] * half[:, None]
    corners = np.einsum("pij,pcj->pci", place.rotation, corners) + place.centre_m[:, None]
    local = (corners - pose[:3, 3]) @ pose[:3, :3]
    z = np.maximum(local[..., 2], 1e-6)
    u = pinhole.fx_px * local[..., 0] / z + pinhole.cx_px
    v = pinhole.fy_px * local[..., 1] / z + pinhole.cy_px
    behind = local[..., 2] <= _NEAR_M
    boxes = []
    for index in range(len(world.solids)):
        if behind[index].all():
            continue
        box = (0, pinhole.width, 0, pinhole.height)
        if not behind[index].any():
            x0, x1 = max(int(u[index].min()) - 1, 0), min(int(u[index].max()) + 2, pinhole.width)
            y0, y1 = max(int(v[index].min()) - 1, 0), min(int(v[index].max()) + 2, pinhole.height)
            if x0 >= x1 or y0 >= y1 or u[index].max() < 0 or v[index].max() < 0:
                continue
            box = (x0, x1, y0, y1)
        boxes.append((index, box))
    return boxes


def shell_exit(
    world: World, pose: np.ndarray, dx: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Depth at which rays leave the room and the face (0..5: -x, +x, -y, +y, floor, ceiling)."""
    rotation = pose[:3, :3].astype(_F)
    low = np.array([-world.room_m[0] / 2, -world.room_m[1] / 2, 0.0])
    high = np.array([world.room_m[0] / 2, world.room_m[1] / 2, world.room_m[2]])
    depth, face = np.full(dx.shape, MISS), np.zeros(dx.shape, np.int8)
    for axis in range(3):
        d = rotation[axis, 0] * dx + (rotation[axis, 1] * dy + rotation[axis, 2])
        d = np.where(np.abs(d) < _F(1e-9), _F(1e-9), d)
        outward = np.where(d > 0, _F(high[axis] - pose[axis, 3]), _F(low[axis] - pose[axis, 3]))
        t, side = outward / d, (2 * axis + (d > 0)).astype(np.int8)
        face = np.where(t < depth, side, face)
        depth = np.minimum(depth, t)
    return depth, face
