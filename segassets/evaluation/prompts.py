"""Settings of an evaluation: what a model is shown of each object, and how its answers are judged. Imports no model.

`EvalPrompts` is the prompts alone; `EvaluationConfig` adds the judging, and is what the section `evaluation:` of an
experiment holds. Every key may be left out.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from segassets.strict import StrictModel

PromptKind = Literal["point", "box", "mask"]


class EvalPrompts(StrictModel):
    """What a model is shown of an object, once, on the frame where it first appears."""

    type: Literal["point", "box", "mask", "mixed"] = Field(
        "mask", description="Clicks, a box, the mask itself, or one of `mixed` drawn for each object."
    )
    mixed: list[PromptKind] = Field(
        ["point", "box", "mask"],
        min_length=1,
        description="With type: mixed, what is drawn from, all equally likely.",
    )
    num_points: int = Field(1, ge=1, le=64, description="Clicks inside the object.")
    num_negative_points: int = Field(
        0,
        ge=0,
        le=64,
        description="Clicks outside it, near its box; beside the clicks inside it or beside the box.",
    )
    include_center: bool = Field(
        True, description="The first click is the object's centre-most pixel; the others are drawn at random."
    )
    grid_spacing_px: int | None = Field(
        None,
        ge=1,
        description="Clicks on a grid of this spacing, all that fall inside the object; null = no grid.",
    )
    late_objects: Literal["prompt", "miss", "ignore"] = Field(
        "prompt",
        description="Objects that appear after the first frame: shown where they first appear, never shown and counted "
        "as missed, or left out of the evaluation.",
    )
    noisy: bool = Field(False, description="Disturb the prompts as the keys below say.")
    noise_intensity: float = Field(
        0.1, ge=0, le=1, description="How much: a share of the object's size (boxes, masks, clicks)."
    )
    box_noise: Literal["shift", "scale", "shift_scale", "rotate"] = Field(
        "shift_scale",
        description="Boxes are moved, resized, both, or turned by up to intensity x 90 degrees.",
    )
    mask_noise: Literal["dilate", "erode", "either"] = Field(
        "either", description="Masks grow, shrink, or one of the two drawn for each object."
    )
    seed: int = Field(0, ge=0, description="Seed of everything drawn; the same seed shows the same prompts.")


class EvaluationConfig(EvalPrompts):
    """Prompts, and how the answers are judged."""

    objects: Literal["instance", "category"] = Field(
        "instance", description="Judge each object, or each category as the union of its objects (semantic)."
    )
    split: Literal["components", "annotations", "whole"] = Field(
        "components",
        description="With objects: category, what is prompted: the connected components of the category's opened mask, "
        "its annotated objects, or the mask as a whole.",
    )
    level: Literal["objects", "parts", "all"] = Field("objects", description="Which annotations are judged.")
    categories: list[int | str] | None = Field(
        None, description="Ids or names of the categories to judge; null = all of them."
    )
    background: list[int | str] = Field(
        ["background"], description="Ids or names of categories that are background rather than objects."
    )
    exclude_background: bool = Field(True, description="Leave background categories out.")
    variable_categories: bool = Field(
        True,
        description="A category that a video never shows is not judged in it; false: it is, and an empty answer to it "
        "is a right one. With objects: category.",
    )
    both_empty: Literal["one", "ignore"] = Field(
        "one", description="A frame without the object where none is predicted: agreement (1), or not judged."
    )
    prompted_frames: Literal["judge", "skip"] = Field(
        "judge", description="Whether the frame on which an object was shown is judged for it."
    )
    min_area_fraction: float = Field(
        0.0, ge=0, lt=1, description="Objects whose first mask is a smaller share of the frame are left out."
    )
    clip_length: int | None = Field(
        None,
        ge=1,
        description="Cut videos into clips of so many frames, each prompted anew; null = whole videos.",
    )
    max_frames: int | None = Field(
        None, ge=1, description="Only the first so many frames of a video; null = all."
    )
    objects_per_batch: int = Field(16, ge=1, description="Objects stepped through the network together.")
    threshold: float = Field(
        0.5, gt=0, lt=1, description="A pixel with at least this probability is foreground."
    )
    thresholds: list[float] = Field(
        [round(0.2 + 0.05 * step, 2) for step in range(13)],
        min_length=1,
        description="Grid for the threshold search, counted in the same pass.",
    )
    boundary: bool = Field(
        True, description="Measure the boundaries' F too (J&F); it needs every mask decoded."
    )
    per_category: bool = Field(True, description="Figures of each category beside those of all.")
    save_predictions: bool = Field(True, description="Write predictions.parquet, the masks at `threshold`.")
    save_predict_json: bool = Field(
        False, description="Write predict.json too: COCO results, one entry a mask."
    )
    save_probabilities: bool = Field(
        False,
        description="Write probs/<frame>.npz: float16 probabilities of each object, for later searches.",
    )

    @field_validator("thresholds")
    @classmethod
    def _ascending(cls, values: list[float]) -> list[float]:
        if any(not 0 < value < 1 for value in values) or sorted(set(values)) != list(values):
            raise ValueError("expected ascending thresholds between 0 and 1")
        return values
