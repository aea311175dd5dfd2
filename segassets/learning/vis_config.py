"""The `vis` section of an experiment: what a SeqFormer is held to. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from segassets.strict import StrictModel


class MatchingConfig(StrictModel):
    """Weights of the cost by which queries are matched to instances."""

    category: float = Field(2.0, ge=0, description="Of the category.")
    box: float = Field(5.0, ge=0, description="Of the L1 distance of boxes.")
    giou: float = Field(2.0, ge=0, description="Of the generalised IoU of boxes.")


class VisConfig(StrictModel):
    """Categories, loss and matching; the defaults are the published ones."""

    categories: list[int] | None = Field(
        None,
        description="Ids of the categories the network tells apart, in the order of its outputs; empty takes every "
        "object for one category, as pseudo tubes need it.",
    )
    category: float = Field(2.0, ge=0, description="Weight of the category's focal loss.")
    box: float = Field(5.0, ge=0, description="Weight of the L1 distance of boxes.")
    giou: float = Field(2.0, ge=0, description="Weight of the generalised IoU of boxes.")
    mask: float = Field(2.0, ge=0, description="Weight of the masks' focal loss.")
    dice: float = Field(5.0, ge=0, description="Weight of the masks' dice loss.")
    matching: MatchingConfig = Field(MatchingConfig(), description="Which query answers for which instance.")
    backbone_factor: float = Field(0.1, ge=0, description="The backbone learns at this times the rate.")

    @property
    def classes(self) -> int:
        """Outputs of the class heads."""
        return 1 if self.categories is None else len(self.categories)
