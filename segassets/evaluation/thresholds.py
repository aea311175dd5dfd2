"""Which threshold suits a model: mean Dice over a grid, from counts made in one pass over the pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from segassets.errors import BadInput
from segassets.evaluation.aggregate import AGGREGATIONS, IMAGE_VIDEO_OVERALL
from segassets.evaluation.items import Items
from segassets.evaluation.segmentation import dice_of_counts, iou_of_counts
from segassets.models.trained import THRESHOLD_FILE
from segassets.storage.atomic import write_text


@dataclass(frozen=True)
class ThresholdSearch:
    """The outcome of a search.

    Attributes:
        best_threshold: of the largest mean Dice; of several, the one closest to .5, then the lower.
        threshold_curve: "threshold", "dice" and "iou" at each grid point, ascending.
        items: objects on frames that were judged.
        aggregation: how they were averaged.
    """

    best_threshold: float
    best_dice: float
    default_dice: float | None
    threshold_curve: list[dict[str, float]]
    items: int
    aggregation: str
    exclude_background: bool = True

    def to_json(self) -> str:
        """The text of `best_threshold.json`."""
        return json.dumps(asdict(self), indent=1)

    def write(self, path: Path) -> None:
        """Write `best_threshold.json` (`path` is the file, or the folder to put it in)."""
        write_text(path / THRESHOLD_FILE if path.is_dir() else path, self.to_json() + "\n")


def search_threshold(
    items: Items,
    thresholds: Sequence[float],
    *,
    aggregation: str = IMAGE_VIDEO_OVERALL,
    background: Sequence[int] = (),
    exclude_background: bool = True,
    both_empty: float = 1.0,
) -> ThresholdSearch:
    """The threshold of the largest mean Dice.

    Args:
        items: counts at each of `thresholds`.
        aggregation: one of `AGGREGATIONS`.
        background: ids of categories that are background; left out when `exclude_background`.
        both_empty: the Dice of an empty prediction of an empty mask (1, or nan: not judged).

    Raises:
        BadInput: there is nothing to judge, or the counts are of another grid.
    """
    if exclude_background and len(background):
        items = items.where(~np.isin(items.category, list(background)))
    if not len(items.truth):
        raise BadInput(
            "threshold search: expected judged objects, found none; evaluate scenes with annotations"
        )
    if items.predicted.shape[1] != len(thresholds):
        raise BadInput(
            f"threshold search: expected counts at {len(thresholds)} thresholds, found {items.predicted.shape[1]}; "
            "evaluate again with this grid"
        )
    mean = AGGREGATIONS[aggregation]
    counts = [(items.predicted[:, at], items.hit[:, at], items.truth) for at in range(len(thresholds))]
    dice = np.array([mean(items, dice_of_counts(*of, both_empty)) for of in counts])
    iou = [mean(items, iou_of_counts(*of, both_empty)) for of in counts]
    best = best_index(dice, thresholds)
    curve = [
        {"threshold": float(threshold), "dice": float(value), "iou": float(other)}
        for threshold, value, other in zip(thresholds, dice, iou, strict=True)
    ]
    middle = [row["dice"] for row in curve if row["threshold"] == 0.5]
    return ThresholdSearch(
        best_threshold=float(thresholds[best]),
        best_dice=float(dice[best]),
        default_dice=middle[0] if middle else None,
        threshold_curve=curve,
        items=len(items.truth),
        aggregation=aggregation,
        exclude_background=exclude_background,
    )


def best_index(dice: np.ndarray, thresholds: Sequence[float]) -> int:
    """Position of the largest value; of equal ones the threshold closest to .5, then the lower.

    Raises:
        BadInput: every value is nan.
    """
    if not np.isfinite(dice).any():
        raise BadInput("threshold search: expected a Dice at some threshold, found that nothing was judged")
    ties = [int(at) for at in np.flatnonzero(dice == np.nanmax(dice))]
    return min(ties, key=lambda at: (round(abs(thresholds[at] - 0.5), 9), thresholds[at]))
