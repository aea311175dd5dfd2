"""Which assets, checks and jobs the graph consists of, upstream first. A new asset is a line here."""

from __future__ import annotations

from segassets.assets.candidates import filtered_masks, mask_candidates
from segassets.assets.coco_masks import coco_masks
from segassets.assets.frames import frames
from segassets.assets.quality import QUALITY_CHECKS
from segassets.assets.reports import scene_report, track_comparison
from segassets.assets.tracks import sam2_tracks
from segassets.orchestration.automation import Use

SCENE_ASSETS = (
    frames,
    coco_masks,
    mask_candidates,
    filtered_masks,
    sam2_tracks,
    track_comparison,
    scene_report,
)

TRACK_SCENES = Use(
    "track_scenes",
    "From footage to tracked instances and the report: the whole graph of a scene.",
    tuple(asset.name for asset in SCENE_ASSETS),
)
USES = (
    TRACK_SCENES,
    Use(
        "prepare_footage",
        "Read footage and annotations: cheap, needs no model, shows early what is wrong with them.",
        ("frames", "coco_masks"),
    ),
    Use(
        "segment_scenes",
        "Candidates, their filtering and the tracks of scenes whose footage is prepared.",
        ("mask_candidates", "filtered_masks", "sam2_tracks"),
    ),
    Use(
        "report_scenes",
        "Renders and reports of scenes that are tracked.",
        ("track_comparison", "scene_report"),
    ),
)

__all__ = ["QUALITY_CHECKS", "SCENE_ASSETS", "TRACK_SCENES", "USES"]
