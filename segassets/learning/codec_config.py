"""What may be chosen about the codec of a scene's embeddings; imports nothing but the base of configurations."""

from __future__ import annotations

from pydantic import Field

from segassets.strict import StrictModel


class CodecConfig(StrictModel):
    """How a scene's embeddings are compressed."""

    dim: int = Field(64, ge=2, le=512, description="Numbers in a mask's code.")
    steps: int = Field(100, ge=1, description="Training steps of the codec to `dim` numbers.")
    langsplat_steps: int = Field(300, ge=1, description="Training steps of LangSplat's codec to 3 numbers.")
    learning_rate: float = Field(2e-3, gt=0, description="Of both trainings, at their start.")
    similarity_weight: float = Field(
        1.0, ge=0, description="Weight of the differences between similarities of codes and of embeddings."
    )
    contrast_weight: float = Field(
        0.02, ge=0, description="Weight of telling each mask's reconstruction from the other masks (InfoNCE)."
    )
    masks_per_step: int = Field(64, ge=2, description="Masks in a step, whole pictures at a time.")
    held_out: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Share of objects kept back for the figures; the stored codec learns from all.",
    )
    seed: int = Field(
        0, description="Of what is kept back, of the networks' start and of the order of pictures."
    )
