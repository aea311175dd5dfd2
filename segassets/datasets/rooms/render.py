"""Ray casting of one frame: which solid each pixel sees, how far, and what colour light makes it.

Each solid is tested only against the pixels of its bounding box on the screen, and a shadow ray only against
the solids whose bounding sphere it passes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segassets.datasets.rooms.camera import Pinhole
from segassets.datasets.rooms.primitives import MISS, Solid, Vec3, entry_distance, surface_normal
from segassets.datasets.rooms.textures import Material, albedo

_F = np.float32
_NEAR_M = 0.05
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
# Neighbouring pixels whose grey values (0..1) differ by more than this get four colour samples.
_EDGE = 0.06
_SUBPIXEL = ((-0.25, -0.125), (0.125, -0.25), (0.25, 0.125), (-0.125, 0.25))


@dataclass
class Light:
    """A point light; `skip` is the index of the solid it shines through (a lamp's shade), or -1."""

    position_m: np.ndarray
    colour: tuple[float, float, float]
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

    room_m: tuple[float, float, float]
    shell: list[Material]
    solids: list[Solid]
    materials: list[Material]
    object_index: np.ndarray
    lights: list[Light]
    ambient: tuple[tuple[float, float, float], tuple[float, float, float]]
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
    depth, _ = _shell(world, pose, np.broadcast_to(dx, (height, width)), np.broadcast_to(dy, (height, width)))
    shell_depth = depth.copy()
    solid = np.full((height, width), -1, np.int32)
    objects = int(world.object_index.max(initial=-1)) + 1
    silhouettes = np.zeros((objects, height, width), bool)
    for index, (x0, x1, y0, y1) in _screen_boxes(world, place, pose, pinhole):
        rows, columns = slice(y0, y1), slice(x0, x1)
        t = _hit(world, place, pose, index, dx[:, columns], dy[rows])
        if world.object_index[index] >= 0:
            silhouettes[world.object_index[index], rows, columns] |= t < shell_depth[rows, columns]
        nearer = t < depth[rows, columns]
        np.copyto(depth[rows, columns], t, where=nearer)
        np.copyto(solid[rows, columns], np.int32(index), where=nearer)
    return Sight(solid, depth, silhouettes)


def _cast(world: World, place: Placement, pose: np.ndarray, pinhole: Pinhole, u: np.ndarray, v: np.ndarray):
    """Solid index and depth of rays through any pixel positions ((N,) arrays)."""
    dx, dy = (u - _F(pinhole.cx_px)) / _F(pinhole.fx_px), (v - _F(pinhole.cy_px)) / _F(pinhole.fy_px)
    depth, _ = _shell(world, pose, dx, dy)
    solid = np.full(u.shape, -1, np.int32)
    for index, (x0, x1, y0, y1) in _screen_boxes(world, place, pose, pinhole):
        near = np.flatnonzero((u >= x0) & (u < x1) & (v >= y0) & (v < y1))
        if not len(near):
            continue
        t = _hit(world, place, pose, index, dx[near], dy[near])
        nearer = t < depth[near]
        depth[near[nearer]] = t[nearer]
        solid[near[nearer]] = index
    return solid, depth


def _hit(
    world: World, place: Placement, pose: np.ndarray, index: int, dx: np.ndarray, dy: np.ndarray
) -> np.ndarray:
    matrix = np.round(place.rotation[index].T @ pose[:3, :3], 9).astype(_F)
    origin = np.round(place.rotation[index].T @ (pose[:3, 3] - place.centre_m[index]), 9)
    direction = tuple(row[0] * dx + (row[1] * dy + row[2]) for row in matrix)
    t = entry_distance(world.solids[index], origin, direction)
    return np.where(t > _F(_NEAR_M), t, MISS)


def _screen_boxes(world: World, place: Placement, pose: np.ndarray, pinhole: Pinhole):
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


def _shell(world: World, pose: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth at which rays leave the room and the face (0..5: -x, +x, -y, +y, floor, ceiling)."""
    rotation = pose[:3, :3].astype(_F)
    low = np.array([-world.room_m[0] / 2, -world.room_m[1] / 2, 0.0])
    high = np.array([world.room_m[0] / 2, world.room_m[1] / 2, world.room_m[2]])
    depth, face = None, None
    for axis in range(3):
        d = rotation[axis, 0] * dx + (rotation[axis, 1] * dy + rotation[axis, 2])
        d = np.where(np.abs(d) < _F(1e-9), _F(1e-9), d)
        outward = np.where(d > 0, _F(high[axis] - pose[axis, 3]), _F(low[axis] - pose[axis, 3]))
        t, side = outward / d, (2 * axis + (d > 0)).astype(np.int8)
        face = side if depth is None else np.where(t < depth, side, face)
        depth = t if depth is None else np.minimum(depth, t)
    return depth, face


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
    solid, depth = _cast(world, place, pose, pinhole, fine_u, fine_v)
    samples = np.stack(_shade(world, place, pose, pinhole, fine_u, fine_v, solid, depth), -1)
    one, two, three, four = np.minimum(samples, _F(4)).reshape(4, len(edge), 3)
    picture.reshape(-1, 3)[edge] = (one + two + three + four) * _F(0.25)
    return picture


def _edges(picture: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels that differ from the next one in a row or a column by solid or by grey value."""
    grey = np.sqrt(np.clip(picture[..., 1], 0, 1))
    edge = np.zeros(grey.shape, bool)
    for axis in (0, 1):
        ahead, behind = [slice(None)] * 2, [slice(None)] * 2
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        ahead, behind = tuple(ahead), tuple(behind)
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
    _, face = _shell(world, pose, dx, dy)
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
            _cast_shadows(world, place, light, ray, length, lit)
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


def _cast_shadows(
    world: World, place: Placement, light: Light, ray: list[np.ndarray], length: np.ndarray, lit: np.ndarray
) -> None:
    """Clear `lit` where a solid stands between the light and the point (ray = point - light)."""
    if not world.solids:
        return
    middle = place.centre_m - light.position_m
    half = np.array([solid.half_m for solid in world.solids])
    radius = np.sqrt((half * half).sum(1)) * 1.001 + 1e-3
    rays = np.stack(ray, 1)
    for thing in range(int(world.object_index.max(initial=-1)) + 1):
        members = np.flatnonzero(world.object_index == thing)
        centre, reach = _bounding_sphere(middle[members], radius[members])
        near = np.flatnonzero(lit & _passes(rays, length, centre, reach))
        if not len(near):
            continue
        some, some_length = rays[near], length[near]
        for index in members:
            if index == light.skip:
                continue
            chosen = np.flatnonzero(_passes(some, some_length, middle[index], radius[index]))
            if not len(chosen):
                continue
            columns = some[chosen]
            matrix = place.rotation[index].T.astype(_F)
            local = tuple(
                row[0] * columns[:, 0] + row[1] * columns[:, 1] + row[2] * columns[:, 2] for row in matrix
            )
            t = entry_distance(
                world.solids[index], np.round(place.rotation[index].T @ -middle[index], 9), local
            )
            lit[near[chosen[t < _F(0.999)]]] = False


def _bounding_sphere(centres: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, float]:
    low, high = (centres - radii[:, None]).min(0), (centres + radii[:, None]).max(0)
    centre = (low + high) / 2
    reach = (np.sqrt(((centres - centre) ** 2).sum(1)) + radii).max()
    return centre, float(reach)


def _passes(rays: np.ndarray, length: np.ndarray, centre: np.ndarray, reach: float) -> np.ndarray:
    """(N,) bool: rays from the origin that may meet a sphere before their end (never wrong about a miss)."""
    distance = float(np.sqrt((centre * centre).sum()))
    if distance <= reach:
        return np.ones(len(rays), bool)
    cosine = (1 - (reach / distance) ** 2) ** 0.5
    towards = rays @ centre.astype(_F)
    return (towards >= length * _F(cosine * distance * 0.9999)) & (length > _F(distance - reach))
