"""Settings of the pseudo tubes. Imports no model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from segassets.exports.skips import SkipRules
from segassets.tracking.config import TrackingConfig


class TubeConfig(SkipRules):
    """How masks through time become pseudo tubes; scenes that give too little are left out."""

    levels: list[int] | None = Field(None, description="Levels whose tracks are used; empty for all.")
    score: Literal["mean", "mean_coverage", "mean_support"] = Field(
        "mean",
        description="A tube's score: the mean over its masks; that times the share of frames it is on; or times the "
        "share of the frames looked at, while it lives, on which a mask proposed there confirms it.",
    )
    min_score: float = Field(0.0, ge=0, le=1, description="Tubes of a lower score are dropped.")
    min_tube_frames: int = Field(1, ge=1, description="Tubes on fewer frames are dropped.")
    min_tube_coverage: float = Field(
        0.0, ge=0, le=1, description="Tubes on a smaller share of the scene's frames are dropped."
    )
    max_tube_iou: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Of two tubes that overlap more in space and time the lower score is dropped.",
    )
    max_tubes: int | None = Field(
        None, ge=1, description="Most tubes a scene keeps, best first; empty for all."
    )


class PseudoTubeConfig(TubeConfig):
    """Which masks become pseudo tubes, and how they are linked."""

    source: Literal["pseudo_masks", "sam2_tracks"] = Field(
        "pseudo_masks", description="pseudo_masks, linked through time, or the tracks there are."
    )
    link: Literal["auto", "track", "ids"] = Field(
        "auto",
        description="How pseudo masks are linked: followed by the tracker (track); by the identities they bring (ids); "
        "auto: ids where they bring some.",
    )
    tracking: TrackingConfig = Field(TrackingConfig(), description="The tracker that links pseudo masks.")
