"""Rays against solids: the entry in closed form against a march along the ray and scipy's root finder."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from segassets.datasets.rooms.primitives import Solid, entry_distance, surface_normal


def inside_value(solid: Solid, points: np.ndarray) -> np.ndarray:
    """Negative inside, positive outside, continuous; points (..., 3)."""
    x, y, z = np.moveaxis(points / np.asarray(solid.half_m), -1, 0)
    if solid.kind == "box":
        return np.maximum(np.maximum(abs(x), abs(y)), abs(z)) - 1
    if solid.kind == "ellipsoid":
        return np.sqrt(x * x + y * y + z * z) - 1
    low, high = solid.taper
    radius = (low + high) / 2 + (high - low) / 2 * z
    return np.maximum(np.hypot(x, y) - radius, abs(z) - 1)


def entry_by_marching(solid: Solid, origin: np.ndarray, direction: np.ndarray) -> float:
    steps = np.linspace(0, 12, 12001)
    inside = inside_value(solid, origin + steps[:, None] * direction) < 0
    if not inside.any():
        return np.inf
    enter = int(np.argmax(inside))
    return brentq(
        lambda t: float(inside_value(solid, origin + t * direction)), steps[enter - 1], steps[enter]
    )


SOLIDS = [
    Solid("box", (0.5, 0.2, 0.8)),
    Solid("box", (2.0, 2.0, 0.01)),  # thin as a rug
    Solid("ellipsoid", (0.3, 0.3, 0.3)),
    Solid("ellipsoid", (0.9, 0.2, 0.4)),
    Solid("frustum", (0.4, 0.4, 0.6)),  # a cylinder
    Solid("frustum", (0.4, 0.3, 0.6), (1.0, 0.0)),  # a cone
    Solid("frustum", (0.5, 0.5, 0.2), (0.3, 1.0)),  # a pot
    Solid("frustum", (0.02, 0.02, 0.9)),  # a pole
]


@pytest.mark.parametrize("solid", SOLIDS, ids=lambda solid: f"{solid.kind}-{solid.half_m}-{solid.taper}")
def test_entry_is_where_a_march_enters(solid: Solid) -> None:
    rng = np.random.default_rng(3)
    origin = np.array([1.5, -2.0, 1.0])
    target = rng.uniform(-1.1, 1.1, (60, 3)) * np.asarray(solid.half_m)
    directions = (target - origin) / 3
    found = entry_distance(solid, origin, tuple(directions.T.astype(np.float32)))
    expected = np.array([entry_by_marching(solid, origin, direction) for direction in directions])
    # A ray that grazes may fall on either side.
    along = origin + np.linspace(1, 5, 4001)[:, None, None] * directions
    clear = np.abs(inside_value(solid, along).min(0)) > 2e-3
    assert clear.sum() > 20
    assert (np.isfinite(found) == np.isfinite(expected))[clear].all()
    both = clear & np.isfinite(found)
    np.testing.assert_allclose(found[both], expected[both], atol=2e-4)


@pytest.mark.parametrize(
    ("origin", "direction", "hit"),
    [
        ((0.0, 0.0, 5.0), (0.0, 0.0, -1.0), True),  # along an axis: zeros in the direction
        ((0.0, 0.0, 5.0), (0.0, 0.0, 1.0), False),  # the solid lies behind
        ((0.0, 0.0, 0.1), (0.0, 0.0, 1.0), False),  # starts inside
        ((9.0, 0.0, 5.0), (0.0, 0.0, -1.0), False),  # parallel, beside it
    ],
)
@pytest.mark.parametrize("kind", ["box", "ellipsoid", "frustum"])
def test_rays_along_axes(kind: str, origin: tuple, direction: tuple, hit: bool) -> None:
    rays = tuple(np.array([value], np.float32) for value in direction)
    t = entry_distance(Solid(kind, (0.5, 0.5, 0.5)), np.array(origin), rays)
    assert np.isfinite(t[0]) == hit
    if hit:
        assert t[0] == pytest.approx(4.5, abs=1e-5)


@pytest.mark.parametrize("kind", ["box", "ellipsoid", "frustum"])
def test_no_rays(kind: str) -> None:
    empty = (np.zeros(0, np.float32),) * 3
    assert entry_distance(Solid(kind, (1, 1, 1)), np.array([0.0, 0, 5]), empty).shape == (0,)


@pytest.mark.parametrize("solid", SOLIDS[2:7], ids=lambda solid: f"{solid.kind}-{solid.taper}")
def test_normals_are_unit_and_point_outwards(solid: Solid) -> None:
    rng = np.random.default_rng(4)
    origin = np.array([1.5, -2.0, 1.0])
    directions = ((rng.uniform(-0.8, 0.8, (200, 3)) * np.asarray(solid.half_m) - origin) / 3).astype(
        np.float32
    )
    t = entry_distance(solid, origin, tuple(directions.T))
    directions, t = directions[np.isfinite(t)], t[np.isfinite(t)]
    points = (origin + t[:, None] * directions).astype(np.float32)
    normals = np.stack(surface_normal(solid, tuple(points.T)), 1)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
    assert ((normals * directions).sum(1) < 1e-3).all()
    assert inside_value(solid, points + 1e-3 * normals).min() > -1e-4
