"""The `from_nothing` section of an experiment: how a small SAM2 learns from random values. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from segassets.strict import StrictModel


class RoomClips(StrictModel):
    """Generated rooms, rendered while the training runs and removed when it is done."""

    count: int = Field(1200, ge=1, description="Clips to learn from, ten frames each.")
    first_seed: int = Field(1_000_000, ge=0, description="Seed of the first; the others follow.")
    check_count: int = Field(24, ge=1, description="Clips to judge by while training.")
    check_first_seed: int = Field(900_000, ge=0, description="Seed of the first of those.")


class FromNothingConfig(StrictModel):
    """Pictures first, then pictures and clips; small pictures first, then the model's own size.

    Shares are of the training's processor time, so that a busy machine trains the same, only later.
    """

    rooms: RoomClips = Field(RoomClips(), description="What it learns from.")
    minutes: float = Field(105.0, gt=0, description="Processor time of the training, in minutes of one core.")
    threads: int = Field(1, ge=1, description="Threads of the training.")
    learning_rate: float = Field(4e-4, gt=0, description="AdamW's, at its highest.")
    weight_decay: float = Field(0.01, ge=0, description="0 for biases and norms, whatever this says.")
    warmup_steps: int = Field(200, ge=1, description="Steps to the full learning rate.")
    falling_share: float = Field(
        0.6, gt=0, le=1, description="Part of the time, at the end, in which the rate falls in a line."
    )
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
    bf16: bool = Field(True, description="Run the encoder's convolutions in bfloat16.")
    save_every_s: float = Field(120, gt=0, description="Seconds of processor time between two saves.")
    check_every_s: float = Field(300, gt=0, description="Seconds of processor time between two checks.")
