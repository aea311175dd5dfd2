"""What `write_langsplat` takes, from the artifacts of a scene."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from segassets.datasets.frames import FrameSource
from segassets.errors import BadInput
from segassets.exports.langsplat_scene import LangsplatInputs
from segassets.geometry.gaussians import Gaussians, load_gaussians
from segassets.geometry.points import load_points
from segassets.geometry.stored_lift import DENSE_FILE, lifted_frames, load_record, points_path


def langsplat_inputs(
    key: str, source: FrameSource, masks: pa.Table, embedded: str, folders: Mapping[str, Path]
) -> LangsplatInputs:
    """The inputs of one scene.

    Args:
        masks: the embedded masks (MASKS), in the order of their embeddings.
        embedded: the asset they come from.
        folders: of `mask_embeddings`, `language_codec`, `depth_lifts` and `gaussians`.

    Raises:
        BadInput: the scene has no Gaussians; or they belong to masks of another asset, so that no feature is theirs.
    """
    from safetensors.numpy import load_file

    record = load_record(folders["depth_lifts"])
    gaussians = _gaussians(folders["depth_lifts"], folders["gaussians"], record["space"] == "world")
    if not gaussians:
        raise BadInput(
            f"scene {key}: expected Gaussians, found none: no frame became points ({record['excluded']}); relative "
            "depth becomes points when depth.arbitrary_scale=true or depth.depth_range_m says so"
        )
    if record["masks"] != embedded:
        raise BadInput(
            f"scene {key}: Gaussians are of the masks of {record['masks']}, embeddings of those of {embedded}; set "
            f"lift.masks={embedded}, or embeddings.masks={record['masks']}"
        )
    return LangsplatInputs(
        name=key,
        source=source,
        masks=masks,
        embeddings=np.load(folders["mask_embeddings"] / "embeddings.npy", allow_pickle=False).astype(
            np.float32
        ),
        codes_dim3=np.load(folders["language_codec"] / "codes_dim3.npy", allow_pickle=False),
        autoencoder=load_file(folders["language_codec"] / "langsplat_autoencoder.safetensors"),
        gaussians=gaussians,
        world=record["space"] == "world",
        fov_deg=record["fov_deg"],
    )


def _gaussians(lift: Path, folder: Path, world: bool) -> dict[int, Gaussians]:
    """Under -1 all Gaussians of one world, else each frame's: they lie in the order of the frames' points."""
    dense = load_gaussians(folder / DENSE_FILE)
    if world:
        return {-1: dense} if len(dense) else {}
    found, start = {}, 0
    for frame in lifted_frames(lift):
        count = len(load_points(points_path(lift, frame)))
        found[frame] = dense.take(np.arange(start, start + count))
        start += count
    if start != len(dense):
        raise BadInput(
            f"{folder}: expected {start} Gaussians, one for each point, found {len(dense)}; make them again"
        )
    return found
