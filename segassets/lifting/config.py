"""What may be chosen about lifting; imports nothing but the base of configurations."""

from __future__ import annotations

from pydantic import Field, model_validator

from segassets.strict import StrictModel


class LiftConfig(StrictModel):
    """How depth becomes points and Gaussians."""

    arbitrary_scale: bool = Field(
        False, description="Let relative depth become points of no known unit, the median depth being 1."
    )
    depth_range_m: tuple[float, float] | None = Field(
        None, description="Nearest and farthest depth of relative maps, in metres."
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
        1, ge=1, le=64, description="Every n-th pixel along rows and columns becomes a point."
    )
    opacity: float = Field(0.1, gt=0, lt=1, description="Opacity of a Gaussian to begin with.")

    @model_validator(mode="after")
    def _check(self) -> LiftConfig:
        if self.depth_range_m is not None and not 0 < self.depth_range_m[0] < self.depth_range_m[1]:
            raise ValueError("expected 0 < nearest < farthest")
        return self
