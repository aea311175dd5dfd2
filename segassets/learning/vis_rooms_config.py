"""The `vis_from_rooms` section of an experiment: how a small SeqFormer learns on generated rooms. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from segassets.learning.timed_config import TimedConfig


class VisRoomsConfig(TimedConfig):
    """Single frames first, then clips; small pictures first, then the model's own size.

    Shares are of the training's processor time, so that a busy machine trains the same, only later.
    """

    minutes: float = Field(70.0, gt=0, description="Processor time of the training, in minutes of one core.")
    backbone_factor: float = Field(0.3, ge=0, description="The backbone learns at this times the rate.")
    weight_decay: float = Field(1e-4, ge=0, description="0 for biases and norms, whatever this says.")
    warmup_steps: int = Field(150, ge=1, description="Steps to the full learning rate.")
    falling_share: float = Field(
        0.55, gt=0, le=1, description="Part of the time, at the end, in which the rate falls in a line."
    )
    query_sets: int = Field(3, ge=1, description="Sets of queries while training; the first one stays.")
    frames_per_step: int = Field(
        8, ge=1, description="Single frames of a step; clips of a step hold about as many."
    )
    clip_frames: tuple[int, int] = Field((3, 5), description="Fewest and most frames of a clip, up to 10.")
    singles_only_share: float = Field(0.35, ge=0, lt=1, description="Part of the time without clips.")
    clip_share: float = Field(0.75, ge=0, le=1, description="Steps on clips after that.")
    small_size_px: int = Field(192, ge=32, description="Side of the pictures at first.")
    small_share: float = Field(0.35, ge=0, lt=1, description="Part of the time spent on those.")
    least_area_px: int = Field(
        16, ge=1, description="Objects with fewer pixels on every frame of a clip are not asked for."
    )
    save_every_s: float = Field(180, gt=0, description="Seconds of processor time between two saves.")
    check_every_s: float = Field(420, gt=0, description="Seconds of processor time between two checks.")
