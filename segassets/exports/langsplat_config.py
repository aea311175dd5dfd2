"""What may be chosen about LangSplat's scenes; imports nothing but the base of configurations."""

from __future__ import annotations

from pydantic import Field, field_validator

from segassets.strict import StrictModel


class LangsplatConfig(StrictModel):
    """What of a scene is written for LangSplat."""

    fill_levels: bool = Field(
        True, description="Levels of parts show the wholes where there are no parts; else nothing there."
    )
    iteration: int = Field(
        30000,
        ge=0,
        description="Number in the names of checkpoints and point cloud; LangSplat renders 30000.",
    )
    points: int = Field(
        100_000, ge=1, description="Points of the COLMAP model at most, evenly taken from the Gaussians."
    )
    feature_levels: list[int] = Field(
        [1, 2, 3],
        description="Levels (1 small, 2 medium, 3 large) a checkpoint with features is written for.",
    )

    @field_validator("feature_levels")
    @classmethod
    def _known(cls, value: list[int]) -> list[int]:
        if not set(value) <= {1, 2, 3} or len(set(value)) < len(value):
            raise ValueError(f"expected some of 1, 2 and 3, each once, found {value}")
        return value
