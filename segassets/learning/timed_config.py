"""What the trainings that end with their time have in common: time, rate, rooms. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from segassets.strict import StrictModel


class RoomClips(StrictModel):
    """Generated rooms, rendered while the training runs and removed when it is done."""

    count: int = Field(1200, ge=1, description="Clips to learn from.")
    first_seed: int = Field(1_000_000, ge=0, description="Seed of the first; the others follow.")
    check_count: int = Field(24, ge=1, description="Clips to judge by while training.")
    check_first_seed: int = Field(900_000, ge=0, description="Seed of the first of those.")


class TimedConfig(StrictModel):
    """A training that ends when its processor time is used up, so that a busy machine trains the same, only later."""

    rooms: RoomClips = Field(RoomClips(), description="What it learns from.")
    minutes: float = Field(105.0, gt=0, description="Processor time of the training, in minutes of one core.")
    threads: int = Field(1, ge=1, description="Threads of the training.")
    learning_rate: float = Field(4e-4, gt=0, description="AdamW's, at its highest.")
    weight_decay: float = Field(0.01, ge=0, description="0 for biases and norms, whatever this says.")
    warmup_steps: int = Field(200, ge=1, description="Steps to the full learning rate.")
    falling_share: float = Field(
        0.6, gt=0, le=1, description="Part of the time, at the end, in which the rate falls in a line."
    )
    bf16: bool = Field(True, description="Run the convolutions in bfloat16.")
    save_every_s: float = Field(120, gt=0, description="Seconds of processor time between two saves.")
    check_every_s: float = Field(300, gt=0, description="Seconds of processor time between two checks.")
