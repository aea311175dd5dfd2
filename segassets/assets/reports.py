"""`track_comparison` and `scene_report`: what was made of a scene, to look at."""

from __future__ import annotations

from segassets.assets.report_checks import COMPARISON_CHECKS, REPORT_CHECKS
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork
from segassets.reports.config import ComparisonConfig, SceneReportConfig


@scene_asset(
    inputs=("frames", "coco_masks", "filtered_masks", "sam2_tracks"),
    config=ComparisonConfig,
    defaults=lambda settings: settings.comparison,
    group="reports",
    kinds={"python", "image"},
    scenes_per_run=64,
    checks=COMPARISON_CHECKS,
)
def track_comparison(work: SceneWork, config: ComparisonConfig) -> Made:
    """Frames with truth, candidates and tracks side by side: a PNG per frame and level, and an index of them."""
    from segassets.media.pictures import read_picture
    from segassets.reports.comparison import write_comparison

    truth = work.masks("coco_masks")
    index = write_comparison(
        work.source,
        scene=work.key,
        frames=work.frames,
        tracks=work.masks("sam2_tracks"),
        out_dir=work.out,
        config=config,
        candidates=work.masks("filtered_masks"),
        truth=truth if truth.num_rows else None,
        categories=work.scene.categories,
    )
    images = index["images"]
    preview = read_picture(work.out / images[len(images) // 2]["file"]) if images else None
    return Made(numbers={"num_pictures": len(images)}, preview=preview, details={"levels": index["levels"]})


@scene_asset(
    inputs=(
        "frames",
        "coco_masks",
        "mask_candidates",
        "filtered_masks",
        "sam2_tracks",
        "depth_maps",
        "depth_lifts",
        "novel_views",
        "scene_instances",
        "track_comparison",
    ),
    optional=("depth_maps", "depth_lifts", "novel_views", "scene_instances"),
    config=SceneReportConfig,
    defaults=lambda settings: SceneReportConfig(**settings.report.model_dump(), query=settings.query),
    group="reports",
    kinds={"html", "markdown"},
    scenes_per_run=50,
    checks=REPORT_CHECKS,
)
def scene_report(work: SceneWork, config: SceneReportConfig) -> Made:
    """The page of a scene: contact sheets, timeline of tracks, plots, the scene in space, its instances and questions
    about them, timings, peaks, provenance.

    HTML, one file that needs nothing beside it, and Markdown. What is not lifted is left out.
    """
    from segassets.assets.previews import masks_preview
    from segassets.lifting.stored_scene import open_asked_scene
    from segassets.reports.scene import ReportInputs, write_scene_report

    folders = {asset: artifact.path for asset, artifact in work.inputs.items()}
    asked = open_asked_scene(work.store, work.key) if "scene_instances" in work.inputs else None
    inputs = ReportInputs(work.key, work.source, folders, work.store.tag, asked, config.query)
    figures = write_scene_report(inputs, work.out, config)
    preview = masks_preview(work.source, work.masks("sam2_tracks"), by_track=True)
    numbers = {name: value for name, value in figures.items() if isinstance(value, int | float)}
    return Made(numbers=numbers, preview=preview, details={"page": "report.html"})
