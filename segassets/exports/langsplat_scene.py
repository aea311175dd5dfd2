"""What of a scene LangSplat can learn from: its pictures with their cameras and masks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from segassets.datasets.frames import FrameSource
from segassets.exports.colmap import ColmapImage
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import Gaussians

MOST_ROWS_PX = 1080  # LangSplat shrinks higher pictures, and the maps must fit what it loads
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
        fov_deg: declared for pictures without intrinsics when they were lifted.
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
class Picture:
    """A picture that LangSplat can learn from."""

    frame: int
    stem: str
    camera: ColmapImage
    rows: np.ndarray  # of the mask table


def pictures_of(inputs: LangsplatInputs) -> tuple[list[Picture], dict[str, int]]:
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
        found.append(Picture(row["frame"], stem, ColmapImage(f"{stem}.jpg", pose, pinhole), rows))
    return found, {reason: count for reason, count in excluded.items() if count}


def stems_of(uris: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """File stems of pictures: their own where all are plain and different, else their numbers.

    LangSplat takes a stem to end at the first dot.
    """
    own = [PurePosixPath(uri).stem for uri in uris]
    if len(set(own)) == len(own) and all(map(_PLAIN.fullmatch, own)) and not any("#" in uri for uri in uris):
        return own
    return [f"{number:06d}" for number in numbers]


def write_pictures(folder: Path, source: FrameSource, pictures: list[Picture]) -> None:
    """Write `<stem>.jpg` of each into a new folder, in its camera's size."""
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
