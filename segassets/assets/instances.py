"""`scene_instances`: tracks, depth and poses fused into the things of a scene, each in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segassets.assets.instance_checks import INSTANCE_CHECKS
from segassets.assets.previews import instances_preview
from segassets.lifting.instances_config import InstancesConfig
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork

if TYPE_CHECKING:
    import numpy as np

    from segassets.lifting.scene_fusion import SceneInstances


@scene_asset(
    inputs=("frames", "coco_masks", "sam2_tracks", "depth_maps", "mask_embeddings"),
    optional=("depth_maps", "mask_embeddings"),
    config=InstancesConfig,
    defaults=lambda settings: settings.instances,
    group="lifting",
    kinds={"python", "parquet"},
    scenes_per_run=48,
    checks=INSTANCE_CHECKS,
    columns="SCENE_INSTANCES",
    reads_of=lambda config: ("frames", config.masks, "depth_maps", "mask_embeddings"),
)
def scene_instances(work: SceneWork, config: InstancesConfig) -> Made:
    """The things of a scene, each once: tracks that are one thing merged, a track over two things split, with points,
    oriented box, views, confidence and stable ids.

    Without poses or metric depth nothing can be fused: each track is an instance with the points of one frame, and
    `instances.json` says so. It also counts, by reason, which tracks became no instance.
    """
    from segassets.lifting.config import LiftConfig
    from segassets.lifting.scene_fusion import facts_of, fuse_scene
    from segassets.lifting.stored_depth import stored_depths
    from segassets.lifting.stored_instances import StoredInstances, save_instances

    depths = stored_depths(work.inputs["depth_maps"].path) if "depth_maps" in work.inputs else ()
    found = fuse_scene(work.source, depths, work.masks(config.masks), config, LiftConfig())
    save_instances(work.out, work.key, found, _embeddings(work, config, found))
    facts = facts_of(found)
    sizes = [len(item.views) for item in found.fusion.instances]
    return Made(
        numbers={
            "num_instances": facts["instances"],
            "num_merged": facts["pieces_merged"],
            "num_split": facts["tracks_split"],
            "num_excluded": sum(map(len, facts["excluded_tracks"].values())),
            "mean_views": round(sum(sizes) / len(sizes), 2) if sizes else 0.0,
        },
        preview=instances_preview(work.source, StoredInstances.load(work.out), work.masks(config.masks)),
        details=facts,
    )


def _embeddings(work: SceneWork, config: InstancesConfig, found: SceneInstances) -> np.ndarray | None:
    """The instances' vectors; None, with a note, where there are none of these masks."""
    from segassets.lifting.stored_embeddings import load_mask_embeddings, pooled_for

    artifact = work.inputs.get("mask_embeddings")
    if artifact is None:
        found.notes.append("masks are not embedded: questions about looks cannot be answered")
        return None
    embedded = artifact.provenance.config["masks"]
    if embedded != config.masks:
        found.notes.append(f"the embeddings are of {embedded}, the instances of {config.masks}: not used")
        return None
    groups = [item.track_ids for item in found.fusion.instances]
    return pooled_for(load_mask_embeddings(artifact.path), groups, artifact.provenance.config["pooled_views"])
