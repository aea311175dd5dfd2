"""Quality against ground truth, where a scene has some: figures to plot, beside their trivial baselines."""

from __future__ import annotations

from segassets.orchestration.checks import Figures, StoredScene, quality_check


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


QUALITY_CHECKS = (candidate_recall, track_quality, instance_quality)
