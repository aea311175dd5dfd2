"""What codes and LangSplat's scenes must satisfy before they are published."""

from __future__ import annotations

import json

from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.work import SceneWork


def _embeddings_schema(work: SceneWork) -> Figures:
    from segassets.lifting.stored_embeddings import load_mask_embeddings

    stored = load_mask_embeddings(work.out)
    return {"masks": stored.masks.num_rows, "tracks": stored.tracks.num_rows}


def _embeddings_unit(work: SceneWork) -> Figures:
    import numpy as np

    from segassets.lifting.stored_embeddings import load_mask_embeddings

    stored = load_mask_embeddings(work.out)
    lengths = np.linalg.norm(stored.vectors, axis=1)
    wrong = np.flatnonzero(np.abs(lengths - 1) > 1e-3)
    if len(wrong):
        raise BadInput(
            f"expected vectors of length 1, found {lengths[wrong[0]]:.3f} and {len(wrong) - 1} more"
        )
    ids = set(work.masks(work.provenance.config["masks"]).column("mask_id").to_pylist())
    strange = set(stored.masks.column("mask_id").to_pylist()) - ids
    if strange:
        raise BadInput(
            f"expected masks of {work.provenance.config['masks']}, found others: {sorted(strange)[:10]}"
        )
    return {"masks": len(lengths), "dim": stored.vectors.shape[1]}


EMBEDDING_CHECKS = (
    Check("schema", "Both tables have their columns, both arrays a finite row for each.", _embeddings_schema),
    Check("unit_vectors", "Vectors have length 1; every one is of a mask of the input.", _embeddings_unit),
)


def _codes_unit(work: SceneWork) -> Figures:
    import numpy as np

    record = json.loads((work.out / "codec.json").read_text("utf-8"))
    for name, dim in (("codes.npy", record["dim"]), ("codes_dim3.npy", 3)):
        codes = np.load(work.out / name, allow_pickle=False)
        if codes.shape != (record["masks"], dim):
            raise BadInput(f"{name}: expected {record['masks']} codes of {dim} numbers, found {codes.shape}")
        if not np.allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-4):
            raise BadInput(f"{name}: expected codes of length 1, found others")
    return {"masks": record["masks"]}


CODEC_CHECKS = (
    Check("codes", "Every embedded mask has a code of each codec, finite and of length 1.", _codes_unit),
)


def _features_fit(work: SceneWork) -> Figures:
    import numpy as np
    from PIL import Image

    total = 0
    record = json.loads((work.out / "langsplat.json").read_text("utf-8"))
    for scene in record["scenes"]:
        folder = work.out / scene["folder"]
        pictures = sorted((folder / "images").iterdir())
        if len(pictures) != scene["pictures"]:
            raise BadInput(f"{folder.name}: expected {scene['pictures']} pictures, found {len(pictures)}")
        for picture in pictures:
            width, height = Image.open(picture).size
            for name, dim in (("language_features", record["feature_width"]), ("language_features_dim3", 3)):
                maps = np.load(folder / name / f"{picture.stem}_s.npy", mmap_mode="r")
                rows = np.load(folder / name / f"{picture.stem}_f.npy", mmap_mode="r")
                if (
                    maps.shape != (4, height, width)
                    or rows.shape[1:] != (dim,)
                    or maps.max() + 1 != len(rows)
                ):
                    raise BadInput(
                        f"{name}/{picture.stem}: expected maps (4, {height}, {width}) of every row of (N, {dim}), "
                        f"found {maps.shape} up to {maps.max()} of {rows.shape}"
                    )
            total += len(rows)
    return {"features": total}


LANGSPLAT_CHECKS = (
    Check(
        "features_fit",
        "Every picture has maps of its size whose values are exactly the rows of its features.",
        _features_fit,
    ),
)
