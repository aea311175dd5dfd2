"""Builders of the furniture that stands on the floor or hangs on a wall."""

from __future__ import annotations

import numpy as np

from segassets.datasets.rooms.furniture import Blueprint, builder, four_legs


@builder("table")
def table(rng: np.random.Generator, s: float) -> Blueprint:
    """A top on four legs or on one pole with a foot; round or rectangular."""
    is_round = rng.random() < 0.35
    x, y, h = s * rng.uniform(0.8, 1.5), s * rng.uniform(0.6, 0.9), s * rng.uniform(0.42, 0.78)
    if is_round:
        x = y = s * rng.uniform(0.7, 1.1)
    thick = s * rng.uniform(0.03, 0.06)
    plan = Blueprint("table", "round" if is_round else "rectangular", (x / 2, y / 2), h)
    plan.add("top", "frustum" if is_round else "box", (x, y, thick), (0, 0, h - thick / 2))
    if rng.random() < (0.6 if is_round else 0.15):
        plan.add("pole", "frustum", (0.1 * s, 0.1 * s, h - thick), (0, 0, (h - thick) / 2), "second")
        plan.add("foot", "frustum", (0.5 * x, 0.5 * x, 0.04), (0, 0, 0.02), "second", taper=(1.0, 0.7))
    else:
        inset = 0.72 if is_round else 1.0
        four_legs(plan, rng, (x / 2 * inset, y / 2 * inset), h - thick, 0.06 * s, "second")
    plan.supports = [(0, 0, h, 0.4 * x, 0.4 * y, 0.8)]
    return plan


@builder("chair")
def chair(rng: np.random.Generator, s: float) -> Blueprint:
    """A seat on four legs and a back, of one board or of bars."""
    w, d = s * rng.uniform(0.4, 0.5), s * rng.uniform(0.4, 0.5)
    seat, back = s * rng.uniform(0.4, 0.48), s * rng.uniform(0.35, 0.55)
    plan = Blueprint("chair", "square", (w / 2, d / 2), seat + back)
    plan.add("seat", "box", (w, d, 0.05 * s), (0, 0, seat))
    if rng.random() < 0.5:
        plan.add("back", "box", (w, 0.04 * s, back), (0, d / 2 - 0.02 * s, seat + 0.025 * s + back / 2))
    else:
        bars = plan.part("back")
        for k in (-1, 0, 1):
            centre = (k * 0.4 * w, d / 2 - 0.02 * s, seat + 0.025 * s + back / 2)
            plan.add(bars, "box", (0.05 * s, 0.035 * s, back), centre)
        for level in (0.55, 0.95):
            plan.add(bars, "box", (w, 0.03 * s, 0.07 * s), (0, d / 2 - 0.02 * s, seat + back * level))
    four_legs(plan, rng, (w / 2, d / 2), seat - 0.025 * s, 0.045 * s, "second")
    plan.supports = [(0, -0.03, seat + 0.025 * s, 0.3 * w, 0.3 * d, back)]
    return plan


@builder("sofa")
def sofa(rng: np.random.Generator, s: float) -> Blueprint:
    """Base, back, two armrests and loose seats."""
    w, d = s * rng.uniform(1.2, 1.9), s * rng.uniform(0.75, 0.95)
    arm, base, back = 0.16 * s, 0.28 * s, s * rng.uniform(0.7, 0.9)
    plan = Blueprint("sofa", "wide", (w / 2, d / 2), back)
    plan.add("base", "box", (w - 2 * arm, d, base), (0, 0, base / 2))
    plan.add("back", "box", (w - 2 * arm, 0.2 * s, back - base), (0, d / 2 - 0.1 * s, (back + base) / 2))
    for side in (-1, 1):
        plan.add("armrest", "box", (arm, d, 0.58 * s), (side * (w - arm) / 2, 0, 0.29 * s))
    seats = int(rng.integers(1, 4))
    width = (w - 2 * arm) / seats
    for k in range(seats):
        x = -(w - 2 * arm) / 2 + (k + 0.5) * width
        plan.add(
            "seat", "box", (width * 0.96, d - 0.22 * s, 0.14 * s), (x, -0.1 * s, base + 0.07 * s), "second"
        )
    plan.supports = [(0, -0.1 * s, base + 0.14 * s, 0.3 * w, 0.2 * d, 0.5)]
    return plan


@builder("bed")
def bed(rng: np.random.Generator, s: float) -> Blueprint:
    """Frame, mattress, pillows and a headboard."""
    w, d = s * rng.uniform(0.9, 1.5), s * rng.uniform(1.7, 2.0)
    plan = Blueprint("bed", "long", (w / 2, d / 2), 0.85 * s)
    plan.add("frame", "box", (w, d, 0.25 * s), (0, 0, 0.14 * s), "second")
    plan.add("mattress", "box", (w * 0.96, d * 0.97, 0.18 * s), (0, -0.01, 0.35 * s))
    plan.add("headboard", "box", (w, 0.06 * s, 0.85 * s), (0, d / 2, 0.425 * s), "second")
    for x in (0.0,) if w < 1.1 * s else (-0.24 * w, 0.24 * w):
        plan.add(
            "pillow", "ellipsoid", (0.42 * w, 0.38 * s, 0.2 * s), (x, d / 2 - 0.3 * s, 0.48 * s), "accent"
        )
    plan.supports = [(0, -0.2 * d, 0.44 * s, 0.3 * w, 0.25 * d, 0.8)]
    return plan


@builder("lamp")
def lamp(rng: np.random.Generator, s: float) -> Blueprint:
    """Base, pole and a glowing shade; floor lamps and table lamps."""
    tall = rng.random() < 0.6
    h = s * (rng.uniform(1.2, 1.65) if tall else rng.uniform(0.35, 0.55))
    r = s * (rng.uniform(0.16, 0.26) if tall else rng.uniform(0.11, 0.17))
    shade = r * rng.uniform(0.9, 1.5)
    plan = Blueprint("lamp", "tall" if tall else "short", (r, r), h, place="floor" if tall else "top")
    plan.add("base", "frustum", (1.3 * r, 1.3 * r, 0.04 * s), (0, 0, 0.02 * s), "second", taper=(1.0, 0.8))
    plan.add("pole", "frustum", (0.03 * s, 0.03 * s, h - shade), (0, 0, (h - shade) / 2), "second")
    taper = (1.0, float(rng.uniform(0.45, 0.9)))
    plan.add("shade", "frustum", (2 * r, 2 * r, shade), (0, 0, h - shade / 2), "glow", taper=taper)
    plan.light = (0.0, 0.0, h - shade / 2)
    return plan


@builder("shelf")
def shelf(rng: np.random.Generator, s: float) -> Blueprint:
    """Two sides and three to five boards, with room between them."""
    w, d, h = s * rng.uniform(0.6, 1.1), s * rng.uniform(0.26, 0.36), s * rng.uniform(0.8, 1.8)
    plan = Blueprint("shelf", "tall" if h > 1.3 else "low", (w / 2, d / 2), h)
    for side in (-1, 1):
        plan.add("side", "box", (0.03, d, h), (side * (w / 2 - 0.015), 0, h / 2))
    boards = int(rng.integers(3, 6))
    gap = (h - 0.05) / (boards - 1)
    for k in range(boards):
        z = 0.025 + k * gap
        plan.add("board", "box", (w - 0.06, d - 0.01, 0.03), (0, 0, z), "second")
        room = gap - 0.05 if k + 1 < boards else 0.6
        plan.supports.append((0, 0, z + 0.015, 0.4 * w, 0.3 * d, room))
    if rng.random() < 0.5:
        plan.add("back", "box", (w - 0.06, 0.012, h), (0, d / 2 - 0.006, h / 2), "accent")
    return plan


@builder("cabinet")
def cabinet(rng: np.random.Generator, s: float) -> Blueprint:
    """A body with doors or drawers, each with its handle."""
    w, d, h = s * rng.uniform(0.5, 1.2), s * rng.uniform(0.35, 0.5), s * rng.uniform(0.5, 1.1)
    plan = Blueprint("cabinet", "rectangular", (w / 2, d / 2), h)
    plan.add("body", "box", (w, d, h), (0, 0, h / 2))
    rows, columns = (int(rng.integers(2, 5)), 1) if rng.random() < 0.5 else (1, int(rng.integers(1, 4)))
    front, pw, ph = -d / 2 - 0.012, w / columns, h / rows
    for i in range(rows):
        for j in range(columns):
            x, z = (j + 0.5) * pw - w / 2, (i + 0.5) * ph
            name = "drawer" if rows > 1 else "door"
            plan.add(name, "box", (pw - 0.03, 0.024, ph - 0.03), (x, front, z), "second")
            hx = x if rows > 1 else x + (0.35 * pw if j % 2 == 0 else -0.35 * pw)
            size = (0.12, 0.03, 0.025) if rows > 1 else (0.025, 0.03, 0.14)
            plan.add("handle", "box", size, (hx, front - 0.027, z), "accent")
    plan.half_m = (w / 2, d / 2 + 0.03)
    plan.supports = [(0, 0, h, 0.4 * w, 0.35 * d, 0.8)]
    return plan


@builder("stool")
def stool(rng: np.random.Generator, s: float) -> Blueprint:
    """A round seat on legs."""
    r, h = s * rng.uniform(0.16, 0.22), s * rng.uniform(0.4, 0.65)
    plan = Blueprint("stool", "round", (r, r), h)
    plan.add("seat", "frustum", (2 * r, 2 * r, 0.06 * s), (0, 0, h - 0.03 * s))
    four_legs(plan, rng, (0.75 * r, 0.75 * r), h - 0.06 * s, 0.04 * s, "second")
    plan.supports = [(0, 0, h, 0.5 * r, 0.5 * r, 0.8)]
    return plan


@builder("plant")
def plant(rng: np.random.Generator, s: float) -> Blueprint:
    """A pot, a stem and a crown of leaves."""
    r, h = s * rng.uniform(0.12, 0.2), s * rng.uniform(0.4, 1.2)
    pot = 1.8 * r
    plan = Blueprint("plant", "bushy", (1.2 * r, 1.2 * r), pot + h)
    plan.add("pot", "frustum", (2 * r, 2 * r, pot), (0, 0, pot / 2), taper=(0.7, 1.0))
    plan.add("stem", "frustum", (0.05 * s, 0.05 * s, h * 0.8), (0, 0, pot + h * 0.4), "wood")
    leaves = plan.part("leaves")
    for _ in range(int(rng.integers(5, 10))):
        turn, out, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.1) * r, rng.uniform(0.35, 1.0)
        size = s * np.array([rng.uniform(0.25, 0.45), rng.uniform(0.1, 0.22), rng.uniform(0.08, 0.2)])
        centre = (out * np.cos(turn), out * np.sin(turn), pot + h * up)
        angles = (rng.uniform(-0.6, 0.6), rng.uniform(-0.8, 0.8), turn)
        plan.add(leaves, "ellipsoid", tuple(size), centre, "leaf", angles_rad=tuple(map(float, angles)))
    return plan


@builder("bin")
def waste_bin(rng: np.random.Generator, s: float) -> Blueprint:
    """A tapered bin with a rim, sometimes a lid."""
    r, h = s * rng.uniform(0.13, 0.2), s * rng.uniform(0.3, 0.55)
    plan = Blueprint("bin", "round", (r, r), h + 0.05)
    plan.add("body", "frustum", (2 * r, 2 * r, h), (0, 0, h / 2), taper=(0.75, 0.97))
    plan.add("rim", "frustum", (2.1 * r, 2.1 * r, 0.03), (0, 0, h), "second")
    if rng.random() < 0.5:
        plan.add("lid", "ellipsoid", (2 * r, 2 * r, 0.5 * r), (0, 0, h + 0.01), "second")
    return plan


@builder("picture")
def picture(rng: np.random.Generator, s: float) -> Blueprint:
    """A framed canvas for a wall; its base is the middle of its back."""
    w, h = s * rng.uniform(0.4, 1.1), s * rng.uniform(0.35, 0.8)
    plan = Blueprint("picture", "rectangular", (w / 2, 0.03), h, place="wall")
    plan.add("frame", "box", (w, 0.03, h), (0, 0.015, h / 2))
    plan.add("canvas", "box", (w - 0.1, 0.02, h - 0.1), (0, -0.005, h / 2), "art")
    return plan


@builder("rug")
def rug(rng: np.random.Generator, s: float) -> Blueprint:
    """A flat carpet, round or rectangular; other things may stand on it."""
    x, y = s * rng.uniform(1.0, 1.8), s * rng.uniform(0.8, 1.3)
    is_round = rng.random() < 0.35
    plan = Blueprint("rug", "round" if is_round else "rectangular", (x / 2, y / 2), 0.015, place="flat")
    plan.add("body", "frustum" if is_round else "box", (x, y, 0.015), (0, 0, 0.0075))
    return plan
