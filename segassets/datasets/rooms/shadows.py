"""Shadows: rays from a light to the points it may reach, stopped by the solids between.

A ray is tested only against the solids whose bounding sphere it passes, objects first, then their solids.
"""

from __future__ import annotations

import numpy as np

from segassets.datasets.rooms.primitives import entry_distance
from segassets.datasets.rooms.rays import Light, Placement, World

_F = np.float32


def cast_shadows(
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
