"""Surfaces: named colours, and patterns as functions of a point on a surface.

Patterns use only elementwise arithmetic, floor and table look-ups (no sine, no power), so that pictures are
the same to the bit on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from segassets.datasets.rooms.primitives import Triple, Vec3

# Name -> (low, high) corners of a box in RGB, 0..255, of the colours a person would call so.
COLOURS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "red": ((170, 15, 15), (225, 45, 45)),
    "orange": ((225, 105, 10), (250, 140, 40)),
    "yellow": ((225, 195, 20), (250, 225, 70)),
    "green": ((25, 110, 30), (75, 170, 75)),
    "cyan": ((30, 165, 170), (80, 215, 215)),
    "blue": ((20, 45, 150), (60, 95, 220)),
    "purple": ((95, 30, 130), (140, 65, 185)),
    "pink": ((230, 120, 160), (250, 165, 200)),
    "brown": ((85, 50, 25), (130, 85, 50)),
    "white": ((220, 220, 215), (248, 248, 245)),
    "grey": ((105, 105, 105), (150, 150, 152)),
    "black": ((18, 18, 20), (45, 45, 48)),
}
PATTERNS = ("plain", "striped", "checked", "dotted", "speckled", "wooden", "marbled", "plaid")
_VOLUME = 64
_TABLE = 4096


@dataclass(frozen=True)
class Material:
    """How a surface looks.

    Args:
        pattern: One of PATTERNS, or planks, tiles, bricks, gradient, abstract for walls, floors and pictures.
        colours: RGB albedos 0..1 (linear), two or more.
        period_m: Length of one repeat of the pattern.
        phase_m: (3,) shift of the pattern.
        grain: Strength of the fine mottling, 0..1.
        gloss: Strength of the highlight, 0..1.
        emission: Light of its own, times the albedo.
    """

    pattern: str
    colours: tuple[Triple, ...]
    period_m: float = 0.1
    phase_m: Triple = (0.0, 0.0, 0.0)
    grain: float = 0.15
    gloss: float = 0.0
    emission: float = 0.0
    duty: float = field(default=0.5)


def draw_colour(rng: np.random.Generator, name: str) -> Triple:
    """A linear RGB albedo that a person would call `name`."""
    low, high = (np.asarray(corner, float) for corner in COLOURS[name])
    srgb = (low + (high - low) * rng.random(3)) / 255
    return tuple(float(value) for value in np.round(srgb * srgb, 6))


def draw_any_colour(rng: np.random.Generator, low: float = 0.0, high: float = 1.0) -> Triple:
    """A linear RGB albedo from anywhere between two grey levels."""
    srgb = low + (high - low) * rng.random(3)
    return tuple(float(value) for value in np.round(srgb * srgb, 6))


@cache
def _noise_volume() -> np.ndarray:
    """(64^3,) float32 in 0..1: three octaves of smoothed noise that wraps around."""
    rng = np.random.default_rng(20_240_607)
    total = np.zeros((_VOLUME,) * 3, np.float32)
    for step, weight in ((8, 0.5), (4, 0.3), (2, 0.2)):
        coarse = rng.random((_VOLUME // step,) * 3, np.float32)
        total += np.float32(weight) * _upsample(coarse, step)
    low, high = total.min(), total.max()
    return np.ascontiguousarray((total - low) / (high - low)).ravel()


def _upsample(coarse: np.ndarray, step: int) -> np.ndarray:
    """Linear interpolation of a cyclic volume by a whole factor."""
    for axis in range(3):
        following = np.roll(coarse, -1, axis)
        mix = [coarse + (following - coarse) * np.float32(k / step) for k in range(step)]
        stacked = np.stack(mix, axis + 1)
        shape = list(coarse.shape)
        shape[axis] *= step
        coarse = stacked.reshape(shape)
    return coarse


@cache
def _random_table() -> np.ndarray:
    return np.random.default_rng(77).random(_TABLE, np.float32)


def noise(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Smooth noise 0..1; the largest features are about 8 units wide."""
    volume = _noise_volume()
    ix, iy, iz = np.floor(x), np.floor(y), np.floor(z)
    fx, fy, fz = x - ix, y - iy, z - iz
    ix, iy, iz = (axis.astype(np.int32) & (_VOLUME - 1) for axis in (ix, iy, iz))
    jx, jy, jz = ((axis + 1) & (_VOLUME - 1) for axis in (ix, iy, iz))
    ix, jx, iy, jy = ix * _VOLUME**2, jx * _VOLUME**2, iy * _VOLUME, jy * _VOLUME

    def line(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        low = volume[a + b + iz]
        return low + (volume[a + b + jz] - low) * fz

    near = line(ix, iy)
    near = near + (line(ix, jy) - near) * fy
    far = line(jx, iy)
    far = far + (line(jx, jy) - far) * fy
    return near + (far - near) * fx


def _cell_random(a: np.ndarray, b: np.ndarray, c: np.ndarray | int = 0) -> np.ndarray:
    """A random number 0..1 for each whole-numbered cell."""
    index = a.astype(np.int32) * 73_856_093 ^ b.astype(np.int32) * 19_349_663
    if isinstance(c, np.ndarray):
        index = index ^ c.astype(np.int32) * 83_492_791
    return _random_table()[(index ^ (index >> 9)) & (_TABLE - 1)]


def _triangle(x: np.ndarray) -> np.ndarray:
    """A wave of period 1 between 0 and 1."""
    return np.abs(np.float32(2) * (x - np.floor(x)) - np.float32(1))


def albedo(material: Material, point: Vec3, surface: Vec3) -> Vec3:
    """Colours (three (N,) arrays, linear RGB) at points of a surface.

    Args:
        material: The surface.
        point: Position in the solid's frame, in metres.
        surface: Coordinates (up, across, third) along the surface, in metres; the third is 0 on flat faces.
    """
    phase = np.asarray(material.phase_m, np.float32)
    scale = np.float32(1 / material.period_m)
    a, b, c = ((axis + shift) * scale for axis, shift in zip(surface, phase, strict=True))
    x, y, z = ((axis + shift) * np.float32(40) for axis, shift in zip(point, phase, strict=True))
    grain = noise(x, y, z)
    colour = _mix(material, a, b, c, grain, point)
    shade = np.float32(1) + np.float32(material.grain) * (grain - np.float32(0.5)) * 2
    return tuple(channel * shade for channel in colour)


def _mix(
    material: Material, a: np.ndarray, b: np.ndarray, c: np.ndarray, grain: np.ndarray, point: Vec3
) -> Vec3:
    name = material.pattern
    if name == "plain":
        return tuple(np.full(a.shape, value, np.float32) for value in material.colours[0])
    if name == "striped":
        weight = (a - np.floor(a) < material.duty).astype(np.float32)
    elif name == "checked":
        weight = ((np.floor(a) + np.floor(b) + np.floor(c)) % 2 == 0).astype(np.float32)
    elif name == "dotted":
        da, db, dc = (axis - np.floor(axis) - np.float32(0.5) for axis in (a, b, c))
        weight = (da * da + db * db + dc * dc > np.float32(0.11)).astype(np.float32)
    elif name == "plaid":
        weight = (
            (a - np.floor(a) < material.duty).astype(np.float32) + (b - np.floor(b) < material.duty)
        ) / 2
    elif name == "speckled":
        weight = (_cell_random(np.floor(a * 6), np.floor(b * 6), np.floor(c * 6)) > 0.3).astype(np.float32)
    elif name == "wooden":
        weight = _triangle(b * np.float32(0.8) + c * np.float32(0.8) + grain + a * np.float32(0.15))
    elif name == "marbled":
        big = noise(*(axis * np.float32(11) + 5 for axis in point))
        weight = _triangle(a + np.float32(4) * big)
    elif name == "gradient":
        weight = _triangle(a * np.float32(0.5))
    elif name in ("planks", "bricks", "tiles"):
        return _masonry(material, a, b)
    else:
        return _abstract(material, a, b, point)
    first, second = material.colours[:2]
    return tuple(np.float32(two) + (np.float32(one) - np.float32(two)) * weight
                 for one, two in zip(first, second, strict=True))  # fmt: skip


def _masonry(material: Material, a: np.ndarray, b: np.ndarray) -> Vec3:
    """Planks, bricks or tiles: pieces of varying tone with a joint between them."""
    long_side, shifted = {"planks": (6.0, 0.37), "bricks": (2.2, 0.5), "tiles": (1.0, 0.0)}[material.pattern]
    row = np.floor(a)
    across = b / np.float32(long_side) + row * np.float32(shifted)
    column = np.floor(across)
    joint = (a - row < 0.06) | ((across - column) * np.float32(long_side) < 0.06)
    tone = np.float32(0.75) + np.float32(0.5) * _cell_random(row, column)
    first, second = material.colours[:2]
    return tuple(np.where(joint, np.float32(two), np.float32(one) * tone)
                 for one, two in zip(first, second, strict=True))  # fmt: skip


def _abstract(material: Material, a: np.ndarray, b: np.ndarray, point: Vec3) -> Vec3:
    """A painting or carpet: bands of noise in the material's colours."""
    field_ = noise(a * np.float32(5), b * np.float32(5), np.full_like(a, material.phase_m[2] * 31))
    count = len(material.colours)
    index = np.clip(
        (field_ * np.float32(1.6 * count) - np.float32(0.3 * count)).astype(np.int32), 0, count - 1
    )
    palette = np.asarray(material.colours, np.float32)
    return tuple(palette[index, channel] for channel in range(3))
