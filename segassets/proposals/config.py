"""Settings of the proposals stage: how candidates are made and which are kept. Imports no model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from segassets.proposals.levels import check_levels, depth_of


class CandidateConfig(BaseModel):
    """How masks are proposed on keyframes."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    levels: list[int] = Field(
        [2, 4, 6],
        description="Granularities, strictly increasing: 1, 2 whole; 3, 4 part; 5, 6 sub-part. The first "
        "is the base level; a mask of a later one lies inside its parent of an earlier one",
    )
    keyframe_stride: int = Field(
        4, ge=1, description="Every n-th selected frame is a keyframe, from the first on"
    )
    engine: Literal["sam2", "external"] = Field(
        "sam2", description="sam2: the run's own model; external: a program in its own Python environment"
    )
    points_per_side: int = Field(
        16, ge=1, le=256, description="The frame is prompted at a grid of this many points along each side"
    )
    points_per_batch: int = Field(
        64, ge=1, description="Points decoded together; more is faster on a GPU and needs more memory"
    )
    predicted_iou_threshold: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Masks whose IoU the network itself estimates below this are not proposed",
    )
    stability_threshold: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Masks of a lower stability are not proposed (the filter may ask for more)",
    )
    stability_offset: float = Field(
        1.0, gt=0, description="Stability is the IoU of the masks at logits above +offset and above -offset"
    )
    nms_iou: float = Field(
        0.75,
        gt=0,
        le=1,
        description="Of two masks of a higher IoU only the one of the higher score is proposed",
    )
    min_region_area: int = Field(16, ge=0, description="Islands, holes and masks of fewer pixels are removed")
    containment: float = Field(
        0.85,
        gt=0.5,
        le=1,
        description="A mask with this share of its pixels (or more) inside a larger one is its part",
    )
    max_child_share: float = Field(
        0.8,
        gt=0,
        lt=1,
        description="A part that covers more of its parent than this share repeats it and is dropped",
    )
    refine: bool = Field(
        True,
        description="Prompt again inside the masks of one level to find those of the next; false: one grid",
    )
    refine_points: int = Field(
        16, ge=1, description="Prompts that lie in each parent at least, where it is refined and large enough"
    )
    max_masks_per_level: int = Field(
        256, ge=0, description="Masks per frame and level, the best scores first; 0 = no limit"
    )
    exclusive: bool = Field(
        False,
        description="A pixel that masks of a level compete for goes to the best score; false: they overlap",
    )
    gap_fill: bool = Field(
        False,
        description="Make masks of what the base level leaves uncovered, one for each 4-connected component",
    )
    fill_area: int = Field(300, ge=1, description="Uncovered components of fewer pixels are not filled")
    external_python: str = Field(
        "", description="external: the Python interpreter of the program's environment"
    )
    external_program: list[str] = Field(
        [], description="external: the script (or -m and a module) and its arguments"
    )
    external_options: dict[str, Any] = Field(
        {}, description="external: handed to the program as `options` of its request"
    )
    external_env: dict[str, str] = Field(
        {}, description="external: environment variables set for the program"
    )
    external_timeout_s: float = Field(
        1800.0, gt=0, description="external: seconds without a new result after which the program is ended"
    )

    @field_validator("levels")
    @classmethod
    def _sound_levels(cls, levels: list[int]) -> list[int]:
        return check_levels(levels)

    @model_validator(mode="after")
    def _engine_has_what_it_needs(self) -> CandidateConfig:
        if self.engine == "external" and not (self.external_python and self.external_program):
            raise ValueError("engine 'external' needs external_python and external_program")
        if self.engine == "sam2" and len({depth_of(level) for level in self.levels}) < len(self.levels):
            raise ValueError(
                f"levels {self.levels}: engine 'sam2' knows whole (1, 2), part (3, 4) and sub-part (5, 6); "
                "list one level of each pair"
            )
        return self


class FilterConfig(BaseModel):
    """Which candidates are kept. Values a mask does not have (gap fills have no stability) are not judged."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    min_area: int = Field(100, ge=0, description="Masks of fewer pixels are dropped")
    max_area_share: float = Field(
        1.0, gt=0, le=1, description="Masks that cover more than this share of the frame are dropped"
    )
    stability: float = Field(0.85, ge=0, le=1, description="Masks of a lower stability are dropped")
    predicted_iou: float = Field(0.0, ge=0, le=1, description="Masks of a lower predicted IoU are dropped")
    max_overlap: float = Field(
        0.75,
        gt=0,
        le=1,
        description="Of two masks of one level and frame with a higher IoU the lower score is dropped",
    )
    max_containment: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Masks with more than this share inside another of their level are dropped; 1 = off",
    )
