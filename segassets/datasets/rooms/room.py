"""A composed room: its things in their places, the camera's path, walls and lights."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from segassets.datasets.rooms import motion
from segassets.datasets.rooms.camera import Pinhole
from segassets.datasets.rooms.fixtures import Fixture
from segassets.datasets.rooms.furniture import Blueprint
from segassets.datasets.rooms.primitives import Triple
from segassets.datasets.rooms.rays import Light
from segassets.datasets.rooms.surfaces import Look
from segassets.datasets.rooms.textures import Material


@dataclass
class Thing:
    """An object in its place: blueprint, appearance, poses over the frames."""

    plan: Blueprint
    look: Look
    scale: float
    size: str
    track: motion.Track
    moving: bool = False
    arrives: int = 0
    on_top: bool = False
    radius_m: float = 0.1


@dataclass
class Room:
    """Everything a renderer needs to know about a clip."""

    room_m: Triple
    pinhole: Pinhole
    poses: np.ndarray
    shell: list[Material]
    lights: list[Light]
    ambient: tuple
    fixtures: list[Fixture]
    things: list[Thing] = field(default_factory=list)
