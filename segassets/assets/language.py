"""`language_codec` and `langsplat_export`: a scene's embeddings compressed, and the scene as LangSplat trains on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segassets.assets.language_checks import CODEC_CHECKS, LANGSPLAT_CHECKS
from segassets.exports.langsplat_config import LangsplatConfig
from segassets.learning.codec_config import CodecConfig
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork

if TYPE_CHECKING:
    import pyarrow as pa


@scene_asset(
    inputs=("frames", "mask_embeddings"),
    config=CodecConfig,
    defaults=lambda settings: settings.codec,
    group="lifting",
    kinds={"pytorch", "numpy", "safetensors"},
    scenes_per_run=64,
    checks=CODEC_CHECKS,
)
def language_codec(work: SceneWork, config: CodecConfig) -> Made:
    """The embeddings of a scene's masks in few numbers: by a codec that sees the other masks of the picture, and by
    LangSplat's to 3.

    Both are trained on this scene alone, in seconds. `codec.json` holds what they keep of masks that were kept back,
    before and after learning. The first begins as the principal axes of the embeddings; what these alone keep stands
    beside it as `..._axes`, and where learning gains nothing the two are equal.
    """
    from segassets.assets.language_previews import codes_preview
    from segassets.learning.codec import encode_masks
    from segassets.learning.codec_files import save_codes
    from segassets.learning.codec_scene import embedded_masks

    masks = embedded_masks(work.inputs["mask_embeddings"].path)
    codes = encode_masks(masks, config, work.progress)
    record = save_codes(work.out, codes, masks, config)
    axes, after = (codes.figures["codec"][when] for when in ("before", "after"))
    return Made(
        numbers={
            "num_masks": record["masks"],
            "reconstruction": _rounded(after.get("reconstruction")),
            "reconstruction_axes": _rounded(axes.get("reconstruction")),
            "similarity_error": _rounded(after.get("similarity_error")),
            "similarity_error_axes": _rounded(axes.get("similarity_error")),
            "reconstruction_dim3": _rounded(codes.figures["langsplat"]["after"].get("reconstruction")),
        },
        preview=codes_preview(work.source, _masks_embedded(work), codes.codes_dim3),
        details=record,
    )


@scene_asset(
    inputs=("frames", "mask_embeddings", "language_codec", "depth_lifts", "gaussians"),
    config=LangsplatConfig,
    defaults=lambda settings: settings.langsplat,
    group="lifting",
    kinds={"pytorch", "numpy"},
    scenes_per_run=68,
    checks=LANGSPLAT_CHECKS,
)
def langsplat_export(work: SceneWork, config: LangsplatConfig) -> Made:
    """The scene as LangSplat and 3DGS read it: pictures, COLMAP model, language features of 512 and of 3 numbers,
    checkpoints to go on from.

    Pictures without poses become a LangSplat scene each. `langsplat.json` says what is there and what was left out.
    """
    from segassets.assets.language_previews import codes_preview
    from segassets.exports.langsplat import write_langsplat
    from segassets.exports.langsplat_inputs import langsplat_inputs

    masks = _masks_embedded(work)
    folders = {name: work.inputs[name].path for name in work.inputs}
    inputs = langsplat_inputs(work.key, work.source, masks, _embedded_asset(work), folders)
    record = write_langsplat(
        work.out, inputs, config, lambda done, total: work.progress(done, total, "LangSplat scenes")
    )
    scenes = record["scenes"]
    return Made(
        numbers={
            "num_langsplat_scenes": len(scenes),
            "num_pictures": sum(scene["pictures"] for scene in scenes),
            "num_features": sum(scene["features"] for scene in scenes),
            "num_gaussians": sum(scene["gaussians"] for scene in scenes),
        },
        preview=codes_preview(work.source, masks, inputs.codes_dim3),
        details=record,
    )


def _embedded_asset(work: SceneWork) -> str:
    """The asset whose masks were embedded."""
    return work.inputs["mask_embeddings"].provenance.config["masks"]


def _masks_embedded(work: SceneWork) -> pa.Table:
    """The embedded masks (MASKS), in the order of their embeddings."""
    from segassets.learning.codec_scene import in_order_of_embeddings

    table = work.stored_masks(_embedded_asset(work))
    return in_order_of_embeddings(table, work.inputs["mask_embeddings"].path)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
