"""Settings of the tracking stage. Imports no model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrackingConfig(BaseModel):
    """How candidates become tracks."""

    model_config = ConfigDict(extra="forbid")

    prompt: Literal["mask", "box", "long_tail"] = Field(
        "mask",
        description="What founds a track: the candidate's mask, its box, or boxes for small masks only",
    )
    long_tail_area: int = Field(
        1500,
        ge=0,
        description="With prompt=long_tail: candidates of at most this many pixels are prompted by box",
    )
    iou_threshold: float = Field(
        0.6,
        gt=0,
        le=1,
        description="A candidate supports a track of its level from this IoU on; below, it founds one",
    )
    max_propagate: int | None = Field(
        None, ge=0, description="Frames a track lives after its last supporting keyframe; null = to the end"
    )
    backward_frames: int = Field(
        8, ge=0, description="A new track is followed backwards over at most this many frames"
    )
    retire_after: int = Field(
        16, ge=1, description="Frames without a mask after which a track is retired as having left the view"
    )
    max_objects: int = Field(
        256, ge=1, description="Tracks followed at the same time; further candidates are counted, not tracked"
    )
    objects_per_batch: int = Field(32, ge=1, description="Objects stepped through the network together")
    mask_threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Pixels of a larger probability belong to a tracked mask; empty for the model's own (0.5, or what "
        "a threshold search found for a trained one); what the network remembers does not depend on it",
    )
    min_area: int = Field(1, ge=1, description="Tracked masks of fewer pixels count as absent")
    chunk_frames: int = Field(
        64,
        ge=1,
        description="Frames between two resumable checkpoints of a running track; a kill loses at most these",
    )
