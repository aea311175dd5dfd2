"""Which assets, checks and jobs the graph consists of, upstream first. A new asset is a line here."""

from __future__ import annotations

from segassets.assets.candidates import filtered_masks, mask_candidates
from segassets.assets.checkpoint_evaluation import sam2_checkpoint_evaluation, sam2_evaluation
from segassets.assets.checkpoints import sam2_checkpoint, sam2_scene_checkpoint
from segassets.assets.coco_masks import coco_masks
from segassets.assets.depth import depth_lifts, depth_maps, gaussians
from segassets.assets.embeddings import mask_embeddings
from segassets.assets.experiment_reports import experiment_report
from segassets.assets.frames import frames
from segassets.assets.instances import scene_instances
from segassets.assets.language import langsplat_export, language_codec
from segassets.assets.pseudo_masks import pseudo_masks
from segassets.assets.pseudo_tubes import pseudo_tubes
from segassets.assets.quality import QUALITY_CHECKS
from segassets.assets.rendering import novel_views, render_sets
from segassets.assets.reports import scene_report, track_comparison
from segassets.assets.thresholds import sam2_threshold_search, threshold_search
from segassets.assets.tracks import sam2_tracks
from segassets.assets.training_clips import training_clips
from segassets.assets.vis_checkpoints import vis_checkpoint
from segassets.assets.vis_evaluation import vis_evaluation
from segassets.assets.vis_scene_checkpoints import vis_scene_checkpoint
from segassets.orchestration.automation import Use

LIFTING_ASSETS = (depth_maps, depth_lifts, gaussians, render_sets, novel_views)
SCENE_ASSETS = (
    frames,
    coco_masks,
    mask_candidates,
    filtered_masks,
    sam2_tracks,
    *LIFTING_ASSETS,
    mask_embeddings,
    scene_instances,
    track_comparison,
    scene_report,
)

# Made when they are asked for, never by night: trainings and what follows from them.
TRAINING_ASSETS = (training_clips, sam2_scene_checkpoint, sam2_evaluation, threshold_search)
EXPERIMENT_ASSETS = (sam2_checkpoint, sam2_checkpoint_evaluation, sam2_threshold_search, experiment_report)
PSEUDO_ASSETS = (pseudo_masks, pseudo_tubes, vis_scene_checkpoint, vis_evaluation)
LANGUAGE_ASSETS = (language_codec, langsplat_export)
SEGMENTER_ASSETS = (vis_checkpoint,)
ASKED_ASSETS = (
    *LANGUAGE_ASSETS, *TRAINING_ASSETS, *PSEUDO_ASSETS, *EXPERIMENT_ASSETS, *SEGMENTER_ASSETS,
)  # fmt: skip

TRACK_SCENES = Use(
    "track_scenes",
    "From footage to tracked instances, their lift to space, and the report: the whole graph of a scene.",
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
        "lift_scenes",
        "Depth, points, Gaussians, new views and 3D instances of scenes whose footage and masks are there.",
        tuple(asset.name for asset in (*LIFTING_ASSETS, mask_embeddings, scene_instances)),
    ),
    Use(
        "report_scenes",
        "Renders and reports of scenes that are tracked.",
        ("track_comparison", "scene_report"),
    ),
)

TRAIN_SCENES = Use(
    "train_scenes",
    "A network of its own for each scene: clips of its annotations or tracks, training, evaluation, threshold.",
    tuple(asset.name for asset in TRAINING_ASSETS),
)
RUN_EXPERIMENTS = Use(
    "run_experiments",
    "Train, evaluate, find the threshold of and report on files of configs/experiments/.",
    tuple(asset.name for asset in EXPERIMENT_ASSETS),
)
TRAIN_SEGMENTERS = Use(
    "train_segmenters",
    "Train and report on files of configs/experiments/ whose recipe is vis or vis_from_rooms.",
    (*(asset.name for asset in SEGMENTER_ASSETS), experiment_report.name),
)
ASKED_USES = (
    TRAIN_SCENES,
    TRAIN_SEGMENTERS,
    Use(
        "make_pseudo_tubes",
        "Masks nobody drew, linked through time to tubes, and a segmenter that learns from them.",
        tuple(asset.name for asset in PSEUDO_ASSETS[:3]),
    ),
    Use(
        "export_language",
        "Embeddings of lifted scenes compressed, and the scenes as LangSplat trains on them.",
        tuple(asset.name for asset in LANGUAGE_ASSETS),
    ),
    RUN_EXPERIMENTS,
    Use(
        "evaluate_experiments",
        "Evaluation, threshold and report of experiments that are trained.",
        tuple(asset.name for asset in EXPERIMENT_ASSETS[1:]),
    ),
)

__all__ = [
    "ASKED_ASSETS",
    "ASKED_USES",
    "EXPERIMENT_ASSETS",
    "LANGUAGE_ASSETS",
    "LIFTING_ASSETS",
    "PSEUDO_ASSETS",
    "QUALITY_CHECKS",
    "RUN_EXPERIMENTS",
    "SCENE_ASSETS",
    "SEGMENTER_ASSETS",
    "TRACK_SCENES",
    "TRAINING_ASSETS",
    "TRAIN_SCENES",
    "TRAIN_SEGMENTERS",
    "USES",
]
