"""`vis_evaluation`: how good tubes are, as YTVIS and LV-VIS judge them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from segassets.assets.previews import judged_preview
from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import TUBES_FILE, Made, SceneWork
from segassets.strict import StrictModel

if TYPE_CHECKING:
    from segassets.evaluation.vis import VisScores
    from segassets.evaluation.vis_scenes import VisVideo

METRICS_FILE, FIGURES_FILE = "metrics.parquet", "vis_evaluation.json"
JUDGED = ("pseudo_tubes", "sam2_tracks", "vis_scene_checkpoint")
SHOWN = ("ap", "ap50", "ap75", "ar10", "recall50", "mean_best_iou")


class VisJudging(StrictModel):
    """Which tubes are judged, and against what."""

    predictions: list[str] = Field(
        ["pseudo_tubes"],
        min_length=1,
        description=f"Assets whose tubes are judged, beside each other: {', '.join(JUDGED)}.",
    )
    levels: list[int] = Field([2], description="Levels of the annotations that are looked for.")
    categories_json: str = Field(
        "", description="An LV-VIS file whose categories' `partition` gives AP of base and novel ones."
    )

    @field_validator("predictions")
    @classmethod
    def _are_tubes(cls, value: list[str]) -> list[str]:
        if unknown := [name for name in value if name not in JUDGED]:
            raise ValueError(f"expected assets with tubes ({', '.join(JUDGED)}), found {unknown[0]!r}")
        return value


def _figures_sound(work: SceneWork) -> Figures:
    from segassets.masks.schemas import METRICS
    from segassets.masks.table import read_table

    table = read_table(work.out / METRICS_FILE, METRICS)
    wrong = [row for row in table.to_pylist() if row["value"] is not None and not 0 <= row["value"] <= 1]
    if wrong:
        raise BadInput(f"expected figures from 0 to 1 or none, found {wrong[0]}")
    return {"figures": table.num_rows}


@scene_asset(
    inputs=("frames", "coco_masks", "pseudo_tubes", "sam2_tracks", "vis_scene_checkpoint"),
    config=VisJudging,
    reads_of=lambda config: ("frames", "coco_masks", *config.predictions),
    group="pseudo_tubes",
    kinds={"python", "parquet"},
    scenes_per_run=80,
    checks=(Check("coverage", "Every figure lies between 0 and 1, or is none.", _figures_sound),),
    columns="METRICS",
)
def vis_evaluation(work: SceneWork, config: VisJudging) -> Made:
    """AP, AP50, AP75, AP by size and AR of tubes against a scene's annotations, categories aside and by category.

    Beside them recall at IoU .5 and the mean IoU of each true tube's best prediction, which mean something where not
    everything is annotated, and `baseline_mean_best_iou` of one box in the middle of every frame. A scene without
    annotations has figures that are none. Figures over many scenes: `segassets tubes evaluate`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from segassets.evaluation import vis_scenes as vis
    from segassets.masks.schemas import METRICS
    from segassets.masks.table import write_table
    from segassets.storage.atomic import write_text

    partitions = vis.read_partitions(config.categories_json)
    rows: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    numbers: dict[str, Any] = {}
    for asset in config.predictions:
        videos = scene_videos(work, asset, config.levels)
        scores, named = (
            vis.judge_scenes(videos, work.scene.categories, partitions),
            vis.has_categories(videos),
        )
        told[asset] = vis.figures_of_scores(scores, by_category=named)
        rows += vis.metric_rows(scores, work.key, asset, by_category=named)
        numbers |= _numbers(scores, "" if asset == config.predictions[0] else f"{asset}_")
    frames = vis.annotated_frames(work.frames)
    boxes = vis.judge_scenes(video.with_centred_box(frames) for video in videos)
    numbers["baseline_mean_best_iou"] = _rounded(boxes.agnostic["mean_best_iou"])
    write_table(pa.Table.from_pylist(rows, METRICS), METRICS, work.out / METRICS_FILE)
    write_text(work.out / FIGURES_FILE, json.dumps(told, indent=1))
    truth = work.masks("coco_masks")
    truth = truth.filter(pc.is_in(truth.column("level"), pa.array(config.levels, pa.int8())))
    preview = judged_preview(work.source, truth, work.masks(config.predictions[0]))
    return Made(numbers=numbers, preview=preview, details=told)


def scene_videos(work: SceneWork, asset: str, levels: list[int]) -> list[VisVideo]:
    """What is judged of the scene."""
    from segassets.evaluation.vis_scenes import vis_videos
    from segassets.masks.schemas import TUBES
    from segassets.masks.table import read_table

    path = work.inputs[asset].path / TUBES_FILE
    summary = read_table(path, TUBES) if path.is_file() else None
    return list(
        vis_videos(
            work.masks("coco_masks"),
            work.masks(asset),
            work.frames,
            summary=summary,
            levels=levels,
        )
    )


def _numbers(scores: VisScores, prefix: str) -> dict[str, float | int | None]:
    found: dict[str, float | int | None] = {
        f"{prefix}{name}": _rounded(scores.agnostic[name]) for name in SHOWN
    }
    return found | {
        f"{prefix}num_tubes": scores.counts["predictions"],
        f"{prefix}true_tubes": scores.counts["true_tubes"],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
