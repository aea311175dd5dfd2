"""`mask_candidates` and `filtered_masks`: what might be an object, a part or a sub-part on keyframes."""

from __future__ import annotations

import json
from collections import Counter

from segassets.assets.coco_masks import mask_numbers
from segassets.assets.mask_checks import CANDIDATE_CHECKS, FILTER_CHECKS
from segassets.assets.previews import masks_preview
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import DROPPED_FILE, MASKS_FILE, Made, SceneWork
from segassets.proposals.config import CandidateConfig, FilterConfig


@scene_asset(
    inputs=("frames",),
    config=CandidateConfig,
    defaults=lambda settings: settings.candidates,
    group="segmentation",
    kinds={"sam2", "pytorch", "parquet"},
    scenes_per_run=32,
    gpu=GpuNeed(memory_gb=16, hours=6),
    checks=CANDIDATE_CHECKS,
    columns="MASKS",
)
def mask_candidates(work: SceneWork, config: CandidateConfig) -> Made:
    """Masks proposed on keyframes at several levels: wholes (2), parts (4) and sub-parts (6), as a tree.

    `parent_id` names the mask a part lies in; `stability` and `predicted_iou` are the network's true figures. Keyframes
    are every n-th selected frame. A killed run goes on after its last finished keyframe.
    """
    from segassets.masks.schemas import MASKS
    from segassets.masks.table import write_table
    from segassets.proposals.engine import make_engine
    from segassets.proposals.scene import propose_scene

    stats: Counter[str] = Counter()
    engine = make_engine(config, work.segmenter)
    table = propose_scene(work.source, work.key, engine, config, work.progress, work.work_dir, stats)
    write_table(table, MASKS, work.out / MASKS_FILE)
    return Made(
        numbers={
            **mask_numbers(table),
            "num_keyframes": stats["keyframes"],
            "num_over_limit": stats["over_limit"],
        },
        preview=masks_preview(work.source, table),
        details={"stats": dict(stats), "masks_by_level": count_by(table, "level")},
    )


@scene_asset(
    inputs=("frames", "mask_candidates"),
    config=FilterConfig,
    defaults=lambda settings: settings.filtering,
    group="segmentation",
    kinds={"python", "parquet"},
    scenes_per_run=100,
    checks=FILTER_CHECKS,
    columns="MASKS",
)
def filtered_masks(work: SceneWork, config: FilterConfig) -> Made:
    """The candidates that are large, stable and distinct enough to be followed; ids stay those of the candidates.

    `dropped.json` beside the table counts every dropped mask by its reason.
    """
    from segassets.masks.schemas import MASKS
    from segassets.masks.table import write_table
    from segassets.proposals.filtering import filter_masks
    from segassets.storage.atomic import write_text

    table, dropped = filter_masks(work.masks("mask_candidates"), config)
    write_table(table, MASKS, work.out / MASKS_FILE)
    write_text(work.out / DROPPED_FILE, json.dumps(dropped, indent=1))
    return Made(
        numbers={**mask_numbers(table), "num_dropped": sum(dropped.values())},
        preview=masks_preview(work.source, table),
        details={"dropped": dropped, "masks_by_level": count_by(table, "level")},
    )


def count_by(table, column: str) -> dict[str, int]:
    """Rows of a table by the value of a column."""
    return {str(value): count for value, count in sorted(Counter(table.column(column).to_pylist()).items())}
