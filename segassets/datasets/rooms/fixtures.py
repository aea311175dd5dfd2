"""What belongs to the room itself and is no object: skirting boards, a door, a window, a beam, a stripe."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segassets.datasets.rooms.motion import turn_z
from segassets.datasets.rooms.primitives import Solid, Triple
from segassets.datasets.rooms.textures import COLOURS, Material, draw_any_colour, draw_colour


@dataclass(frozen=True)
class Fixture:
    """A solid of the room's shell, in the world; its pixels count as background."""

    solid: Solid
    material: Material
    rotation: np.ndarray
    centre_m: np.ndarray


def draw_fixtures(rng: np.random.Generator, room_m: Triple) -> list[Fixture]:
    """Fixtures for the four walls and the ceiling, drawn from the seed."""
    fixtures: list[Fixture] = []
    board = Material("plain", (draw_any_colour(rng, 0.3, 0.95),), grain=0.1)
    for wall in range(4):
        along = room_m[1] if wall < 2 else room_m[0]
        if rng.random() < 0.8:
            fixtures.append(_on_wall(room_m, wall, 0.0, 0.05, (along, 0.02, 0.1), board))
        kind = rng.random()
        at = float(rng.uniform(-0.3, 0.3)) * along
        if kind < 0.25:
            fixtures += _door(rng, room_m, wall, at)
        elif kind < 0.55:
            fixtures += _window(rng, room_m, wall, at)
        elif kind < 0.7:
            stripe = Material("plain", (draw_any_colour(rng, 0.2, 0.95),), grain=0.1)
            height = float(rng.uniform(0.8, 1.6))
            fixtures.append(
                _on_wall(room_m, wall, 0.0, height, (along, 0.01, rng.uniform(0.05, 0.5)), stripe)
            )
    if rng.random() < 0.2:
        beam = Material("wooden", (draw_colour(rng, "brown"), draw_colour(rng, "black")), 0.12)
        for x in (-0.25, 0.25):
            centre = np.array([x * room_m[0], 0.0, room_m[2] - 0.06])
            fixtures.append(Fixture(Solid("box", (0.07, room_m[1] / 2, 0.06)), beam, np.eye(3), centre))
    return fixtures


def _on_wall(room_m: Triple, wall: int, at: float, z: float, size: tuple, material: Material) -> Fixture:
    """A box (along the wall, thickness, height) flat on a wall: 0..3 are -x, +x, -y, +y."""
    axis, sign = wall // 2, -1 if wall % 2 == 0 else 1
    centre = np.array([at, at, z], float)
    centre[axis] = sign * (room_m[axis] / 2 - size[1] / 2)
    rotation = turn_z(math.pi / 2) if axis == 0 else np.eye(3)
    half = tuple(round(float(side) / 2, 5) for side in size)
    return Fixture(Solid("box", half), material, rotation, np.round(centre, 6))


def _door(rng: np.random.Generator, room_m: Triple, wall: int, at: float) -> list[Fixture]:
    pattern = "wooden" if rng.random() < 0.5 else "plain"
    colour = draw_colour(rng, str(rng.choice(list(COLOURS))))
    leaf = Material(pattern, (colour, tuple(0.7 * value for value in colour)), 0.15, grain=0.1)
    frame = Material("plain", (draw_any_colour(rng, 0.5, 0.95),))
    metal = Material("plain", ((0.5, 0.48, 0.42),), gloss=0.4)
    tall = min(2.05, room_m[2] - 0.2)
    return [
        _on_wall(room_m, wall, at, tall / 2, (1.0, 0.03, tall), frame),
        _on_wall(room_m, wall, at, tall / 2 - 0.03, (0.86, 0.05, tall - 0.06), leaf),
        _on_wall(room_m, wall, at + 0.34, 1.02, (0.12, 0.1, 0.03), metal),
    ]


def _window(rng: np.random.Generator, room_m: Triple, wall: int, at: float) -> list[Fixture]:
    wide, tall = float(rng.uniform(0.8, 1.6)), float(rng.uniform(0.8, 1.2))
    z = min(1.5, room_m[2] - tall / 2 - 0.15)
    frame = Material("plain", (draw_any_colour(rng, 0.4, 0.98),))
    sky = (draw_any_colour(rng, 0.5, 1.0), draw_colour(rng, "green"), draw_colour(rng, "white"))
    pane = Material(
        "abstract", sky, float(rng.uniform(0.3, 0.8)), (2.0, 3.0, 4.0), emission=float(rng.uniform(0.2, 1.2))
    )
    parts = [
        _on_wall(room_m, wall, at, z, (wide + 0.12, 0.04, tall + 0.12), frame),
        _on_wall(room_m, wall, at, z, (wide, 0.05, tall), pane),
        _on_wall(room_m, wall, at, z, (0.05, 0.07, tall), frame),
    ]
    if rng.random() < 0.6:
        colour = draw_colour(rng, str(rng.choice(list(COLOURS))))
        cloth = Material("striped", (colour, tuple(0.7 * value for value in colour)), 0.09, (1.0, 1.0, 1.0))
        for side in (-1, 1):
            place = at + side * (wide / 2 + 0.15)
            parts.append(_on_wall(room_m, wall, place, z - 0.1, (0.3, 0.1, tall + 0.5), cloth))
    return parts
