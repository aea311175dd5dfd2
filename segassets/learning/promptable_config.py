"""The `from_nothing` section of an experiment: how a small SAM2 learns from random values. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from segassets.learning.timed_config import TimedConfig


class FromNothingConfig(TimedConfig):
    """Pictures first, then pictures and clips; small pictures first, then the model's own size.

    Shares are of the training's processor time, so that a busy machine trains the same, only later.
    """

    pictures: int = Field(8, ge=1, description="Pictures of a step.")
    prompts_per_picture: int = Field(6, ge=1, description="Points, boxes and masks asked of each picture.")
    targets_per_clip: int = Field(6, ge=1, description="Objects followed through the clip of a step.")
    short_clip: int = Field(5, ge=2, le=10, description="Frames of most clips.")
    long_clip: int = Field(8, ge=2, le=10, description="Frames of a third of the clips of the second half.")
    pictures_only_share: float = Field(0.12, ge=0, lt=1, description="Part of the time without clips.")
    clip_share: float = Field(
        0.4, ge=0, le=1, description="Steps on clips after that; a tenth more from halfway."
    )
    small_size_px: int = Field(192, ge=32, description="Side of the pictures at first.")
    small_share: float = Field(0.55, ge=0, lt=1, description="Part of the time spent on those.")
