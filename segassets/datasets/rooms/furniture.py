"""What stands in a room: each kind of object as parts, each part as one or more solids.

An object's frame has z up, its base centre at the origin and its front towards -y. Category ids are stable:
append to the tables, never renumber.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from segassets.datasets.rooms.primitives import Solid, Triple

OBJECT_CATEGORIES: dict[int, str] = dict(
    enumerate(
        (
            "table", "chair", "sofa", "bed", "lamp", "shelf", "cabinet", "plant", "sphere", "box", "cylinder",
            "cone", "vase", "stool", "monitor", "bin", "bottle", "cup", "books", "teddy", "dog", "car",
            "picture", "rug", "cushion", "mushroom", "tower", "figure",
        ),
        start=1,
    )
)  # fmt: skip
PART_CATEGORIES: dict[int, str] = dict(
    enumerate(
        (
            "body", "top", "leg", "seat", "back", "armrest", "base", "pole", "shade", "side", "board", "door",
            "drawer", "handle", "pot", "stem", "leaves", "mattress", "pillow", "headboard", "screen", "stand",
            "neck", "lid", "head", "ear", "arm", "tail", "wheel", "cabin", "frame", "canvas", "book", "cap",
            "block", "nose", "rim", "foot",
        ),
        start=101,
    )
)  # fmt: skip
CATEGORIES: dict[int, str] = OBJECT_CATEGORIES | PART_CATEGORIES
CATEGORY_IDS: dict[str, int] = {name: key for key, name in OBJECT_CATEGORIES.items()}
PART_CATEGORY_IDS: dict[str, int] = {name: key for key, name in PART_CATEGORIES.items()}


@dataclass(frozen=True)
class Swing:
    """A part's back-and-forth turn while its object moves: about the object's x axis, through a pivot."""

    pivot_m: Triple
    amplitude_rad: float
    phase_rad: float


@dataclass(frozen=True)
class PartSolid:
    """One solid of a part, placed in its object's frame."""

    part: int
    solid: Solid
    centre_m: Triple
    angles_rad: Triple = (0.0, 0.0, 0.0)
    slot: str = "main"
    swing: Swing | None = None


@dataclass
class Blueprint:
    """An object before it has colours and a place.

    Args:
        shape: The word for its shape that a caption may use.
        half_m: Half extents (x, y) of its footprint.
        height_m: Its height.
        parts: Names of its parts, in order; PartSolid.part is an index into them.
        supports: Surfaces other things may stand on, as (x, y, z, half x, half y, clear height) in metres.
        place: "floor", "wall" or "top" (small enough to stand on other things).
    """

    category: str
    shape: str
    half_m: tuple[float, float] = (0.1, 0.1)
    height_m: float = 0.2
    parts: list[str] = field(default_factory=list)
    solids: list[PartSolid] = field(default_factory=list)
    supports: list[tuple[float, float, float, float, float, float]] = field(default_factory=list)
    place: str = "floor"
    rolls: bool = False
    light: Triple | None = None

    def part(self, name: str) -> int:
        """Begin a new part; the solids added with its number belong to it."""
        self.parts.append(name)
        return len(self.parts) - 1

    def add(
        self,
        part: int | str,
        kind: str,
        size: Sequence[float],
        centre: Sequence[float],
        slot: str = "main",
        taper: tuple[float, float] = (1.0, 1.0),
        angles_rad: Triple = (0.0, 0.0, 0.0),
        swing: Swing | None = None,
    ) -> int:
        """Add a solid (size = full extents in metres) to a part, or to a new part of that name."""
        index = self.part(part) if isinstance(part, str) else part
        solid = Solid(kind, tuple(float(side) / 2 for side in size), taper)
        self.solids.append(PartSolid(index, solid, tuple(map(float, centre)), angles_rad, slot, swing))
        return index


Builder = Callable[[np.random.Generator, float], Blueprint]
BUILDERS: dict[str, Builder] = {}


def builder(category: str) -> Callable[[Builder], Builder]:
    """Register the function that builds a category: (rng, scale) -> Blueprint."""

    def register(function: Builder) -> Builder:
        BUILDERS[category] = function
        return function

    return register


def build(category: str, rng: np.random.Generator, scale: float) -> Blueprint:
    """A blueprint of a category; scale 1 is its usual size."""
    from segassets.datasets.rooms import large_furniture, small_things  # noqa: F401  (they register the builders)

    blueprint = BUILDERS[category](rng, scale)
    if len(blueprint.parts) > 999:
        raise ValueError(f"{category}: expected at most 999 parts, found {len(blueprint.parts)}")
    return blueprint


def four_legs(
    plan: Blueprint,
    rng: np.random.Generator,
    half_xy: tuple[float, float],
    height: float,
    thick: float,
    slot: str,
) -> None:
    """Four legs, each its own part, round or square, under the corners of a top."""
    kind = "box" if rng.random() < 0.5 else "frustum"
    taper = (float(rng.uniform(0.5, 1.0)), 1.0)
    for sx in (-1, 1):
        for sy in (-1, 1):
            centre = (sx * (half_xy[0] - thick), sy * (half_xy[1] - thick), height / 2)
            plan.add("leg", kind, (thick, thick, height), centre, slot, taper=taper)
