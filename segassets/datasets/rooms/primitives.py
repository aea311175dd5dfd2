"""The solids rooms are built of: where rays from one point enter a box, an ellipsoid or a frustum.

All arithmetic is elementwise +, -, *, / and sqrt in float32, which every machine rounds alike, so the same
room has the same masks everywhere. A ray is origin + t * direction with the direction not normalised: with
camera rays of z = 1, t is the depth along the optical axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Vec3 = tuple[np.ndarray, ...]  # x, y, z (or r, g, b) of N points as three (N,) arrays
Triple = tuple[float, ...]  # x, y, z or r, g, b
MISS = np.float32(np.inf)
_TINY = np.float32(1e-9)


@dataclass(frozen=True)
class Solid:
    """One primitive in its own frame, centred at the origin.

    Args:
        kind: "box", "ellipsoid" or "frustum" (cylinders and cones are frustums along z).
        half_m: Half extents along x, y, z in metres.
        taper: Of a frustum, the radius at the lower and the upper end as a fraction of half_m.
    """

    kind: str
    half_m: Triple
    taper: tuple[float, float] = (1.0, 1.0)


def entry_distance(solid: Solid, origin: np.ndarray, direction: Vec3) -> np.ndarray:
    """Ray parameter at which each ray enters the solid; infinity where it misses or starts inside.

    Args:
        solid: The primitive.
        origin: (3,) the rays' common origin in the solid's frame, in metres.
        direction: Three (N,) float32 arrays in the solid's frame.
    """
    half = np.asarray(solid.half_m, np.float32)
    o = origin.astype(np.float32) / half
    d = tuple(axis / extent for axis, extent in zip(direction, half, strict=True))
    return _ENTRY[solid.kind](o, d, solid.taper)


def _enter_box(o: np.ndarray, d: Vec3, taper: tuple[float, float]) -> np.ndarray:
    near, far = np.full(d[0].shape, -MISS), np.full(d[0].shape, MISS)
    for start, axis in zip(o, d, strict=True):
        inverse = np.float32(1) / np.where(np.abs(axis) < _TINY, _TINY, axis)
        one, two = (np.float32(-1) - start) * inverse, (np.float32(1) - start) * inverse
        low, high = np.minimum(one, two), np.maximum(one, two)
        near, far = np.maximum(near, low), np.minimum(far, high)
    return np.where((near <= far) & (near > 0), near, MISS)


def _enter_ellipsoid(o: np.ndarray, d: Vec3, taper: tuple[float, float]) -> np.ndarray:
    shift, (x, y, z), square = _closest_point(o, d)
    inside = np.float32(1) - (x * x + y * y + z * z)
    t = shift - np.sqrt(np.maximum(inside, 0) / square)
    return np.where((inside > 0) & (t > 0), t, MISS)


def _enter_frustum(o: np.ndarray, d: Vec3, taper: tuple[float, float]) -> np.ndarray:
    mean = np.float32((taper[0] + taper[1]) / 2)
    slope = np.float32((taper[1] - taper[0]) / 2)
    dx, dy, dz = d
    shift, (x, y, z), _ = _closest_point(o, d)
    radius = mean + slope * z
    a = dx * dx + dy * dy - slope * slope * dz * dz
    a = np.where(np.abs(a) < _TINY, _TINY, a)
    b = x * dx + y * dy - slope * dz * radius
    root2 = b * b - a * (x * x + y * y - radius * radius)
    root = np.sqrt(np.maximum(root2, 0))
    best = np.full(dx.shape, MISS)
    for sign in (np.float32(-1), np.float32(1)):
        t = (sign * root - b) / a
        height = z + t * dz
        valid = (root2 > 0) & (np.abs(height) <= 1) & (mean + slope * height >= 0) & (t + shift > 0)
        best = np.where(valid, np.minimum(best, t + shift), best)
    safe_dz = np.where(np.abs(dz) < _TINY, _TINY, dz)
    for end, end_radius in ((np.float32(-1), taper[0]), (np.float32(1), taper[1])):
        t = (end - z) / safe_dz
        u, v = x + t * dx, y + t * dy
        valid = (u * u + v * v <= np.float32(end_radius * end_radius)) & (t + shift > 0)
        best = np.where(valid, np.minimum(best, t + shift), best)
    inside = abs(o[2]) < 1 and o[0] ** 2 + o[1] ** 2 < max(mean + slope * o[2], 0) ** 2
    return np.full_like(best, MISS) if inside else best


_ENTRY: dict[str, Callable[[np.ndarray, Vec3, tuple[float, float]], np.ndarray]] = {
    "box": _enter_box,
    "ellipsoid": _enter_ellipsoid,
    "frustum": _enter_frustum,
}


def _closest_point(o: np.ndarray, d: Vec3) -> tuple[np.ndarray, Vec3, np.ndarray]:
    """Where each ray passes closest to the centre: solving from there keeps float32 exact enough."""
    dx, dy, dz = d
    square = dx * dx + dy * dy + dz * dz
    shift = -(o[0] * dx + o[1] * dy + o[2] * dz) / square
    return shift, (o[0] + shift * dx, o[1] + shift * dy, o[2] + shift * dz), square


def surface_normal(solid: Solid, point: Vec3) -> Vec3:
    """Outward unit normals at points on the surface, both in the solid's frame."""
    hx, hy, hz = (np.float32(extent) for extent in solid.half_m)
    x, y, z = point[0] / hx, point[1] / hy, point[2] / hz
    if solid.kind == "box":
        ax, ay, az = np.abs(x), np.abs(y), np.abs(z)
        on_x = (ax >= ay) & (ax >= az)
        on_y = ~on_x & (ay >= az)
        on_z = ~on_x & ~on_y
        return np.sign(x) * on_x, np.sign(y) * on_y, np.sign(z) * on_z
    if solid.kind == "ellipsoid":
        return _unit(x / hx, y / hy, z / hz)
    mean = np.float32((solid.taper[0] + solid.taper[1]) / 2)
    slope = np.float32((solid.taper[1] - solid.taper[0]) / 2)
    radius = mean + slope * z
    on_cap = np.float32(1) - np.abs(z) < np.abs(np.sqrt(x * x + y * y) - radius)
    nx, ny, nz = _unit(x / hx, y / hy, -slope * radius / hz)
    return np.where(on_cap, 0, nx), np.where(on_cap, 0, ny), np.where(on_cap, np.sign(z), nz)


def _unit(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Vec3:
    scale = np.float32(1) / np.sqrt(np.maximum(x * x + y * y + z * z, np.float32(1e-20)))
    return x * scale, y * scale, z * scale
