"""`render_sets` and `novel_views`: lifted scenes made ready to render, and seen from new views."""

from __future__ import annotations

from segassets.assets.lifting_checks import RENDER_CHECKS, VIEW_CHECKS
from segassets.assets.lifting_previews import sets_preview, views_preview
from segassets.lifting.config import RenderingConfig
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork


@scene_asset(
    inputs=("frames", "depth_lifts", "gaussians"),
    config=RenderingConfig,
    defaults=lambda settings: settings.rendering,
    group="lifting",
    kinds={"numpy", "safetensors"},
    scenes_per_run=60,
    checks=RENDER_CHECKS,
)
def render_sets(work: SceneWork, config: RenderingConfig) -> Made:
    """For each resolution (128, 256, 512): Gaussians thinned to it with opacity, colour, scale and rotation as plain
    numbers, and the cameras with intrinsics scaled to it.
    """
    from segassets.lifting.render_sets import write_render_sets

    lift, gaussians = work.inputs["depth_lifts"].path, work.inputs["gaussians"].path
    sets = write_render_sets(work.frames, lift, gaussians, work.out, config)
    return Made(
        numbers={f"num_gaussians_{item['side']}": item["dense"] for item in sets},
        preview=sets_preview(work.out, [item["side"] for item in sets]),
        details={"sets": sets},
    )


@scene_asset(
    inputs=("frames", "depth_lifts", "gaussians"),
    config=RenderingConfig,
    defaults=lambda settings: settings.rendering,
    group="lifting",
    kinds={"numpy", "image"},
    scenes_per_run=68,
    checks=VIEW_CHECKS,
)
def novel_views(work: SceneWork, config: RenderingConfig) -> Made:
    """The lifted scene seen from where nobody stood: a held-out frame beside its picture, and views beside a frame.

    Rendered on the CPU unless `rendering.renderer` says gsplat. PSNR of the held-out view stands beside that of the
    nearest other picture in its place.
    """
    from segassets.lifting.novel_views import write_novel_views

    lift, gaussians = work.inputs["depth_lifts"].path, work.inputs["gaussians"].path
    report = write_novel_views(work.source, lift, gaussians, work.out, config)
    return Made(
        numbers={
            "num_views": len(report.views),
            "psnr_held_out": report.psnr,
            "psnr_nearest": report.psnr_nearest,
        },
        preview=views_preview(work.out, report.views),
        details={"reason": report.reason} if report.reason else {},
    )
