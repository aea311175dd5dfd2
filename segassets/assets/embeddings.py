"""`mask_embeddings`: what masks look like, as vectors that words can be compared with."""

from __future__ import annotations

from segassets.assets.language_checks import EMBEDDING_CHECKS
from segassets.assets.previews import likeness_preview
from segassets.lifting.embeddings_config import EmbeddingsConfig
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork


@scene_asset(
    inputs=("frames", "coco_masks", "filtered_masks", "sam2_tracks"),
    config=EmbeddingsConfig,
    defaults=lambda settings: settings.embeddings,
    group="lifting",
    kinds={"pytorch", "numpy"},
    scenes_per_run=28,
    gpu=GpuNeed(memory_gb=8, hours=2),
    model_of="embedding_model",
    checks=EMBEDDING_CHECKS,
    columns="MASK_EMBEDDINGS",
    reads_of=lambda config: ("frames", config.masks),
    unrecorded=("batch_size",),
)
def mask_embeddings(work: SceneWork, config: EmbeddingsConfig) -> Made:
    """One vector for each mask, and one for each track pooled over its best views, by a network that also reads words.

    A mask is shown as LangSplat crops it: everything outside it black, its box padded to a square.
    """
    from segassets.lifting.embeddings import embed_masks, pool_tracks
    from segassets.lifting.stored_embeddings import save_embeddings

    embedder = work.embedder()
    found = embed_masks(work.source, work.masks(config.masks), embedder, config, work.progress)
    tracks = pool_tracks(found, config.pooled_views)
    save_embeddings(work.out, work.key, found, tracks)
    return Made(
        numbers={"num_masks": len(found.vectors), "num_tracks": len(tracks.vectors), "dim": embedder.dim},
        preview=likeness_preview(work.source, found, tracks),
        details={"model": embedder.name},
    )
