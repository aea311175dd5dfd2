"""`sam2_tracks`: candidates followed through the scene, as instances with stable ids."""

from __future__ import annotations

import json

from segassets.assets.candidates import count_by
from segassets.assets.coco_masks import mask_numbers
from segassets.assets.previews import masks_preview
from segassets.assets.track_checks import TRACK_CHECKS
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import STATS_FILE, Made, SceneWork
from segassets.tracking.config import TrackingConfig


@scene_asset(
    inputs=("frames", "filtered_masks"),
    config=TrackingConfig,
    defaults=lambda settings: settings.tracking,
    group="segmentation",
    kinds={"sam2", "pytorch", "parquet"},
    scenes_per_run=16,
    gpu=GpuNeed(memory_gb=24, hours=24),
    checks=TRACK_CHECKS,
    columns="MASKS",
)
def sam2_tracks(work: SceneWork, config: TrackingConfig) -> Made:
    """Instances through time: one streaming pass over the frames, objects of all levels together, stable ids.

    Candidates on later keyframes support a track or found one. `tracks.parquet` beside the masks summarises
    every track: when it was born, how long it lived, why it ended; `stats.json` holds the tracker's counts. A
    killed run goes on at its last complete chunk.
    """
    from segassets.storage.atomic import write_text
    from segassets.tracking.scene import track_scene

    result = track_scene(
        work.source,
        work.key,
        work.masks("filtered_masks"),
        work.tracker(),
        config,
        work.work_dir,
        work.out,
        work.progress,
        unrelated=work.scene.sizes_may_change,
    )
    write_text(work.out / STATS_FILE, json.dumps(result.stats, indent=1))
    masks = work.made_masks
    lengths = result.tracks.column("frames").to_pylist()
    return Made(
        numbers={
            "num_tracks": result.tracks.num_rows,
            **mask_numbers(masks),
            "mean_track_frames": round(sum(lengths) / len(lengths), 2) if lengths else 0.0,
            "frames_per_second": round(result.stats["frames"] / max(result.stats["seconds"], 1e-9), 2),
        },
        preview=masks_preview(work.source, masks, by_track=True),
        details={"stats": result.stats, "retired_because": count_by(result.tracks, "retired_because")},
    )
