"""`pseudo_tubes`: masks nobody drew, linked through time, scored, without duplicates; to learn from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from segassets.assets.coco_masks import mask_numbers
from segassets.assets.previews import masks_preview
from segassets.assets.track_checks import TUBE_CHECKS
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import MASKS_FILE, SKIPPED_FILE, STATS_FILE, TUBES_FILE, Made, SceneWork
from segassets.tracking.tube_config import PseudoTubeConfig

if TYPE_CHECKING:
    from segassets.tracking.linking import Linked

JSON_FILE = "tubes.json"


@scene_asset(
    inputs=("frames", "pseudo_masks", "sam2_tracks"),
    config=PseudoTubeConfig,
    defaults=lambda settings: settings.pseudo_tubes,
    reads_of=lambda config: ("frames", config.source),
    group="pseudo_tubes",
    kinds={"sam2", "pytorch", "parquet", "json"},
    scenes_per_run=12,
    gpu=GpuNeed(memory_gb=24, hours=24),
    checks=TUBE_CHECKS,
    columns="MASKS",
)
def pseudo_tubes(work: SceneWork, config: PseudoTubeConfig) -> Made:
    """Instances through time to learn from, without labels: each with a score, none twice.

    `tubes.parquet` beside the masks summarises them, `tubes.json` is the scene as YTVIS and LV-VIS have it. A scene
    that gives too little (see `min_masks`, `min_coverage`, `skip_list`) is published without tubes, its reason in
    `skipped.json`. `stats.json` counts the tubes that were dropped.
    """
    from segassets.exports.ytvis import write_tubes_json
    from segassets.masks.schemas import MASKS, TUBES
    from segassets.masks.table import write_table
    from segassets.storage.atomic import write_text
    from segassets.tracking.tubes import make_tubes

    linked = _linked(work, config)
    found = make_tubes(linked.tracks, work.frames, work.key, config, linked.support)
    write_table(found.masks, MASKS, work.out / MASKS_FILE)
    write_table(found.tubes, TUBES, work.out / TUBES_FILE)
    write_tubes_json(work.out / JSON_FILE, work.key, work.frames, found.masks, found.tubes)
    skipped = found.skipped and _with_problem(work, config, found.skipped)
    if skipped:
        write_text(work.out / SKIPPED_FILE, json.dumps(skipped, indent=1))
    dropped = {reason: len(tracks) for reason, tracks in found.dropped.items()}
    stats = {"source": config.source, "linked_by": linked.how, "dropped": dropped}
    write_text(work.out / STATS_FILE, json.dumps(stats, indent=1))
    scores, coverage = (found.tubes.column(name).to_pylist() for name in ("score", "coverage"))
    return Made(
        numbers={
            "num_tubes": found.tubes.num_rows,
            **mask_numbers(found.masks),
            "mean_score": round(sum(scores) / len(scores), 4) if scores else None,
            "mean_coverage": round(sum(coverage) / len(coverage), 4) if coverage else None,
            "num_dropped": sum(dropped.values()),
            "skipped": int(skipped is not None),
        },
        preview=masks_preview(work.source, found.masks, by_track=True),
        details={**stats, "skipped": skipped},
    )


def _linked(work: SceneWork, config: PseudoTubeConfig) -> Linked:
    from segassets.tracking.linking import Linked, link_masks

    if config.source == "sam2_tracks":
        return Linked(work.masks("sam2_tracks"), "sam2_tracks")
    stats = json.loads((work.inputs["pseudo_masks"].path / STATS_FILE).read_text("utf-8"))
    return link_masks(
        work.source,
        work.key,
        work.masks("pseudo_masks"),
        stats["frames"],
        work.tracker,
        config,
        work.work_dir,
        work.progress,
        work.scene.sizes_may_change,
    )


def _with_problem(work: SceneWork, config: PseudoTubeConfig, record: dict) -> dict:
    """The record of a skipped scene; where its mask pictures could not be used, with that reason."""
    path = work.inputs[config.source].path / SKIPPED_FILE
    if record["reason"] != "no_masks" or not path.is_file():
        return record
    return {**record, **json.loads(path.read_text("utf-8"))}
