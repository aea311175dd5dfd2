"""What may be chosen about depth, lifting and rendering; imports nothing but the base of configurations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from segassets.strict import StrictModel


class DepthConfig(StrictModel):
    """Where depth comes from, and what makes relative depth metres."""

    source: Literal["auto", "sensor", "model"] = Field(
        "auto",
        description="auto: the sensor's depth where the scene has any, else the model's; model: always the model's.",
    )
    max_frames: int = Field(
        120, ge=0, description="Depth of at most this many frames, evenly spaced; 0 = of all."
    )
    sensor_range_m: float | None = Field(
        None, gt=0, description="A sensor's depth beyond is invalid; empty keeps all."
    )
    arbitrary_scale: bool = Field(
        False,
        description="Let relative depth become depth of no known unit, its median being 1 on every frame.",
    )
    depth_range_m: list[float] | None = Field(
        None, description="Nearest and farthest depth of relative maps, in metres."
    )
    known_points: list[list[float]] = Field(
        [],
        description="Known depths: frame, x and y in pixels of the picture, metres along the optical axis; "
        "scale and shift of the frame's map are fitted to them.",
    )
    align_to_sensor: bool = Field(
        False, description="Fit the model's maps to the sensor's depth where the frame has it."
    )

    @model_validator(mode="after")
    def _check(self) -> DepthConfig:
        bounds = self.depth_range_m
        if bounds is not None and not (len(bounds) == 2 and 0 < bounds[0] < bounds[1]):
            raise ValueError(f"depth_range_m: expected two depths, 0 < nearest < farthest, found {bounds}")
        for point in self.known_points:
            if len(point) != 4 or point[0] != int(point[0]):
                raise ValueError(f"known_points: expected frame, x, y and metres of each, found {point}")
        if self.align_to_sensor and self.source != "model":
            raise ValueError("align_to_sensor needs source: model; the sensor's own depth is not aligned")
        return self


class LiftConfig(StrictModel):
    """How depth becomes points and Gaussians."""

    masks: Literal["best", "sam2_tracks", "coco_masks", "none"] = Field(
        "best",
        description="Whose masks points carry; best: the tracks where there are any, else annotations.",
    )
    levels: list[int] | None = Field(
        None, description="Levels of the masks; empty for the coarsest that occurs."
    )
    fov_deg: float | None = Field(
        60.0,
        gt=0,
        lt=180,
        description="Horizontal field of view assumed for pictures without intrinsics; empty refuses them.",
    )
    max_depth_m: float | None = Field(None, gt=0, description="Depth beyond is dropped; empty keeps all.")
    edge_threshold: float = Field(
        0.05, ge=0, description="Relative step in depth between neighbours that is an edge; 0 keeps edges."
    )
    stride: int = Field(
        1,
        ge=1,
        le=64,
        description="Every n-th pixel along rows and columns becomes a point; more where max_points asks for it.",
    )
    max_points: int = Field(
        150_000,
        ge=100,
        description="Points of a scene whose frames share the world's axes, thinned evenly; else of each frame.",
    )
    opacity: float = Field(0.1, gt=0, lt=1, description="Opacity of a Gaussian to begin with.")


class RenderingConfig(StrictModel):
    """Sets to render from, and the views rendered to look at."""

    resolutions: list[int] = Field(
        [128, 256, 512], min_length=1, description="Longer side, in pixels, of each render set."
    )
    renderer: Literal["cpu", "gsplat"] = Field(
        "cpu", description="cpu: the platform's own; gsplat: the library, on a CUDA device."
    )
    max_side_px: int = Field(
        320, ge=16, le=4096, description="Longer side of rendered views; never more than the picture's."
    )
    frames: int = Field(
        2,
        ge=1,
        le=64,
        description="Frames without a common world that are seen from new views, evenly spaced.",
    )
    orbit_deg: float = Field(
        10.0,
        gt=0,
        lt=90,
        description="Angle of the views beside a frame's own, about what lies in its middle.",
    )
    opacity: float = Field(0.95, gt=0, lt=1, description="Opacity that untrained Gaussians are shown with.")
    size_factor: float = Field(
        0.6, gt=0, le=4, description="Size that untrained Gaussians are shown with, as a share of their own."
    )

    @model_validator(mode="after")
    def _check(self) -> RenderingConfig:
        if any(not 16 <= side <= 4096 for side in self.resolutions) or len(set(self.resolutions)) < len(
            self.resolutions
        ):
            raise ValueError("expected resolutions from 16 to 4096, each once")
        return self
