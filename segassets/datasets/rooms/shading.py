"""The colour of what rays meet: textures, light, highlights, and finer sampling where neighbours differ."""

from __future__ import annotations

import numpy as np

from segassets.datasets.rooms.camera import Pinhole
from segassets.datasets.rooms.primitives import Vec3, surface_normal
from segassets.datasets.rooms.rays import Placement, Sight, World, cast_rays, shell_exit
from segassets.datasets.rooms.shadows import cast_shadows
from segassets.datasets.rooms.textures import Material, albedo

_F = np.float32
# Neighbouring pixels whose grey values (0..1) differ by more than this get four colour samples.
_EDGE = 0.06
_NEXT_ROW = (np.s_[1:], np.s_[:-1])
_NEXT_COLUMN = (np.s_[:, 1:], np.s_[:, :-1])
_SUBPIXEL = ((-0.25, -0.125), (0.125, -0.25), (0.25, 0.125), (-0.125, 0.25))


def colour_frame(
    world: World, place: Placement, pose: np.ndarray, pinhole: Pinhole, sight: Sight, antialias: bool
) -> np.ndarray:
    """(H, W, 3) float32 linear light of a frame, with four samples in pixels that differ from a neighbour."""
    height, width = sight.solid.shape
    v, u = np.divmod(np.arange(height * width, dtype=np.int32), np.int32(width))
    u, v = u.astype(_F) + _F(0.5), v.astype(_F) + _F(0.5)
    light = _shade(world, place, pose, pinhole, u, v, sight.solid.ravel(), sight.depth_m.ravel())
    picture = np.stack(light, -1).reshape(height, width, 3)
    if not antialias:
        return picture
    edge = np.flatnonzero(_edges(picture, sight.solid))
    fine_u = np.concatenate([u[edge] + _F(du) for du, _ in _SUBPIXEL])
    fine_v = np.concatenate([v[edge] + _F(dv) for _, dv in _SUBPIXEL])
    solid, depth = cast_rays(world, place, pose, pinhole, fine_u, fine_v)
    samples = np.stack(_shade(world, place, pose, pinhole, fine_u, fine_v, solid, depth), -1)
    one, two, three, four = np.minimum(samples, _F(4)).reshape(4, len(edge), 3)
    picture.reshape(-1, 3)[edge] = (one + two + three + four) * _F(0.25)
    return picture


def _edges(picture: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels that differ from the next one in a row or a column by solid or by grey value."""
    grey = np.sqrt(np.clip(picture[..., 1], 0, 1))
    edge = np.zeros(grey.shape, bool)
    for ahead, behind in (_NEXT_ROW, _NEXT_COLUMN):
        differs = (solid[ahead] != solid[behind]) | (np.abs(grey[ahead] - grey[behind]) > _F(_EDGE))
        edge[ahead] |= differs
        edge[behind] |= differs
    return edge


def _shade(
    world: World, place: Placement, pose: np.ndarray, pinhole: Pinhole,
    u: np.ndarray, v: np.ndarray, solid: np.ndarray, depth: np.ndarray,
) -> Vec3:  # fmt: skip
    """Linear light at (N,) pixel positions that see `solid` at `depth`."""
    dx, dy = (u - _F(pinhole.cx_px)) / _F(pinhole.fx_px), (v - _F(pinhole.cy_px)) / _F(pinhole.fy_px)
    rotation, eye = pose[:3, :3].astype(_F), pose[:3, 3].astype(_F)
    view = tuple(row[0] * dx + (row[1] * dy + row[2]) for row in rotation)
    point = tuple(eye[axis] + depth * view[axis] for axis in range(3))
    _, face = shell_exit(world, pose, dx, dy)
    surface = _Surface(len(u))
    key = np.where(solid < 0, face - 6, solid).astype(np.int32)
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=key[order[:1]] - 1))
    for one in np.split(order, starts[1:]):
        index = int(key[one[0]])
        here = tuple(axis[one] for axis in point)
        if index < 0:
            surface.set_shell(world, one, index + 6, here)
        else:
            surface.set_solid(world, place, one, index, here)
    return _lit(world, place, point, view, surface)


class _Surface:
    """What a ray meets: normals and materials of N points."""

    def __init__(self, count: int) -> None:
        self.normal = np.zeros((3, count), _F)
        self.albedo = np.zeros((3, count), _F)
        self.gloss = np.zeros(count, _F)
        self.emission = np.zeros(count, _F)
        self.open = np.ones(count, _F)

    def set_shell(self, world: World, one: np.ndarray, face: int, point: Vec3) -> None:
        axis, sign = face // 2, 1 if face % 2 == 0 else -1
        self.normal[axis, one] = sign
        across, up = [(1, 2), (0, 2), (0, 1)][axis]
        flat = (point[up], point[across], np.zeros_like(point[0]))
        self._paint(one, world.shell[face], point, flat)
        # Corners of a room get less of the light that fills it.
        half = (world.room_m[0] / 2, world.room_m[1] / 2, world.room_m[2] / 2)
        for other in {0, 1, 2} - {axis}:
            centred = point[other] - _F(half[2] if other == 2 else 0)
            gap = np.maximum(_F(half[other]) - np.abs(centred), 0)
            self.open[one] *= _F(1) - _F(0.35) * _F(0.06) / (_F(0.06) + gap * gap)

    def set_solid(self, world: World, place: Placement, one: np.ndarray, index: int, point: Vec3) -> None:
        rotation, centre = place.rotation[index].astype(_F), place.centre_m[index].astype(_F)
        offset = tuple(axis - middle for axis, middle in zip(point, centre, strict=True))
        local = tuple(
            rotation[0, k] * offset[0] + rotation[1, k] * offset[1] + rotation[2, k] * offset[2]
            for k in range(3)
        )
        solid = world.solids[index]
        normal = surface_normal(solid, local)
        for axis in range(3):
            row = rotation[axis]
            self.normal[axis, one] = row[0] * normal[0] + row[1] * normal[1] + row[2] * normal[2]
        along = (local[2], local[0], local[1])
        if solid.kind == "box":
            on_x, on_z = normal[0] != 0, normal[2] != 0
            zero = np.zeros_like(local[0])
            along = (np.where(on_z, local[1], local[2]), np.where(on_x, local[1], local[0]), zero)
        self._paint(one, world.materials[index], local, along)

    def _paint(self, one: np.ndarray, material: Material, point: Vec3, flat: Vec3) -> None:
        for channel, value in enumerate(albedo(material, point, flat)):
            self.albedo[channel, one] = value
        self.gloss[one], self.emission[one] = material.gloss, material.emission


def _lit(world: World, place: Placement, point: Vec3, view: Vec3, surface: _Surface) -> Vec3:
    n, upward = surface.normal, (surface.normal[2] + _F(1)) * _F(0.5)
    below, above = world.ambient
    total = [(_F(b) + (_F(a) - _F(b)) * upward) * surface.open for b, a in zip(below, above, strict=True)]
    shine = np.zeros_like(surface.gloss)
    inverse = _F(1) / np.sqrt(view[0] * view[0] + view[1] * view[1] + view[2] * view[2])
    facing = (n[0] * view[0] + n[1] * view[1] + n[2] * view[2]) * inverse
    mirror = [view[axis] * inverse - _F(2) * facing * n[axis] for axis in range(3)]
    start = [point[axis] + _F(0.003) * n[axis] for axis in range(3)]
    for light in world.lights:
        ray = [start[axis] - _F(light.position_m[axis]) for axis in range(3)]
        square = ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]
        length = np.sqrt(square)
        cosine = -(ray[0] * n[0] + ray[1] * n[1] + ray[2] * n[2]) / length
        lit = cosine > 0
        if world.shadows:
            cast_shadows(world, place, light, ray, length, lit)
        strength = np.where(lit, cosine, 0) / (square + _F(0.4))
        for channel in range(3):
            total[channel] = total[channel] + _F(light.colour[channel]) * strength
        glint = -(mirror[0] * ray[0] + mirror[1] * ray[1] + mirror[2] * ray[2]) / length
        glint = np.where(lit, np.maximum(glint, 0), 0)
        for _ in range(5):
            glint = glint * glint
        shine += glint * _F(max(light.colour)) / (square + _F(0.4))
    base = surface.albedo
    return tuple(
        base[channel] * (total[channel] + surface.emission) + surface.gloss * shine for channel in range(3)
    )
