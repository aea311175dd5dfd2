"""Scenes as LangSplat trains on them: pictures, COLMAP model, language features, Gaussians to start from.

    images/<stem>.jpg  sparse/0/{cameras,images,points3D}.bin, points3D.ply
    language_features/<stem>_{f,s}.npy        embeddings, 512 wide (narrower ones with zeros after them)
    language_features_dim3/<stem>_{f,s}.npy   the same through the autoencoder
    autoencoder/best_ckpt.pth                 its weights under LangSplat's names
    output/<name>/                            input.ply, cameras.json, cfg_args, chkpntN.pth (12 parameters),
                                              point_cloud/iteration_N/point_cloud.ply
    output/<name>_{1,2,3}/                    cfg_args, chkpntN.pth (13 parameters) for each level of features
Footage with poses is one such scene. Pictures without poses share no axes: each is a scene of its own, in a folder
of its stem, its camera at the origin.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from segassets.errors import BadInput
from segassets.exports.colmap import ColmapPoints, write_colmap
from segassets.exports.langsplat_config import LangsplatConfig
from segassets.exports.langsplat_maps import LanguageMaps, language_maps, write_language_maps
from segassets.exports.langsplat_output import write_output
from segassets.exports.langsplat_scene import LangsplatInputs, Picture, pictures_of, write_pictures
from segassets.exports.ply import write_point_ply
from segassets.geometry.gaussians import Gaussians
from segassets.storage import atomic

RECORD = "langsplat.json"
WIDTH = 512  # what LangSplat's autoencoder reads


def write_langsplat(
    out: Path,
    inputs: LangsplatInputs,
    config: LangsplatConfig,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Write one LangSplat scene, or one for each picture without a pose.

    Returns:
        `langsplat.json`: scenes (folder, pictures, features, Gaussians, what LangSplat cannot hold), excluded frames by
        reason, feature_width, feature_dim.

    Raises:
        BadInput: no picture has masks, or embeddings that are wider than LangSplat reads.
    """
    if inputs.embeddings.shape[1] > WIDTH:
        raise BadInput(
            f"expected embeddings of at most {WIDTH} numbers for LangSplat, found {inputs.embeddings.shape[1]}"
        )
    pictures, excluded = pictures_of(inputs)
    if not pictures:
        raise BadInput(
            f"scene {inputs.source.scene}: expected a picture with masks and a place in space, found none; left out: "
            f"{excluded}"
        )
    groups = [pictures] if inputs.world else [[picture] for picture in pictures]
    scenes = []
    for number, group in enumerate(groups):
        folder = "" if inputs.world else group[0].stem
        gaussians = inputs.gaussians[-1 if inputs.world else group[0].frame]
        scenes.append({"folder": folder, **_write_scene(out / folder, inputs, group, gaussians, config)})
        progress(number + 1, len(groups))
    record = {
        "scenes": scenes,
        "excluded": excluded,
        "feature_width": WIDTH,
        "feature_dim": inputs.embeddings.shape[1],
        "posed": inputs.world,
    }
    atomic.write_text(out / RECORD, json.dumps(record, indent=1))
    return record


def _write_scene(
    folder: Path,
    inputs: LangsplatInputs,
    pictures: list[Picture],
    gaussians: Gaussians,
    config: LangsplatConfig,
) -> dict[str, Any]:
    sizes = [(picture.camera.pinhole.height, picture.camera.pinhole.width) for picture in pictures]
    columns = ("mask_id", "level", "area", "height", "width", "rle_counts")
    table = inputs.masks.select(columns)
    hidden = features = 0
    wide = np.pad(inputs.embeddings, ((0, 0), (0, WIDTH - inputs.embeddings.shape[1])))
    for picture, size_hw in zip(pictures, sizes, strict=True):
        maps = language_maps(table.take(picture.rows).to_pylist(), size_hw, fill_levels=config.fill_levels)
        _write_features(folder, picture, maps, wide, inputs.codes_dim3)
        hidden, features = hidden + maps.hidden, features + len(maps.rows)
    write_pictures(folder / "images", inputs.source, pictures)
    points = _points(gaussians, config.points)
    counts = write_colmap(folder / "sparse/0", [picture.camera for picture in pictures], points)
    write_point_ply(folder / "sparse/0/points3D.ply", points.xyz, points.rgb)
    _write_autoencoder(folder / "autoencoder/best_ckpt.pth", inputs.autoencoder)
    extent = _extent(pictures, gaussians)
    write_output(folder / "output", inputs, pictures, gaussians, points, extent, config)
    return {
        "pictures": len(pictures),
        "features": features,
        "masks_hidden": hidden,
        "gaussians": len(gaussians),
        "points": counts["points"],
        "spatial_lr_scale": extent,
        "principal_point_off_px": counts["principal_point_off_px"],
    }


def _write_features(
    folder: Path, picture: Picture, maps: LanguageMaps, wide: np.ndarray, dim3: np.ndarray
) -> None:
    rows = picture.rows[maps.rows]
    for name, features in (("language_features", wide), ("language_features_dim3", dim3)):
        write_language_maps(folder / name, picture.stem, maps.maps, features[rows])


def _points(gaussians: Gaussians, most: int) -> ColmapPoints:
    chosen = np.linspace(0, len(gaussians) - 1, min(most, len(gaussians))).round().astype(np.int64)
    return ColmapPoints(gaussians.xyz[chosen], gaussians.rgb[chosen])


def _extent(pictures: list[Picture], gaussians: Gaussians) -> float:
    """1.1 times the radius of the cameras' centres, as 3DGS takes it; where they are one point, of the Gaussians."""
    centres = np.stack([picture.camera.camera_to_world[:3, 3] for picture in pictures])
    radius = float(np.linalg.norm(centres - centres.mean(0), axis=1).max())
    if radius < 1e-6:  # 0 would keep every position where it is
        away = np.linalg.norm(gaussians.xyz - np.median(gaussians.xyz, axis=0), axis=1)
        radius = max(float(np.median(away)), 1e-3)
    return 1.1 * radius


def _write_autoencoder(path: Path, weights: dict[str, np.ndarray]) -> None:
    import torch

    stream = io.BytesIO()
    torch.save({name: torch.tensor(value) for name, value in weights.items()}, stream)
    atomic.write_bytes(path, stream.getvalue())
