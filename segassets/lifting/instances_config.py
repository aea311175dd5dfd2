"""What may be chosen about 3D instances; imports nothing but the base of configurations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from segassets.strict import StrictModel


class InstancesConfig(StrictModel):
    """How tracks, depth and poses become instances in space."""

    masks: Literal["sam2_tracks", "coco_masks"] = Field(
        "sam2_tracks", description="The masks that are fused: tracks, or the scene's annotations."
    )
    levels: list[int] | None = Field(
        [2], description="Levels of the masks that are fused; empty for all that occur."
    )
    stride: int = Field(
        1, ge=1, le=64, description="Every n-th pixel of the depth maps along rows and columns is used."
    )
    cell_m: float = Field(0.05, gt=0, description="Edge of the cells in which views are compared, in metres.")
    spacing_m: float = Field(
        0.02,
        gt=0,
        description="Of an instance's points at most one is kept in a cube of this edge, in metres.",
    )
    consensus: float = Field(
        0.3,
        ge=0,
        le=1,
        description="A cell belongs to a track when its mask covers it in this share of the frames that see it.",
    )
    gap_m: float = Field(
        0.25,
        gt=0,
        description="Pieces of one track this far behind one another become two instances, in metres.",
    )
    leap_m: float = Field(
        1.0,
        gt=0,
        description="Pieces of one track never seen together are two instances from this distance on, in metres.",
    )
    least_share: float = Field(
        0.05, ge=0, lt=1, description="Pieces smaller than this share of their track are left out."
    )
    merge_overlap: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Tracks are one instance when each covers this share of the other's cells that its frames see.",
    )
    least_cells: int = Field(
        8, ge=1, description="Two tracks are compared when each sees at least so many cells of the other."
    )
    least_points: int = Field(20, ge=1, description="Instances of fewer points are left out.")
