"""`sam2_threshold_search` and `threshold_search`: the probability from which a pixel is foreground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from segassets.orchestration.experiment_assets import experiment_asset
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork, Work
from segassets.strict import StrictModel

if TYPE_CHECKING:
    from segassets.evaluation.thresholds import ThresholdSearch


class ThresholdConfig(StrictModel):
    """How the threshold is chosen; the grid is that of the evaluation (`evaluation.thresholds`)."""

    aggregation: str = Field(
        "image > video > overall",
        description="How Dice is averaged; the names are those of the metrics table.",
    )


@experiment_asset(
    inputs=("sam2_checkpoint_evaluation",),
    config=ThresholdConfig,
    kinds={"python", "json"},
    experiments_per_run=20,
)
def sam2_threshold_search(work: Work, config: ThresholdConfig) -> Made:
    """The threshold of the largest mean Dice for an experiment's checkpoint, from the counts of its evaluation.

    `model=experiment:<name>` tracks with it.
    """
    return search(work.inputs["sam2_checkpoint_evaluation"].path, config, work.out)


@scene_asset(
    inputs=("sam2_evaluation",),
    config=ThresholdConfig,
    group="training",
    kinds={"python", "json"},
    scenes_per_run=60,
)
def threshold_search(work: SceneWork, config: ThresholdConfig) -> Made:
    """The threshold of the largest mean Dice for a scene's own network; `model=scene:<key>` tracks with it."""
    return search(work.inputs["sam2_evaluation"].path, config, work.out)


def search(evaluation: Path, config: ThresholdConfig, out: Path) -> Made:
    """Search in the counts of an evaluation; nothing is predicted again."""
    from segassets.errors import BadConfig, did_you_mean
    from segassets.evaluation.aggregate import AGGREGATIONS
    from segassets.evaluation.checkpoint import read_scores
    from segassets.reports.learning import threshold_plot

    if config.aggregation not in AGGREGATIONS:
        hint = did_you_mean(config.aggregation, AGGREGATIONS)
        raise BadConfig(f"'aggregation': there is no {config.aggregation!r}.{hint}")
    found: ThresholdSearch = read_scores(evaluation).search_threshold(aggregation=config.aggregation)
    found.write(out)
    numbers = {"best_threshold": found.best_threshold, "best_dice": found.best_dice, "judged": found.items}
    if found.default_dice is not None:
        numbers |= {"dice_at_half": found.default_dice, "gain": found.best_dice - found.default_dice}
    rounded = {
        name: round(value, 6) if isinstance(value, float) else value for name, value in numbers.items()
    }
    return Made(
        numbers=rounded,
        plots={"scores_over_thresholds": threshold_plot(found.threshold_curve)},
        details={"curve": found.threshold_curve, "aggregation": found.aggregation},
    )
