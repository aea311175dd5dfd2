"""Lifted scenes for other programs: point PLY, 3DGS PLY with object ids beside, COLMAP sparse models.

    points       <scene>.ply
    gaussians    <scene>.ply as 3DGS's point_cloud.ply, <scene>.objects.npy the object of each row
    colmap       <scene>/sparse/0/{cameras,images,points3D}.{bin,txt}, <scene>/images/<frame>.jpg

Where the frames of a scene share no world, points and gaussians write <scene>/<frame>.ply.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from segassets.errors import BadInput
from segassets.exports.colmap import ColmapImage, ColmapPoints, write_colmap
from segassets.exports.jpegs import write_jpegs
from segassets.exports.ply import write_gaussian_ply, write_point_ply
from segassets.exports.source import ExportSource
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import Gaussians, load_gaussians
from segassets.geometry.points import PointCloud, load_points
from segassets.geometry.poses import rigid_pose, to_camera
from segassets.geometry.stored_lift import (
    DENSE_FILE,
    LIFTED_FILE,
    OBJECTS_FILE,
    lifted_frames,
    load_record,
    points_path,
)
from segassets.masks.schemas import LIFTED_MASKS
from segassets.masks.table import read_table
from segassets.strict import StrictModel


class PointsOptions(StrictModel):
    """Options of the points export."""

    masks: bool = Field(False, description="Leave out points that lie in no mask.")


class GaussiansOptions(StrictModel):
    """Options of the gaussians export."""

    which: Literal["dense", "objects"] = Field(
        "dense", description="A Gaussian for each point, or one for each object."
    )
    sh_degree: int = Field(
        3,
        ge=0,
        le=3,
        description="Highest degree of spherical harmonics in the file; 3 is what 3DGS expects.",
    )


class ColmapOptions(StrictModel):
    """Options of the colmap export."""

    form: Literal["binary", "text"] = Field("binary", description="The form of the three files.")
    pictures: Literal["none", "link", "write"] = Field(
        "link", description="images: leave out, link local JPEG files (write the others), or write all."
    )
    observations: bool = Field(True, description="Give each point the pixel of the frame it was lifted from.")


def write_points(sources: Sequence[ExportSource], folder: Path, options: PointsOptions) -> dict[str, Any]:
    """Write all scenes; returns {"points", "units"}."""
    count, units = 0, {}
    for source in sources:
        units[source.scene] = _record(source)["unit"]
        for name, cloud in _clouds(source):
            kept = cloud.take(cloud.mask_id > 0) if options.masks else cloud
            comments = [f"unit: {cloud.unit}", f"axes: {cloud.space}"]
            write_point_ply(folder / f"{name}.ply", kept.xyz, kept.rgb, comments=comments)
            count += len(kept)
    return {"points": count, "units": units}


def write_gaussians(
    sources: Sequence[ExportSource], folder: Path, options: GaussiansOptions
) -> dict[str, Any]:
    """Write all scenes; returns {"gaussians", "units"}."""
    count, units = 0, {}
    for source in sources:
        record = _record(source)
        units[source.scene] = record["unit"]
        name = DENSE_FILE if options.which == "dense" else OBJECTS_FILE
        found = load_gaussians(source.artifact("gaussians").path / name)
        for path, part in _by_world(source, record, found, options.which):
            comments = [f"unit: {record['unit']}", f"axes: {record['space']}"]
            write_gaussian_ply(folder / f"{path}.ply", part, sh_degree=options.sh_degree, comments=comments)
            count += len(part)
    return {"gaussians": count, "units": units}


def write_colmap_scenes(
    sources: Sequence[ExportSource], folder: Path, options: ColmapOptions
) -> dict[str, Any]:
    """Write a model for each scene; returns what was written by scene.

    Raises:
        BadInput: a scene's frames share no world (no poses, or depth that is not in metres).
    """
    figures = {}
    for source in sources:
        record = _record(source)
        if record["space"] != "world":
            raise BadInput(
                f"scene {source.scene}: a COLMAP model needs a pose of every frame and depth in metres, found "
                f"{record['space']} axes, unit {record['unit']}; the formats points and gaussians need neither"
            )
        place = folder / source.scene
        figures[source.scene] = write_colmap(
            place / "sparse" / "0", *_model(source, record, options), options.form
        )
        if options.pictures != "none":
            write_jpegs(source, place / "images", link=options.pictures == "link")
    return {"models": figures}


def _record(source: ExportSource) -> dict[str, Any]:
    """lift.json of a scene that has points."""
    lift = source.artifact("depth_lifts").path
    record = load_record(lift)
    if not record["points"]:
        reasons = record["excluded"] or "no frame has depth"
        raise BadInput(f"scene {source.scene}: nothing was lifted ({reasons}); leave it out with --scenes")
    return record


def _clouds(source: ExportSource) -> Iterator[tuple[str, PointCloud]]:
    """(file name without ending, points): one of the scene, or one of each frame without a world."""
    lift = source.artifact("depth_lifts").path
    clouds = {frame: load_points(points_path(lift, frame)) for frame in lifted_frames(lift)}
    if _record(source)["space"] == "world":
        yield source.scene, PointCloud.concatenate(list(clouds.values()))
        return
    for frame, cloud in clouds.items():
        yield f"{source.scene}/{frame:06d}", cloud


def _by_world(
    source: ExportSource, record: dict[str, Any], found: Gaussians, which: str
) -> Iterator[tuple[str, Gaussians]]:
    """(file name without ending, Gaussians), as points are; objects stand in the frame of their mask."""
    if record["space"] == "world":
        yield source.scene, found
        return
    lift = source.artifact("depth_lifts").path
    frames = lifted_frames(lift)
    if which == "dense":
        of = np.repeat(frames, [len(load_points(points_path(lift, frame))) for frame in frames])
    else:
        frame_of = _frame_of_masks(lift)
        of = np.array([frame_of[int(mask)] for mask in found.object_id])
    for frame in frames:
        yield f"{source.scene}/{frame:06d}", found.take(of == frame)


def _frame_of_masks(lift: Path) -> dict[int, int]:
    table = read_table(lift / LIFTED_FILE, LIFTED_MASKS)
    return dict(zip(table.column("mask_id").to_pylist(), table.column("frame").to_pylist(), strict=True))


def _model(
    source: ExportSource, record: dict[str, Any], options: ColmapOptions
) -> tuple[list[ColmapImage], ColmapPoints]:
    """Images of all frames, and the points with the pixels they were lifted from."""
    images = []
    for row in source.frame_rows:
        where = f"scene {source.scene}, frame {row['frame']}"
        pose = rigid_pose(row["camera_to_world"], where)
        pinhole = Pinhole.of_frame(row, record["fov_deg"])
        images.append(ColmapImage(f"{row['frame']:05d}.jpg", pose, pinhole))
    [(_, cloud)] = _clouds(source)
    if not options.observations:
        return images, ColmapPoints(cloud.xyz, cloud.rgb)
    uv = np.empty((len(cloud), 2))
    for frame in np.unique(cloud.frame):
        own = np.flatnonzero(cloud.frame == frame)
        local = to_camera(cloud.xyz[own].astype(np.float64), images[frame].camera_to_world)
        uv[own] = images[frame].pinhole.project(local)[0]
    return images, ColmapPoints(cloud.xyz, cloud.rgb, cloud.frame.astype(np.int64), uv)
