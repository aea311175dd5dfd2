"""Semantic-SAM as an external candidate engine, run by the Python of its own environment.

    external_python: /opt/semantic-sam/bin/python
    external_program: [docs/external_engine/semantic_sam.py]
    external_options: {checkpoint: /opt/semantic-sam/swinl_only_sam_many2many.pth, model_type: L}
    external_env: {PYTHONPATH: /opt/Semantic-SAM}

Written after Semantic-SAM's own README and not run by us: its CUDA operators and checkpoints are absent
where segassets is tested. What is tested is the contract, with a stand-in that uses the same engine_io.py.
"""

import numpy as np
from engine_io import run
from PIL import Image

_model = None


def propose(rgb, picture_path, request):
    from semantic_sam import SemanticSamAutomaticMaskGenerator, build_semantic_sam, prepare_image

    global _model
    options = request["options"]
    if _model is None:
        _model = build_semantic_sam(model_type=options["model_type"], ckpt=options["checkpoint"])
    _, prepared = prepare_image(image_pth=str(picture_path))
    found = []
    for level in (entry["level"] for entry in request["levels"]):
        for mask in SemanticSamAutomaticMaskGenerator(_model, level=[level]).generate(prepared):
            found.append(
                {
                    "segmentation": at_size(mask["segmentation"], rgb.shape[:2]),
                    "level": level,
                    "stability": float(np.clip(mask["stability_score"], 0, 1)),
                    "predicted_iou": float(np.clip(mask["predicted_iou"], 0, 1)),
                }
            )
    return found


def at_size(mask, size_hw):
    """Semantic-SAM works on a resized picture; its masks come back at the picture's own size."""
    mask = np.asarray(mask, bool)
    if mask.shape == size_hw:
        return mask
    return np.asarray(Image.fromarray(mask).resize(size_hw[::-1], Image.NEAREST))


if __name__ == "__main__":
    run(propose)
