"""`depth_maps`, `depth_lifts`, `gaussians`: from pictures to space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from segassets.assets.lifting_checks import DEPTH_CHECKS, GAUSSIAN_CHECKS, LIFT_CHECKS
from segassets.assets.lifting_previews import depth_preview, gaussians_preview, points_preview
from segassets.errors import MissingInput
from segassets.lifting.config import DepthConfig, LiftConfig
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork

if TYPE_CHECKING:
    import pyarrow as pa

    from segassets.datasets.scene import Scene
    from segassets.models.spec import ModelSpec


class DepthMapsConfig(DepthConfig):
    """Where depth comes from, and the field of view that a metric model goes by."""

    fov_deg: float | None = Field(
        None, description="Horizontal field of view declared for pictures without intrinsics: lift.fov_deg."
    )


def _needs_model(config: DepthMapsConfig, scene: Scene, spec: ModelSpec) -> bool:
    """A sensor is believed, unless the settings say otherwise; weights that are not to be had are done without."""
    from segassets.models.registry import weights_state

    if config.source == "auto":
        sensor = any(frame.depth_uri for frame in scene.frames)
        return not sensor and weights_state(spec) in ("here", "download")
    return config.source == "model"


@scene_asset(
    inputs=("frames",),
    config=DepthMapsConfig,
    defaults=lambda settings: DepthMapsConfig(**settings.depth.model_dump(), fov_deg=settings.lift.fov_deg),
    group="lifting",
    kinds={"pytorch", "parquet"},
    scenes_per_run=36,
    gpu=GpuNeed(memory_gb=8, hours=4),
    model_of="depth_model",
    needs_model=_needs_model,
    checks=DEPTH_CHECKS,
    columns="DEPTH_MAPS",
)
def depth_maps(work: SceneWork, config: DepthMapsConfig) -> Made:
    """Depth of the frames, from the scene's sensor where it has one, else from the depth model: every map says what it
    is and how it was aligned.

    Relative depth is stored as it is, and becomes depth only where an arbitrary scale, a range or known points are
    asked for. Frames without depth are counted by reason.
    """
    from segassets.lifting.depth_maps import make_depth_maps

    report = make_depth_maps(
        work.source,
        work.scene.root,
        work.out,
        config,
        work.depth_estimator if work.provenance.model else None,
        config.fov_deg,
        work.progress,
    )
    return Made(
        numbers={
            "num_maps": len(report.rows),
            "num_excluded": sum(report.excluded.values()),
            "valid_share": round(report.valid_share, 4),
        },
        preview=depth_preview(work.source, work.out),
        details={"source": report.source, "excluded": report.excluded},
    )


def _lift_reads(config: LiftConfig) -> tuple[str, ...]:
    """Only the masks that points are to carry."""
    wanted = {"best": ("coco_masks", "sam2_tracks"), "none": ()}.get(config.masks, (config.masks,))
    return ("frames", *wanted, "depth_maps")


@scene_asset(
    inputs=("frames", "coco_masks", "sam2_tracks", "depth_maps"),
    config=LiftConfig,
    defaults=lambda settings: settings.lift,
    group="lifting",
    kinds={"numpy", "parquet"},
    scenes_per_run=44,
    checks=LIFT_CHECKS,
    columns="LIFTED_MASKS",
    reads_of=_lift_reads,
    optional=("coco_masks", "sam2_tracks"),
)
def depth_lifts(work: SceneWork, config: LiftConfig) -> Made:
    """Points of every frame with depth, in one world where poses are known, each with its colour, frame and mask.

    Pixels without depth and at edges become none; what is left out is counted by reason. Beside the points: one
    anisotropic Gaussian for each mask.
    """
    from segassets.lifting.scene_lift import write_scene_lift

    lift = write_scene_lift(
        work.source,
        work.inputs["depth_maps"].path,
        _masks(work, config),
        work.out,
        config,
        work.progress,
    )
    record = lift.record
    return Made(
        numbers={
            "num_points": record["points"],
            "num_frames": record["frames"],
            "num_masks": sum(row["excluded"] is None for row in lift.masks),
            "num_masks_excluded": sum(row["excluded"] is not None for row in lift.masks),
            "agreement": record["agreement"],
        },
        preview=points_preview(work.frames, work.out),
        details=record,
    )


def _masks(work: SceneWork, config: LiftConfig) -> tuple[str, pa.Table] | None:
    """Name and table of the masks that points carry: tracks where there are any, else annotations."""
    there = [asset for asset in ("sam2_tracks", "coco_masks") if asset in work.inputs]
    if config.masks in ("sam2_tracks", "coco_masks") and config.masks not in there:
        raise MissingInput(f"scene {work.key}: lift.masks is {config.masks}, which has not been made")
    tables = [(asset, work.masks(asset)) for asset in there]
    return next(((asset, table) for asset, table in tables if table.num_rows), None)


@scene_asset(
    inputs=("frames", "depth_lifts"),
    config=LiftConfig,
    defaults=lambda settings: settings.lift,
    group="lifting",
    kinds={"numpy", "safetensors"},
    scenes_per_run=52,
    checks=GAUSSIAN_CHECKS,
)
def gaussians(work: SceneWork, config: LiftConfig) -> Made:
    """One Gaussian for each point, initialised as 3D Gaussian Splatting does, and one for each object.

    In 3DGS's activations: logarithms of scales, logits of opacities, quaternions w x y z.
    """
    import numpy as np

    from segassets.lifting.scene_gaussians import write_scene_gaussians

    dense, objects = write_scene_gaussians(work.inputs["depth_lifts"].path, work.out, config)
    scale = float(np.exp(np.median(dense.log_scale))) if len(dense) else None
    return Made(
        numbers={"num_gaussians": len(dense), "num_objects": len(objects), "median_scale": scale},
        preview=gaussians_preview(work.frames, work.inputs["depth_lifts"].path, work.out),
    )
