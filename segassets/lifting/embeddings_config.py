"""What may be chosen about embeddings; imports nothing but the base of configurations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from segassets.strict import StrictModel


class EmbeddingsConfig(StrictModel):
    """Which masks are embedded, and how a track's vector is made of those of its masks."""

    masks: Literal["sam2_tracks", "coco_masks", "filtered_masks"] = Field(
        "sam2_tracks", description="The masks that are embedded: tracks, annotations or candidates."
    )
    levels: list[int] | None = Field(None, description="Levels of the masks; empty for all that occur.")
    views_per_track: int | None = Field(
        None,
        ge=1,
        description="Only the largest so many masks of each track are embedded; empty for every mask.",
    )
    pooled_views: int = Field(
        5, ge=1, description="A track's vector is the mean over its largest so many masks, weighted by area."
    )
    batch_size: int = Field(64, ge=1, description="Crops that go through the network together.")
