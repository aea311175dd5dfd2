"""What a generated room may be: every option of the generator, its unit and its range."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from segassets.strict import StrictModel

MAX_OBJECTS = 60

CameraMode = Literal["orbit", "dolly", "pan", "handheld"]


class RoomSpec(StrictModel):
    """The distribution rooms are drawn from; one room is `generate_room(spec, seed)`."""

    frames: int = Field(24, ge=1, le=100_000, description="Frames in each room's clip.")
    size_px: tuple[int, int] = Field(
        (256, 256), description="Picture size as (height, width) in pixels, each 16 to 4096."
    )
    fov_deg: tuple[float, float] = Field(
        (58.0, 75.0), description="Range of the horizontal field of view, in degrees."
    )
    room_m: tuple[float, float] = Field(
        (4.2, 5.8), description="Range of the room's width and of its length, in metres."
    )
    height_m: tuple[float, float] = Field((2.4, 3.1), description="Range of the room's height, in metres.")

    objects_min: int = Field(6, ge=0, le=MAX_OBJECTS, description="Least number of objects in a room.")
    objects_max: int = Field(14, ge=0, le=MAX_OBJECTS, description="Greatest number of objects in a room.")
    occlusion_fraction: float = Field(
        0.35, ge=0, le=1, description="Share of the objects that are put in front of another one on purpose."
    )
    moving_fraction: float = Field(0.2, ge=0, le=1, description="Share of the objects that move.")
    late_fraction: float = Field(
        0.1, ge=0, le=1, description="Share of the objects that come in after the first frame."
    )
    object_speed_m: tuple[float, float] = Field(
        (0.02, 0.09), description="Range of a moving object's speed, in metres per frame."
    )
    distractor_fraction: float = Field(
        0.35,
        ge=0,
        le=1,
        description="Share of the objects that take the category or the colour of another one.",
    )
    categories: tuple[str, ...] | None = Field(
        None, description="Names of the object categories to draw from; all when not given."
    )

    camera_modes: tuple[CameraMode, ...] = Field(
        ("orbit", "dolly", "pan", "handheld"), min_length=1, description="Kinds of camera paths to draw from."
    )
    turn_deg: tuple[float, float] = Field(
        (0.4, 2.5), description="Range of the camera's turn (orbit, pan), in degrees per frame."
    )
    travel_m: tuple[float, float] = Field(
        (0.005, 0.05), description="Range of the camera's travel (dolly, handheld), in metres per frame."
    )
    jitter_deg: float = Field(
        0.35, ge=0, description="Shake of the camera's direction, in degrees (its height goes along)."
    )
    distance_m: tuple[float, float] = Field(
        (0.9, 3.6), description="Range of the distance from the camera at which objects are put, in metres."
    )

    lights: tuple[int, int] = Field((1, 3), description="Range of the number of lights, lamps not counted.")
    shadows: bool = Field(True, description="Cast shadows.")
    plain_fraction: float = Field(
        0.35, ge=0, le=1, description="Share of the objects without a pattern; the others are textured."
    )
    antialias: bool = Field(
        True,
        description="Four rays a pixel for colour where neighbours differ; the masks stay one ray a pixel.",
    )
    noise: tuple[float, float] = Field(
        (0.0, 5.0), description="Range of the sensor noise's standard deviation, in grey levels of 255."
    )
    blur: float = Field(0.3, ge=0, le=1, description="Share of rooms filmed slightly out of focus.")
    colour_jitter: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Strength of the change of exposure, white balance and contrast per room.",
    )

    @model_validator(mode="after")
    def _check(self) -> RoomSpec:
        for name in _RANGES:
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: expected (low, high) with low <= high, found ({low}, {high})")
        if self.objects_min > self.objects_max:
            raise ValueError(
                f"objects_min: expected at most objects_max, found {self.objects_min} > {self.objects_max}"
            )
        if not all(16 <= side <= 4096 for side in self.size_px):
            raise ValueError(f"size_px: expected (height, width) of 16 to 4096 each, found {self.size_px}")
        if not (self.fov_deg[0] >= 10 and self.fov_deg[1] <= 120):
            raise ValueError(f"fov_deg: expected a range within 10 to 120 degrees, found {self.fov_deg}")
        if self.room_m[0] < 2.5 or self.height_m[0] < 2.0:
            raise ValueError(
                f"room_m, height_m: expected at least 2.5 and 2 metres, found {self.room_m}, {self.height_m}"
            )
        if self.noise[0] < 0 or self.lights[0] < 0 or self.distance_m[0] <= 0.2:
            raise ValueError("noise and lights must not be negative, distance_m must start above 0.2 m")
        return self


_RANGES = (
    "fov_deg", "room_m", "height_m", "object_speed_m", "turn_deg", "travel_m", "distance_m", "lights",
    "noise",
)  # fmt: skip
