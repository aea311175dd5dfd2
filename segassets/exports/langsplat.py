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
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from segassets.datasets.frames import FrameSource
from segassets.errors import BadInput
from segassets.exports.colmap import ColmapImage, ColmapPoints, write_colmap
from segassets.exports.langsplat_checkpoint import write_checkpoint
from segassets.exports.langsplat_config import LangsplatConfig
from segassets.exports.langsplat_maps import LanguageMaps, language_maps, write_language_maps
from segassets.exports.ply import write_gaussian_ply, write_point_ply
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import Gaussians
from segassets.storage import atomic

RECORD = "langsplat.json"
WIDTH = 512  # what LangSplat's autoencoder reads
MOST_ROWS_PX = 1080  # LangSplat shrinks higher pictures, and the maps must fit what it loads
_FINEST = {1: 127, 2: 4, 3: 2}  # of our levels in LangSplat's s, m, l
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class LangsplatInputs:
    """What is written, of one scene.

    Attributes:
        name: of the folders in output/.
        source: the pictures.
        masks: MASKS table of the embedded masks; row i has row i of the arrays.
        embeddings: (N, D) unit rows.
        codes_dim3: (N, 3) unit rows.
        autoencoder: LangSplat's weights by name.
        gaussians: by frame where `world` is false, else under -1 those of the whole scene.
        world: whether poses put all frames into one world.
        fov_deg: assumed for pictures without intrinsics.
    """

    name: str
    source: FrameSource
    masks: pa.Table
    embeddings: np.ndarray
    codes_dim3: np.ndarray
    autoencoder: dict[str, np.ndarray]
    gaussians: dict[int, Gaussians]
    world: bool
    fov_deg: float | None


@dataclass(frozen=True)
class _Picture:
    frame: int
    stem: str
    camera: ColmapImage
    rows: np.ndarray  # of the mask table


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
    pictures, excluded = _pictures(inputs)
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


def _pictures(inputs: LangsplatInputs) -> tuple[list[_Picture], dict[str, int]]:
    """The pictures LangSplat can learn from, and how many are left out by reason."""
    frames = inputs.source.table.to_pylist()
    stems = stems_of([row["uri"] for row in frames], [row["source_frame"] for row in frames])
    of_frame = inputs.masks.column("frame").to_numpy()
    found, excluded = [], {"without_masks": 0, "without_gaussians": 0, "without_pose": 0}
    for row, stem in zip(frames, stems, strict=True):
        rows = np.flatnonzero(of_frame == row["frame"])
        here = -1 if inputs.world else row["frame"]
        reason = (
            "without_masks"
            if not len(rows)
            else "without_pose"
            if inputs.world and row["camera_to_world"] is None
            else "without_gaussians"
            if here not in inputs.gaussians or not len(inputs.gaussians[here])
            else ""
        )
        if reason:
            excluded[reason] += 1
            continue
        pose = np.array(row["camera_to_world"], np.float64).reshape(4, 4) if inputs.world else np.eye(4)
        pinhole = Pinhole.of_frame(row, inputs.fov_deg)
        shrink = min(1.0, MOST_ROWS_PX / pinhole.height)
        pinhole = pinhole.scaled(int(pinhole.height * shrink), int(pinhole.width * shrink))
        found.append(_Picture(row["frame"], stem, ColmapImage(f"{stem}.jpg", pose, pinhole), rows))
    return found, {reason: count for reason, count in excluded.items() if count}


def stems_of(uris: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """File stems of pictures: their own where all are plain and different, else their numbers.

    LangSplat takes a stem to end at the first dot.
    """
    own = [PurePosixPath(uri).stem for uri in uris]
    if len(set(own)) == len(own) and all(map(_PLAIN.fullmatch, own)) and not any("#" in uri for uri in uris):
        return own
    return [f"{number:06d}" for number in numbers]


def _write_scene(
    folder: Path,
    inputs: LangsplatInputs,
    pictures: list[_Picture],
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
    _write_pictures(folder / "images", inputs.source, pictures)
    points = _points(gaussians, config.points)
    counts = write_colmap(folder / "sparse/0", [picture.camera for picture in pictures], points)
    write_point_ply(folder / "sparse/0/points3D.ply", points.xyz, points.rgb)
    _write_autoencoder(folder / "autoencoder/best_ckpt.pth", inputs.autoencoder)
    extent = _extent(pictures, gaussians)
    _write_output(folder / "output", inputs, pictures, gaussians, points, extent, config)
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
    folder: Path, picture: _Picture, maps: LanguageMaps, wide: np.ndarray, dim3: np.ndarray
) -> None:
    rows = picture.rows[maps.rows]
    for name, features in (("language_features", wide), ("language_features_dim3", dim3)):
        write_language_maps(folder / name, picture.stem, maps.maps, features[rows])


def _write_pictures(folder: Path, source: FrameSource, pictures: list[_Picture]) -> None:
    from PIL import Image

    folder.mkdir(parents=True)
    by_frame = {picture.frame: picture for picture in pictures}
    for frame, rgb in source.iterate([picture.frame for picture in pictures]):
        camera = by_frame[frame].camera
        image = Image.fromarray(rgb)
        size_wh = (camera.pinhole.width, camera.pinhole.height)
        if image.size != size_wh:
            image = image.resize(size_wh, Image.Resampling.LANCZOS)
        image.save(folder / camera.name, format="JPEG", quality=95, subsampling=0)


def _points(gaussians: Gaussians, most: int) -> ColmapPoints:
    chosen = np.linspace(0, len(gaussians) - 1, min(most, len(gaussians))).round().astype(np.int64)
    return ColmapPoints(gaussians.xyz[chosen], gaussians.rgb[chosen])


def _extent(pictures: list[_Picture], gaussians: Gaussians) -> float:
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


def _write_output(
    folder: Path,
    inputs: LangsplatInputs,
    pictures: list[_Picture],
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
