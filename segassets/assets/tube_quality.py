"""Quality of pseudo masks and pseudo tubes against ground truth, beside a box in the middle of every frame."""

from __future__ import annotations

from segassets.orchestration.checks import Figures, StoredScene, quality_check


@quality_check(asset="pseudo_masks")
def foreground_quality(scene: StoredScene) -> Figures:
    """How much of what is annotated the masks of a frame cover, taken as one: `foreground_iou`.

    `best_mask_iou` is that of the best single mask, `baseline_iou` that of a box in the middle, which needs no picture.
    Passes when the masks are not below the box.
    """
    from segassets.evaluation.foreground import foreground_scores

    found = foreground_scores(scene.masks("pseudo_masks"), scene.truth, scene.stats("pseudo_masks")["frames"])
    if found.frames == 0:
        return {"frames_judged": 0}
    scene.expect(
        found.iou >= found.box_iou, f"IoU {found.iou:.3f} is below that of a box, {found.box_iou:.3f}"
    )
    names = {"foreground_iou": found.iou, "best_mask_iou": found.best_iou, "baseline_iou": found.box_iou}
    return {**{name: round(value, 4) for name, value in names.items()}, "frames_judged": found.frames}


@quality_check(asset="pseudo_tubes")
def tube_quality(scene: StoredScene) -> Figures:
    """AP50, recall and mean best IoU of the tubes against the annotated objects.

    `baseline_best_iou` is that of one box in the middle of every frame. Passes when the mean best IoU is not below it.
    """
    from segassets.evaluation import vis_scenes as vis
    from segassets.masks.schemas import TUBES
    from segassets.masks.table import read_table

    summary = read_table(scene.store.peek("pseudo_tubes", scene.key).path / "tubes.parquet", TUBES)
    masks = scene.masks("pseudo_tubes")
    videos = list(vis.vis_videos(scene.truth, masks, scene.frames, summary=summary))
    found = vis.judge_scenes(videos)
    boxes = vis.judge_scenes(video.with_centred_box(scene.annotated_frames()) for video in videos)
    best, baseline = found.agnostic["mean_best_iou"], boxes.agnostic["mean_best_iou"]
    if best is not None and baseline is not None:
        scene.expect(best >= baseline, f"mean best IoU {best:.3f} is below that of a box, {baseline:.3f}")
    names = {name: found.agnostic[name] for name in ("ap50", "ar10", "recall50")}
    names |= {"mean_best_iou": best, "baseline_best_iou": baseline}
    figures: dict[str, float | int | None] = {
        name: None if value is None else round(value, 4) for name, value in names.items()
    }
    return figures | {"tubes": found.counts["predictions"], "true_tubes": found.counts["true_tubes"]}


TUBE_QUALITY = (foreground_quality, tube_quality)
