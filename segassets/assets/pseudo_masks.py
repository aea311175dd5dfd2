"""`pseudo_masks`: masks nobody drew, cut from features or brought by VideoCutLER."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from segassets.assets.coco_masks import mask_numbers
from segassets.assets.mask_checks import PSEUDO_MASK_CHECKS
from segassets.assets.previews import masks_preview
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import MASKS_FILE, SKIPPED_FILE, STATS_FILE, Made, SceneWork
from segassets.proposals.pseudo_config import PseudoMaskConfig

if TYPE_CHECKING:
    from segassets.datasets.scene import Scene
    from segassets.proposals.pseudo_masks import PseudoMasks

RECORDS = ".videocutler"


def pictures_version(config: PseudoMaskConfig, scene: Scene) -> dict[str, str]:
    """The version of a scene's mask pictures, where those are read."""
    if config.source != "videocutler_png":
        return {}
    from segassets.proposals.pseudo_masks import folder_version, scene_folder

    return {"mask pictures": folder_version(scene_folder(config.masks, scene.key, scene.name), config.masks)}


@scene_asset(
    inputs=("frames",),
    config=PseudoMaskConfig,
    defaults=lambda settings: settings.pseudo_masks,
    group="pseudo_tubes",
    kinds={"pytorch", "parquet"},
    scenes_per_run=24,
    gpu=GpuNeed(memory_gb=16, hours=6),
    checks=PSEUDO_MASK_CHECKS,
    columns="MASKS",
    outside=pictures_version,
    unrecorded=("strict",),
)
def pseudo_masks(work: SceneWork, config: PseudoMaskConfig) -> Made:
    """Masks nobody drew: normalised cuts of features on every n-th frame (MaskCut), or what VideoCutLER found.

    Masks of VideoCutLER carry the identities it gave them (`track_id`), those of MaskCut none. `stats.json` says what
    they were made of. A scene without instances is an ordinary one; where its mask pictures cannot be used,
    `skipped.json` has the reason.
    """
    from segassets.masks.schemas import MASKS
    from segassets.masks.table import write_table
    from segassets.storage.atomic import write_text

    found, facts = _found(work, config)
    write_table(found.masks, MASKS, work.out / MASKS_FILE)
    stats = {"source": config.source, "frames": found.frames, **found.facts, **facts}
    write_text(work.out / STATS_FILE, json.dumps(stats, indent=1))
    if found.skipped:
        write_text(work.out / SKIPPED_FILE, json.dumps(found.skipped, indent=1))
    return Made(
        numbers={
            **mask_numbers(found.masks),
            "num_frames": len(found.frames),
            "frames_without_masks": len(set(found.frames) - set(found.masks.column("frame").to_pylist())),
            "skipped": int(found.skipped is not None),
        },
        preview=masks_preview(work.source, found.masks, by_track=config.source != "maskcut"),
        details={**{key: value for key, value in stats.items() if key != "frames"}, "skipped": found.skipped},
    )


def _found(work: SceneWork, config: PseudoMaskConfig) -> tuple[PseudoMasks, dict[str, Any]]:
    """The masks, and further facts about their making."""
    from segassets.proposals.pseudo_masks import cut_scene, read_scene, scene_folder

    if config.source == "maskcut":
        tokens = _tokens(work, config)
        found = cut_scene(work.source, work.key, tokens, config, work.work_dir, work.progress)
        return found, {}
    if config.source == "videocutler_png":
        folder = scene_folder(config.masks, work.key, work.scene.name)
        return read_scene(folder, work.source, work.key, config.masks, strict=config.strict), {}
    from segassets.proposals.videocutler import run_videocutler

    records = work.store.local / RECORDS / work.store.tag
    folder, run = run_videocutler(
        work.source, work.key, config.videocutler, work.work_dir, records, work.device, work.progress
    )
    found = read_scene(folder, work.source, work.key, config.masks, strict=config.strict, by_position=True)
    return found, {"videocutler": {"status": run.status, "seconds": run.seconds, "log": run.log}}


def _tokens(work: SceneWork, config: PseudoMaskConfig) -> Any:
    if config.features == "dino":
        from segassets.models.dino import load_dino

        return load_dino(config.dino_model, config.dino_side, work.device)
    from segassets.models.token_features import EncoderTokens

    return EncoderTokens(work.segmenter(), config.min_tokens, config.colour)
