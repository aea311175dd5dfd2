"""Where clips come from and how they are varied: the `data` and `augment` sections of an experiment.

Lengths are in frames. "Annotated frames" are those the masks speak about: a frame nobody labelled is never
taught as empty.
"""

from __future__ import annotations

from typing import Any, Literal

import pydantic
from pydantic import Field

from segassets.datasets.selection import SceneSelection, listed
from segassets.strict import StrictModel

ShortVideos = Literal["refuse", "skip", "shorten", "repeat_last"]
Merge = Literal["instance", "category"]
Level = Literal["objects", "parts", "all"]


class ClipData(StrictModel):
    """One source of clips: scenes of one dataset, whose masks teach, and how clips are cut from them."""

    dataset: str = Field(description="Name of a dataset in configs/datasets/, or its YAML file.")
    scenes: SceneSelection = Field(
        "all", description="'all', a list of scene keys or names, or {start, end} (included, lexical)."
    )
    masks: str = Field(
        "annotations",
        description="What teaches: 'annotations' of the dataset, or an asset with a mask table in the store "
        "(sam2_tracks, filtered_masks, ...).",
    )
    tag: str | None = Field(None, description="Tag of that asset; empty for the experiment's own.")
    root: str | None = Field(None, description="Store of that asset; empty for the experiment's own.")
    categories: list[int | str] | None = Field(
        None,
        description="Ids or names of the categories to teach; empty for all. One without a mask is refused.",
    )
    empty_categories: Literal["refuse", "allow"] = Field(
        "refuse",
        description="What becomes of categories without a mask in the scenes chosen: those listed in 'categories', or "
        "the dataset's own required_categories where none are listed.",
    )
    level: Level = Field("objects", description="Whole objects, their parts, or both.")
    merge: Merge = Field(
        "instance",
        description="'category' unites all masks of one category in a frame into one object, as SAM2 Video "
        "Training does.",
    )
    frames: int = Field(8, ge=1, description="Frames of a clip; 1 for image sets.")
    frame_stride: int = Field(1, ge=1, description="Step from one frame of a clip to the next.")
    clip_stride: int | None = Field(
        None, ge=1, description="Frames from the start of one clip to that of the next; empty for no overlap."
    )
    short_videos: ShortVideos = Field(
        "refuse",
        description="What becomes of a video shorter than a clip: an error, left out (and counted), a shorter "
        "clip, or its last frame repeated.",
    )
    max_objects: int = Field(3, ge=1, description="Objects of a clip at most; drawn anew each epoch.")
    late_objects: bool = Field(
        True, description="Keep objects that appear after the clip's first frame; their masks begin empty."
    )
    reverse_probability: float = Field(
        0.0, ge=0, le=1, description="Share of clips played backwards (when augmented)."
    )
    batch_size: int = Field(1, ge=1, description="Clips in a batch, per process.")
    probability: float | None = Field(
        None, gt=0, le=1, description="Share of the batches; empty for a share by number of clips."
    )

    @pydantic.field_validator("scenes", "categories", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return listed(value)

    @pydantic.field_validator("scenes", "categories")
    @classmethod
    def _not_empty(cls, value: Any) -> Any:
        if isinstance(value, list) and not value:
            raise ValueError("expected at least one, or leave the key out for all")
        return value

    @property
    def span(self) -> int:
        """Annotated frames from the first to the last of a full clip, both counted."""
        return (self.frames - 1) * self.frame_stride + 1

    @property
    def step(self) -> int:
        """`clip_stride`, or the span where it is not given."""
        return self.clip_stride or self.span


class AffineConfig(StrictModel):
    """One random affine map per clip."""

    degrees: float = Field(25.0, ge=0, le=180, description="Rotation, up to this many degrees either way.")
    shear: float = Field(20.0, ge=0, lt=90, description="Shear, up to this many degrees either way.")
    scale: tuple[float, float] | None = Field(None, description="Smallest and largest scale.")
    translate: tuple[float, float] | None = Field(
        None, description="Shift at most, as shares of width and height."
    )


class JitterConfig(StrictModel):
    """Random changes of colour; each number is the largest relative change."""

    brightness: float = Field(0.1, ge=0)
    contrast: float = Field(0.03, ge=0)
    saturation: float = Field(0.03, ge=0)
    hue: float | None = Field(
        None, ge=0, le=0.5, description="In turns of the colour circle; empty for none."
    )


class AugmentConfig(StrictModel):
    """Variation of training clips with sam2's own transforms; the defaults are those of its fine-tuning recipe.

    An empty section (`affine: null`) switches a transform off. Validation clips are never varied.
    """

    hflip: float = Field(0.5, ge=0, le=1, description="Probability of mirroring a whole clip left to right.")
    affine: AffineConfig | None = Field(
        AffineConfig(), description="Rotation, shear, scale, shift; one per clip."
    )
    jitter: JitterConfig | None = Field(JitterConfig(), description="Change of colour, one per clip.")
    frame_jitter: JitterConfig | None = Field(
        JitterConfig(brightness=0.1, contrast=0.05, saturation=0.05),
        description="Change of colour on top, another for each frame.",
    )
    gray: float = Field(0.05, ge=0, le=1, description="Probability of a clip in gray.")

    @classmethod
    def none(cls) -> AugmentConfig:
        """No variation at all."""
        return cls(hflip=0, affine=None, jitter=None, frame_jitter=None, gray=0)
