"""The `views` section of an experiment: how the nano networks for depth and words learn. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from segassets.learning.timed_config import RoomClips, TimedConfig


class ViewsConfig(TimedConfig):
    """Single views of generated rooms; small pictures first, then the model's own size."""

    rooms: RoomClips = Field(
        RoomClips(count=2500, first_seed=2_000_000, check_count=40, check_first_seed=2_900_000),
        description="What it learns from: three views of each room.",
    )
    minutes: float = Field(30.0, gt=0, description="Processor time of the training, in minutes of one core.")
    batch: int = Field(8, ge=1, description="Pictures, or objects with their captions, of a step.")
    small_size_px: int = Field(192, ge=32, description="Side of the pictures at first.")
    small_share: float = Field(0.5, ge=0, le=1, description="Part of the time spent on those.")
    trunk_of: str | None = Field(
        "nano", description="Model of family sam2 whose trunk it begins with; empty for random values."
    )
