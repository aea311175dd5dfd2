"""Quality, against ground truth where a scene has some: figures to plot, beside their trivial baselines."""

from __future__ import annotations

from segassets.assets.tube_quality import TUBE_QUALITY
from segassets.orchestration.checks import Figures, StoredScene, quality_check

_AGREEMENT = 0.5


@quality_check(asset="mask_candidates")
def candidate_recall(scene: StoredScene) -> Figures:
    """Share of true objects and parts on keyframes that some candidate overlaps with an IoU of at least .5.

    `recall_level_2` and so on count candidates of any level, `..._same_level` those of the object's own kind,
    `baseline_level_2` as many boxes tiled over the frame. Passes when no level is below its baseline.
    """
    from segassets.proposals.recall import candidate_recall as recall_by_level
    from segassets.proposals.scene import keyframes

    stride = scene.config("mask_candidates")["keyframe_stride"]
    annotated = scene.annotated_frames()
    frames = [frame for frame in keyframes(scene.frames.num_rows, stride) if frame in annotated]
    levels = recall_by_level(scene.masks("mask_candidates"), scene.truth, frames=frames)
    figures: dict[str, float | int | None] = {}
    for level, found in levels.items():
        figures[f"recall_level_{level}"] = round(found.recall, 4)
        figures[f"recall_level_{level}_same_level"] = round(found.recall_at_level, 4)
        figures[f"baseline_level_{level}"] = round(found.baseline, 4)
        figures[f"truths_level_{level}"] = found.truths
    below = [level for level, found in levels.items() if found.recall < found.baseline]
    scene.expect(not below, f"recall is below that of tiled boxes at levels {below}")
    return figures


@quality_check(asset="sam2_tracks")
def track_quality(scene: StoredScene) -> Figures:
    """How well tracks follow the true objects: J, share of objects found, changes of identity.

    `j_first_mask` is the trivial baseline, each object's first true mask kept for good. Passes when J is not below it.
    """
    from segassets.evaluation.track_quality import track_quality as measure

    found = measure(scene.masks("sam2_tracks"), scene.truth, sorted(scene.annotated_frames()))
    names = ("j", "j_first_mask", "object_recall", "id_switches", "true_objects", "tracks_unmatched")
    j, baseline = found["j"], found["j_first_mask"]
    scene.expect(
        j is None or baseline is None or j >= baseline,
        f"J {j} is below that of the first mask kept, {baseline}",
    )
    return {name: round(found[name], 4) if isinstance(found[name], float) else found[name] for name in names}


@quality_check(asset="scene_instances")
def instance_quality(scene: StoredScene) -> Figures:
    """3D instances against the true ones, as ScanNet scores them: AP25, AP50, AP over .50 to .90, recall.

    The true surface are the true masks of all frames lifted by the sensor's depth. Without sensor depth and poses there
    is nothing to compare with. Passes when at least one true object is found with an IoU of .25.
    """
    from segassets.evaluation.instances3d import InstanceEvaluation
    from segassets.evaluation.scene_instances import stored_surface, true_surface
    from segassets.lifting.stored_instances import StoredInstances

    truth = true_surface(scene.frames, scene.facts["root"], scene.truth)
    if truth is None:
        return {}
    evaluation = InstanceEvaluation()
    evaluation.add(
        truth, stored_surface(StoredInstances.load(scene.store.peek("scene_instances", scene.key).path))
    )
    figures = evaluation.scores()
    scene.expect(figures["ap25"] != 0, "no true object is found with an IoU of .25")
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}


@quality_check(asset="depth_lifts", needs_truth=False)
def lift_agreement(scene: StoredScene) -> Figures:
    """Share of a frame's points that lie, within 5 % of their depth, on the surfaces that another frame measures.

    Low where poses, intrinsics or the kind of depth are wrong (an inverse map declared metric, say). Passes from one
    half on, and where no two frames see the same.
    """
    from segassets.geometry.stored_lift import load_record

    record = load_record(scene.store.peek("depth_lifts", scene.key).path)
    share, points = record["agreement"], record["agreement_points"]
    scene.expect(
        share is None or share >= _AGREEMENT,
        f"only {share} of {points} points lie on what another frame measures, expected {_AGREEMENT}: check poses, "
        "intrinsics and the kind and unit of the depth",
    )
    return {"agreement": share, "points": points}


@quality_check(asset="novel_views", needs_truth=False)
def novel_view_quality(scene: StoredScene) -> Figures:
    """PSNR of a held-out view rendered from the other frames' points, beside that of the nearest other picture.

    Passes when it is not below, and where no view could be held out (without poses, or with few frames).
    """
    import json

    from segassets.lifting.novel_views import VIEWS_FILE

    content = json.loads((scene.store.peek("novel_views", scene.key).path / VIEWS_FILE).read_text("utf-8"))
    psnr, nearest = content["psnr_held_out"], content["psnr_nearest"]
    scene.expect(
        psnr is None or nearest is None or psnr >= nearest,
        f"PSNR {psnr} of the held-out view is below that of the nearest picture, {nearest}",
    )
    return {"psnr_held_out": psnr, "psnr_nearest": nearest}


QUALITY_CHECKS = (
    candidate_recall,
    track_quality,
    lift_agreement,
    novel_view_quality,
    instance_quality,
    *TUBE_QUALITY,
)
