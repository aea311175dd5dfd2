"""Builders of the things that stand on furniture, lie about, roll or walk."""

from __future__ import annotations

import numpy as np

from segassets.datasets.rooms.furniture import Blueprint, Swing, builder


@builder("sphere")
def sphere(rng: np.random.Generator, s: float) -> Blueprint:
    """A ball."""
    r = s * rng.uniform(0.1, 0.2)
    plan = Blueprint("sphere", "round", (r, r), 2 * r, place="top", rolls=True)
    plan.add("body", "ellipsoid", (2 * r, 2 * r, 2 * r), (0, 0, r))
    return plan


@builder("box")
def box(rng: np.random.Generator, s: float) -> Blueprint:
    """A cube or a carton, sometimes with a lid."""
    x = s * rng.uniform(0.16, 0.4)
    y, z = x * rng.uniform(0.7, 1.2), x * rng.uniform(0.6, 1.2)
    plan = Blueprint("box", "square", (x / 2, y / 2), z, place="top")
    plan.add("body", "box", (x, y, z), (0, 0, z / 2))
    if rng.random() < 0.3:
        plan.add("lid", "box", (1.06 * x, 1.06 * y, 0.18 * z), (0, 0, z), "second")
        plan.height_m = 1.1 * z
    plan.supports = [(0, 0, plan.height_m, 0.3 * x, 0.3 * y, 0.5)]
    return plan


@builder("cylinder")
def cylinder(rng: np.random.Generator, s: float) -> Blueprint:
    """An upright cylinder."""
    r, h = s * rng.uniform(0.08, 0.16), s * rng.uniform(0.15, 0.5)
    plan = Blueprint("cylinder", "round", (r, r), h, place="top")
    plan.add("body", "frustum", (2 * r, 2 * r, h), (0, 0, h / 2))
    return plan


@builder("cone")
def cone(rng: np.random.Generator, s: float) -> Blueprint:
    """A cone, sometimes on a square foot like those on roads."""
    r, h = s * rng.uniform(0.1, 0.18), s * rng.uniform(0.25, 0.55)
    plan = Blueprint("cone", "pointed", (r, r), h, place="top")
    if rng.random() < 0.4:
        plan.add("body", "frustum", (1.7 * r, 1.7 * r, h), (0, 0, h / 2), taper=(1.0, 0.15))
        plan.add("foot", "box", (2 * r, 2 * r, 0.03), (0, 0, 0.015), "second")
    else:
        plan.add("body", "frustum", (2 * r, 2 * r, h), (0, 0, h / 2), taper=(1.0, 0.0))
    return plan


@builder("vase")
def vase(rng: np.random.Generator, s: float) -> Blueprint:
    """A belly, a neck and a rim."""
    r, h = s * rng.uniform(0.07, 0.13), s * rng.uniform(0.22, 0.42)
    plan = Blueprint("vase", "round", (r, r), h, place="top")
    plan.add("body", "ellipsoid", (2 * r, 2 * r, 0.7 * h), (0, 0, 0.35 * h))
    plan.add("neck", "frustum", (1.1 * r, 1.1 * r, 0.4 * h), (0, 0, 0.78 * h), taper=(0.7, 1.0))
    plan.add("rim", "frustum", (1.3 * r, 1.3 * r, 0.06 * h), (0, 0, 0.97 * h), "second")
    return plan


@builder("monitor")
def monitor(rng: np.random.Generator, s: float) -> Blueprint:
    """A screen in a frame on a stand."""
    w = s * rng.uniform(0.45, 0.75)
    h = 0.6 * w
    plan = Blueprint("monitor", "flat", (w / 2, 0.1), 1.3 * h, place="top")
    plan.add("frame", "box", (w, 0.035, h), (0, 0, 0.8 * h), "dark")
    plan.add("screen", "box", (w - 0.05, 0.02, h - 0.05), (0, -0.012, 0.8 * h), "art")
    stand = plan.add("stand", "box", (0.06, 0.04, 0.35 * h), (0, 0.01, 0.175 * h), "dark")
    plan.add(stand, "box", (0.4 * w, 0.18, 0.02), (0, 0, 0.01), "dark")
    return plan


@builder("bottle")
def bottle(rng: np.random.Generator, s: float) -> Blueprint:
    """Body, shoulder with neck, and cap."""
    r, h = s * rng.uniform(0.04, 0.06), s * rng.uniform(0.22, 0.34)
    plan = Blueprint("bottle", "slim", (r, r), h, place="top")
    plan.add("body", "frustum", (2 * r, 2 * r, 0.6 * h), (0, 0, 0.3 * h))
    neck = plan.add("neck", "frustum", (2 * r, 2 * r, 0.15 * h), (0, 0, 0.675 * h), taper=(1.0, 0.4))
    plan.add(neck, "frustum", (0.8 * r, 0.8 * r, 0.2 * h), (0, 0, 0.83 * h))
    plan.add("cap", "frustum", (r, r, 0.08 * h), (0, 0, 0.96 * h), "second")
    return plan


@builder("cup")
def cup(rng: np.random.Generator, s: float) -> Blueprint:
    """A mug with a handle."""
    r, h = s * rng.uniform(0.05, 0.08), s * rng.uniform(0.1, 0.17)
    plan = Blueprint("cup", "round", (1.3 * r, r), h, place="top")
    plan.add("body", "frustum", (2 * r, 2 * r, h), (0, 0, h / 2), taper=(0.8, 1.0))
    handle = plan.part("handle")
    plan.add(handle, "box", (0.2 * r, 0.3 * r, 0.6 * h), (1.5 * r, 0, 0.55 * h), "second")
    for z in (0.28, 0.8):
        plan.add(handle, "box", (0.8 * r, 0.3 * r, 0.1 * h), (1.2 * r, 0, z * h), "second")
    return plan


@builder("books")
def books(rng: np.random.Generator, s: float) -> Blueprint:
    """A stack of two to five books."""
    w, z = s * rng.uniform(0.18, 0.28), 0.0
    plan = Blueprint("books", "flat", (0.75 * w, 0.55 * w), 0.1, place="top")
    for k in range(int(rng.integers(2, 6))):
        thick, shrink = s * rng.uniform(0.025, 0.06), rng.uniform(0.75, 1.0)
        turn = (0.0, 0.0, float(rng.uniform(-0.25, 0.25)))
        size = (1.35 * w * shrink, w * shrink, thick)
        plan.add("book", "box", size, (0, 0, z + thick / 2), f"book{k}", angles_rad=turn)
        z += thick
    plan.height_m = z
    return plan


@builder("teddy")
def teddy(rng: np.random.Generator, s: float) -> Blueprint:
    """A sitting bear of rounded parts."""
    u = s * rng.uniform(0.2, 0.36)
    plan = Blueprint("teddy", "round", (0.55 * u, 0.55 * u), 1.5 * u, place="top")
    plan.add("body", "ellipsoid", (0.8 * u, 0.7 * u, 0.95 * u), (0, 0, 0.5 * u))
    head = plan.add("head", "ellipsoid", (0.65 * u, 0.6 * u, 0.6 * u), (0, -0.03 * u, 1.15 * u))
    plan.add("nose", "ellipsoid", (0.28 * u, 0.2 * u, 0.22 * u), (0, -0.3 * u, 1.08 * u), "second")
    for x in (-0.11, 0.11):
        plan.add(head, "ellipsoid", (0.07 * u,) * 3, (x * u, -0.29 * u, 1.25 * u), "dark")
    for side in (-1, 1):
        plan.add("ear", "ellipsoid", (0.22 * u, 0.1 * u, 0.22 * u), (side * 0.26 * u, 0, 1.42 * u), "second")
        swing = Swing((side * 0.35 * u, 0, 0.8 * u), 0.5, 1.57 * (1 + side))
        plan.add(
            "arm",
            "ellipsoid",
            (0.24 * u, 0.3 * u, 0.5 * u),
            (side * 0.45 * u, -0.1 * u, 0.65 * u),
            swing=swing,
        )
        plan.add("leg", "ellipsoid", (0.3 * u, 0.6 * u, 0.3 * u), (side * 0.28 * u, -0.3 * u, 0.16 * u))
    return plan


@builder("dog")
def dog(rng: np.random.Generator, s: float) -> Blueprint:
    """A four-legged animal whose legs swing when it walks."""
    u, leg = s * rng.uniform(0.45, 0.75), rng.uniform(0.3, 0.45)
    z = u * (leg + 0.14)
    plan = Blueprint("dog", "long", (0.22 * u, 0.6 * u), u * (leg + 0.5))
    plan.add("body", "ellipsoid", (0.34 * u, 0.9 * u, 0.36 * u), (0, 0, z))
    head = plan.add("head", "ellipsoid", (0.26 * u, 0.32 * u, 0.28 * u), (0, -0.5 * u, z + 0.24 * u))
    plan.add(
        head, "frustum", (0.18 * u, 0.18 * u, 0.3 * u), (0, -0.38 * u, z + 0.1 * u), angles_rad=(0.6, 0, 0)
    )
    plan.add("nose", "ellipsoid", (0.14 * u, 0.24 * u, 0.13 * u), (0, -0.66 * u, z + 0.19 * u), "second")
    for side in (-1, 1):
        ear = (side * 0.1 * u, -0.46 * u, z + 0.38 * u)
        plan.add("ear", "ellipsoid", (0.07 * u, 0.09 * u, 0.2 * u), ear, "second")
        for end in (-1, 1):
            x, y = side * 0.1 * u, end * 0.3 * u
            swing = Swing((x, y, z), 0.5, 1.57 * (1 + side * end))
            size = (0.11 * u, 0.13 * u, z)
            plan.add("leg", "frustum", size, (x, y, z / 2), taper=(0.7, 1.0), swing=swing)
    wag = Swing((0, 0.42 * u, z + 0.05 * u), 0.25, 0.0)
    angles = (-0.7, 0.0, 0.0)
    plan.add(
        "tail",
        "frustum",
        (0.07 * u, 0.07 * u, 0.4 * u),
        (0, 0.55 * u, z + 0.2 * u),
        angles_rad=angles,
        swing=wag,
    )
    return plan


@builder("figure")
def figure(rng: np.random.Generator, s: float) -> Blueprint:
    """A doll that stands or walks."""
    h = s * rng.uniform(0.5, 1.1)
    plan = Blueprint("figure", "tall", (0.16 * h, 0.12 * h), h)
    plan.add("body", "frustum", (0.3 * h, 0.2 * h, 0.36 * h), (0, 0, 0.62 * h), taper=(0.8, 1.0))
    head = plan.add("head", "ellipsoid", (0.17 * h, 0.18 * h, 0.2 * h), (0, 0, 0.9 * h), "skin")
    plan.add(head, "ellipsoid", (0.18 * h, 0.18 * h, 0.14 * h), (0, 0.015 * h, 0.95 * h), "dark")
    for side in (-1, 1):
        arm = Swing((side * 0.19 * h, 0, 0.78 * h), 0.6, 1.57 * (1 + side))
        plan.add("arm", "frustum", (0.08 * h, 0.08 * h, 0.36 * h), (side * 0.19 * h, 0, 0.61 * h), swing=arm)
        leg = Swing((side * 0.08 * h, 0, 0.46 * h), 0.45, 1.57 * (1 - side))
        size, centre = (0.12 * h, 0.13 * h, 0.46 * h), (side * 0.08 * h, 0, 0.23 * h)
        plan.add("leg", "frustum", size, centre, "second", taper=(0.75, 1.0), swing=leg)
    return plan


@builder("car")
def car(rng: np.random.Generator, s: float) -> Blueprint:
    """A toy car: body, cabin and four wheels."""
    u = s * rng.uniform(0.35, 0.7)
    plan = Blueprint("car", "long", (0.26 * u, 0.5 * u), 0.42 * u)
    plan.add("body", "box", (0.44 * u, u, 0.17 * u), (0, 0, 0.17 * u))
    plan.add(
        "cabin", "frustum", (0.4 * u, 0.6 * u, 0.18 * u), (0, 0.06 * u, 0.34 * u), "second", taper=(1.0, 0.75)
    )
    for side in (-1, 1):
        for end in (-1, 1):
            centre = (side * 0.22 * u, end * 0.3 * u, 0.1 * u)
            plan.add(
                "wheel", "frustum", (0.2 * u, 0.2 * u, 0.07 * u), centre, "dark", angles_rad=(0, 1.570796, 0)
            )
    return plan


@builder("cushion")
def cushion(rng: np.random.Generator, s: float) -> Blueprint:
    """A soft flat thing."""
    w = s * rng.uniform(0.35, 0.6)
    plan = Blueprint("cushion", "flat", (w / 2, w / 2), 0.3 * w, place="top")
    plan.add("body", "ellipsoid", (w, w * rng.uniform(0.8, 1.0), 0.3 * w), (0, 0, 0.15 * w))
    return plan


@builder("mushroom")
def mushroom(rng: np.random.Generator, s: float) -> Blueprint:
    """A stem under a cap."""
    r, h = s * rng.uniform(0.1, 0.2), s * rng.uniform(0.2, 0.4)
    plan = Blueprint("mushroom", "round", (r, r), h + 0.4 * r, place="top")
    plan.add("stem", "frustum", (0.7 * r, 0.7 * r, h), (0, 0, h / 2), "second", taper=(1.0, 0.7))
    plan.add("cap", "ellipsoid", (2 * r, 2 * r, 0.9 * r), (0, 0, h))
    return plan


@builder("tower")
def tower(rng: np.random.Generator, s: float) -> Blueprint:
    """Building blocks on top of each other, each of its own colour."""
    w, z = s * rng.uniform(0.12, 0.22), 0.0
    plan = Blueprint("tower", "stacked", (w / 2, w / 2), 0.3, place="top")
    for k in range(int(rng.integers(2, 5))):
        kind = ("box", "frustum", "ellipsoid")[int(rng.integers(0, 3 if k else 2))]
        side, h = w * rng.uniform(0.7, 1.0), w * rng.uniform(0.5, 1.0)
        plan.add("block", kind, (side, side, h), (0, 0, z + h / 2), f"book{k}")
        z += h
    plan.height_m = z
    return plan
