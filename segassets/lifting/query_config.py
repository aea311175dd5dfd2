"""What may be chosen about questions; imports nothing but the base of configurations."""

from __future__ import annotations

from pydantic import Field

from segassets.strict import StrictModel


class QueryConfig(StrictModel):
    """How questions about a scene are answered."""

    questions: list[str] | None = Field(
        None, description="Questions the report answers; empty for some about what the scene seems to hold."
    )
    top: int = Field(3, ge=1, le=50, description="Instances an answer lists, best first.")
    sharpness: float = Field(
        4.0,
        gt=0,
        description="Power to which looks are raised, relative to the best; larger trusts them more.",
    )
    canonical: list[str] = Field(
        ["object", "things", "stuff", "texture"],
        min_length=1,
        description="Phrases that a look must beat to be relevant.",
    )
    relevant: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Relevancy below which an answer says that nothing looks so; LangSplat takes .4 for CLIP.",
    )
    near_m: float = Field(0.5, gt=0, description="Gap at which `near` has fallen to 1/e, in metres.")
