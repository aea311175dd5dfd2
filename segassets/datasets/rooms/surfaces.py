"""Which materials things get: an object's colours and pattern, the walls, the floor, the lights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segassets.datasets.rooms.furniture import Blueprint
from segassets.datasets.rooms.primitives import Triple
from segassets.datasets.rooms.rays import Light
from segassets.datasets.rooms.textures import COLOURS, PATTERNS, Material, draw_any_colour, draw_colour

_DARK = ((0.01, 0.01, 0.012), (0.03, 0.03, 0.03))
_SKIN = ((0.55, 0.33, 0.22), (0.25, 0.13, 0.08), (0.75, 0.52, 0.40))
_UNPAINTED = {"monitor": "black", "tower": "colourful", "books": "colourful"}


@dataclass(frozen=True)
class Look:
    """An object's appearance: the words of its main colour and pattern, and a material for each slot."""

    colour: str
    pattern: str
    slots: dict[str, Material]


def draw_look(
    plan: Blueprint, rng: np.random.Generator, plain_fraction: float, wanted: str | None = None
) -> Look:
    """Colours and patterns for a blueprint, drawn from the seed; `wanted` is a colour it should have."""
    colour = wanted if wanted in COLOURS else str(rng.choice(list(COLOURS)))
    pattern = "plain" if rng.random() < plain_fraction else str(rng.choice(PATTERNS[1:]))
    if plan.category == "lamp":
        shades = ["white", "yellow", "orange", "pink", "green", "blue"]
        colour, pattern = colour if colour in shades else str(rng.choice(shades)), "plain"
    main = _main(rng, colour, pattern, plan)
    second_name = str(rng.choice(list(COLOURS)))
    second = _simple(rng, second_name, "wooden" if rng.random() < 0.3 else "plain")
    slots = {
        "main": main,
        "second": second if rng.random() < 0.75 else main,
        "accent": _simple(rng, str(rng.choice(list(COLOURS))), "plain"),
        "dark": Material("plain", (_DARK[0],), gloss=0.3),
        "wood": _simple(rng, "brown", "wooden"),
        "leaf": Material("speckled", (draw_colour(rng, "green"), draw_colour(rng, "green")), 0.12, grain=0.4),
        "skin": Material("plain", (_SKIN[int(rng.integers(len(_SKIN)))],)),
        "glow": Material("plain", (draw_colour(rng, colour),), emission=float(rng.uniform(1.0, 2.5))),
        "art": draw_art(rng, (plan.half_m[0] + plan.height_m) / 2),
    }
    for k in range(6):
        slots[f"book{k}"] = _simple(rng, str(rng.choice(list(COLOURS))), str(rng.choice(PATTERNS[:4])))
    if plan.category in _UNPAINTED:
        colour, pattern = _UNPAINTED[plan.category], "plain"
    return Look(colour, pattern, slots)


def _main(rng: np.random.Generator, colour: str, pattern: str, plan: Blueprint) -> Material:
    first = draw_colour(rng, colour)
    dark = max(first) < 0.2
    other = "white" if dark or rng.random() < 0.55 else "black"
    if other == "black" and colour == "black":
        other = "white"
    if other == "white" and colour in ("white", "yellow", "pink"):
        other = "black" if rng.random() < 0.5 else "brown"
    second = draw_colour(rng, other)
    if pattern in ("wooden", "marbled", "speckled"):
        keep = float(rng.uniform(0.35, 0.6))
        second = tuple(
            round(keep * one + (1 - keep) * two, 6) for one, two in zip(first, second, strict=True)
        )
    size = max(*plan.half_m, plan.height_m / 2) * 2
    period = float(np.clip(size * rng.uniform(0.12, 0.35), 0.03, 0.4))
    phase = tuple(float(value) for value in np.round(rng.uniform(1, 9, 3), 3))
    return Material(
        pattern, (first, second), round(period, 4), phase, grain=float(rng.uniform(0.02, 0.4)),
        gloss=float(rng.choice([0.0, 0.1, 0.5])), duty=float(rng.uniform(0.5, 0.7)),
    )  # fmt: skip


def _simple(rng: np.random.Generator, colour: str, pattern: str) -> Material:
    colours = (draw_colour(rng, colour), draw_colour(rng, str(rng.choice(["black", "white", "brown"]))))
    if pattern == "wooden":
        colours = (colours[0], tuple(round(0.6 * one, 6) for one in colours[0]))
    phase = tuple(float(value) for value in np.round(rng.uniform(1, 9, 3), 3))
    return Material(
        pattern, colours, float(rng.uniform(0.04, 0.12)), phase, grain=float(rng.uniform(0.02, 0.25))
    )


def draw_art(rng: np.random.Generator, size_m: float) -> Material:
    """A painting, a screen or a poster: bands or shapes in a few colours of its own."""
    pattern = str(
        rng.choice(["abstract", "abstract", "abstract", "checked", "dotted", "marbled", "gradient"])
    )
    colours = tuple(draw_any_colour(rng) for _ in range(int(rng.integers(3, 7))))
    phase = tuple(float(value) for value in np.round(rng.uniform(1, 9, 3), 3))
    return Material(pattern, colours, max(float(size_m * rng.uniform(0.3, 0.9)), 0.05), phase, grain=0.05)


def draw_shell(rng: np.random.Generator) -> list[Material]:
    """Materials of the four walls, the floor and the ceiling."""
    wall = _wall(rng)
    other = _wall(rng) if rng.random() < 0.5 else wall
    walls = [other if rng.random() < 0.35 else wall for _ in range(4)]
    return [*walls, _floor(rng), Material("plain", (draw_any_colour(rng, 0.65, 0.98),), grain=0.05)]


def _muted(rng: np.random.Generator, low: float, high: float) -> Triple:
    """A wall or floor colour: mostly near grey, at times strong."""
    strong = draw_any_colour(rng, low, high)
    grey, keep = sum(strong) / 3, float(rng.choice([0.1, 0.25, 0.4, 1.0]))
    return tuple(float(grey + (value - grey) * keep) for value in strong)


def _wall(rng: np.random.Generator) -> Material:
    tint = (
        draw_any_colour(rng, 0.35, 0.95)
        if rng.random() < 0.6
        else (lambda g: (g, g, g))(rng.uniform(0.35, 0.85))
    )
    shift = rng.uniform(0.55, 1.0)
    second = tuple(float(min(value * shift, 1)) for value in tint)
    pattern = str(
        rng.choice(
            ["plain", "plain", "striped", "bricks", "marbled", "plaid", "dotted", "tiles", "speckled",
             "checked", "abstract"]
        )
    )  # fmt: skip
    phase = tuple(float(value) for value in np.round(rng.uniform(1, 9, 3), 3))
    period = {"bricks": rng.uniform(0.1, 0.3), "tiles": rng.uniform(0.15, 0.6)}.get(
        pattern, rng.uniform(0.12, 0.7)
    )
    return Material(pattern, (tint, second), float(period), phase, grain=float(rng.uniform(0.03, 0.3)))


def _floor(rng: np.random.Generator) -> Material:
    pattern = str(rng.choice(["planks", "planks", "planks", "tiles", "tiles", "checked", "speckled",
                              "abstract", "marbled", "plain"]))  # fmt: skip
    base = draw_colour(rng, "brown") if rng.random() < 0.5 else _muted(rng, 0.2, 0.8)
    base = tuple(float(value) for value in np.minimum(np.asarray(base) * rng.uniform(0.8, 2.0), 0.9))
    shift = rng.uniform(0.4, 0.8)
    second = tuple(value * shift for value in base)
    period = {"planks": rng.uniform(0.09, 0.2), "tiles": rng.uniform(0.25, 0.6)}.get(
        pattern, rng.uniform(0.2, 0.8)
    )
    phase = tuple(float(value) for value in np.round(rng.uniform(1, 9, 3), 3))
    colours = (base, second, _muted(rng, 0.2, 0.8), _muted(rng, 0.2, 0.8))
    return Material(
        pattern, colours, float(period), phase, grain=float(rng.uniform(0.05, 0.4)),
        gloss=float(rng.choice([0.0, 0.0, 0.15])),
    )  # fmt: skip


def draw_lights(
    rng: np.random.Generator, room_m: Triple, count: tuple[int, int]
) -> tuple[list[Light], tuple]:
    """Lights near the ceiling and at the walls, and the (below, above) colours of what fills the room."""
    lights = []
    for _ in range(int(rng.integers(count[0], count[1] + 1))):
        at_wall = rng.random() < 0.35
        spread = 0.95 if at_wall else 0.7
        x, y = (rng.uniform(-spread, spread, 2) * np.array(room_m[:2]) / 2).tolist()
        z = room_m[2] * rng.uniform(0.5, 0.9) if at_wall else room_m[2] - rng.uniform(0.05, 0.4)
        power, warm = rng.uniform(0.6, 2.6), rng.uniform(-0.25, 0.3)
        colour = (power * (1 + warm), power, power * (1 - warm))
        lights.append(Light(np.round([x, y, z], 4), tuple(float(round(value, 4)) for value in colour)))
    fill = rng.uniform(0.12, 0.45)
    tint = 1 + rng.uniform(-0.12, 0.12, 3)
    above = tuple(float(round(value, 4)) for value in fill * tint)
    below = tuple(float(round(value, 4)) for value in fill * tint * rng.uniform(0.35, 0.8))
    return lights, (below, above)
