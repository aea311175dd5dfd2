"""The folders that 3DGS's and LangSplat's trainings write, as their programs look for them in `output/`."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segassets.exports.colmap import ColmapImage, ColmapPoints
from segassets.exports.langsplat_checkpoint import write_checkpoint
from segassets.exports.langsplat_config import LangsplatConfig
from segassets.exports.langsplat_scene import LangsplatInputs, Picture
from segassets.exports.ply import write_gaussian_ply, write_point_ply
from segassets.geometry.gaussians import Gaussians
from segassets.storage import atomic

_FINEST = {1: 127, 2: 4, 3: 2}  # of our levels in LangSplat's s, m, l


def write_output(
    folder: Path,
    inputs: LangsplatInputs,
    pictures: list[Picture],
    gaussians: Gaussians,
    points: ColmapPoints,
    extent: float,
    config: LangsplatConfig,
) -> None:
    """The folders that 3DGS's and LangSplat's trainings write."""
    plain = folder / inputs.name
    name = f"chkpnt{config.iteration}.pth"
    write_checkpoint(plain / name, gaussians, extent, config.iteration)
    write_point_ply(plain / "input.ply", points.xyz, points.rgb)
    write_gaussian_ply(plain / f"point_cloud/iteration_{config.iteration}/point_cloud.ply", gaussians)
    cameras = [_camera_record(number, picture.camera) for number, picture in enumerate(pictures)]
    atomic.write_text(plain / "cameras.json", json.dumps(cameras))
    atomic.write_text(plain / "cfg_args", _arguments(-1))
    levels = inputs.masks.column("level").to_numpy()
    for number in config.feature_levels:
        features = _features_of(gaussians, inputs, levels <= _FINEST[number])
        target = folder / f"{inputs.name}_{number}"
        write_checkpoint(target / name, gaussians, extent, config.iteration, features)
        atomic.write_text(target / "cfg_args", _arguments(number))


def _features_of(gaussians: Gaussians, inputs: LangsplatInputs, shown: np.ndarray) -> np.ndarray:
    """(N, 3) features of Gaussians: the mean code of their object's masks, of length 1; 0 where none is known.

    A Gaussian's object is a track where masks have tracks, else a mask.
    """
    track, mask = (inputs.masks.column(name).to_numpy() for name in ("track_id", "mask_id"))
    owner = np.where((track > 0) & inputs.world, track, mask)
    objects, place = np.unique(owner[shown], return_inverse=True)
    if not len(objects):
        return np.zeros((len(gaussians), 3), np.float32)
    sums = np.stack([np.bincount(place, column, len(objects)) for column in inputs.codes_dim3[shown].T], 1)
    codes = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    at = np.clip(np.searchsorted(objects, gaussians.object_id), 0, len(objects) - 1)
    known = objects[at] == gaussians.object_id
    return np.where(known[:, None], codes[at], 0).astype(np.float32)


def _camera_record(number: int, image: ColmapImage) -> dict[str, Any]:
    pinhole, pose = image.pinhole, np.asarray(image.camera_to_world, np.float64)
    return {
        "id": number,
        "img_name": PurePosixPath(image.name).stem,
        "width": pinhole.width,
        "height": pinhole.height,
        "position": pose[:3, 3].tolist(),
        "rotation": pose[:3, :3].tolist(),
        "fy": pinhole.fy_px,
        "fx": pinhole.fx_px,
    }


def _arguments(feature_level: int) -> str:
    """What LangSplat reads of an earlier training's options; where the scene lies is given on the command line."""
    return (
        "Namespace(sh_degree=3, source_path='', model_path='', language_features_name='language_features_dim3', "
        "images='images', resolution=-1, white_background=False, "
        f"feature_level={feature_level}, data_device='cuda', eval=False)"
    )
