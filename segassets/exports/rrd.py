"""Recordings for the rerun viewer: `<scene>.rrd`, opened by `rerun <scene>.rrd`. Needs the extra `rerun`.

    world                      axes of the scene, OpenCV's (x right, y down, z forward), metres
    world/camera               pose and intrinsics by frame
    world/camera/picture       JPEG
    world/camera/masks         id map: track_id where masks have tracks, else mask_id
    world/camera/depth         metres, where depth has been made and its scale is known
    world/points               points of all frames where poses are known, else of each frame
    world/objects              one ellipsoid for each object's Gaussian, at one standard deviation
What has not been made is left out, and named in `export.json`. Time runs in `frame`, and in seconds where known.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from segassets.datasets.frames import FrameSource
from segassets.errors import MissingInput
from segassets.exports.source import MASK_ASSETS, ExportSource, by_frame
from segassets.geometry.cameras import DEFAULT_FOV_DEG, Pinhole
from segassets.geometry.gaussians import load_gaussians
from segassets.geometry.points import PointCloud, load_points
from segassets.geometry.stored_lift import OBJECTS_FILE, lifted_frames, load_record, points_path
from segassets.masks import rle
from segassets.strict import StrictModel

_CAMERA = "world/camera"
_ID_LIMIT = 2**16  # ids of a segmentation picture


class RrdOptions(StrictModel):
    """What a recording shows."""

    asset: str | None = Field(
        None,
        description=f"Which masks: {', '.join(MASK_ASSETS)}; when empty tracks if made, else annotations.",
    )
    every: int = Field(1, ge=1, description="Every n-th frame.")
    points: int = Field(200_000, ge=1, description="Points shown at most, evenly taken.")


def write_rrd(sources: Sequence[ExportSource], folder: Path, options: RrdOptions) -> dict[str, Any]:
    """The exporter of format `rrd`.

    Raises:
        MissingInput: rerun is not installed; says how to get it.
    """
    try:
        import rerun  # noqa: F401 - asked for before anything is read
    except ImportError:
        raise MissingInput(
            "recordings for rerun need its SDK, which is not installed: pip install 'segassets[rerun]' (or rerun-sdk)"
        ) from None
    figures = {
        source.scene: _write_scene(source, folder / f"{source.scene}.rrd", options) for source in sources
    }
    return {"recordings": figures}


def _write_scene(source: ExportSource, path: Path, options: RrdOptions) -> dict[str, Any]:
    import rerun as rr

    with rr.RecordingStream("segassets", recording_id=source.scene) as recording:
        recording.save(path)
        recording.log("world", rr.ViewCoordinates.RDF, static=True)
        frames = source.frame_rows[:: options.every]
        absent = []
        asset = options.asset or ("sam2_tracks" if source.has("sam2_tracks") else "coco_masks")
        masks = by_frame(source.masks(asset)) if source.has(asset) else {}
        lift = source.artifact("depth_lifts").path if source.has("depth_lifts") else None
        depth = _DepthMaps(source) if source.has("depth_maps") else None
        absent += [] if source.has(asset) else [asset]
        absent += [name for name, found in (("depth_lifts", lift), ("depth_maps", depth)) if found is None]
        record = {} if lift is None else load_record(lift)
        world = record.get("space") == "world"
        fov_deg = record.get("fov_deg") or DEFAULT_FOV_DEG
        with FrameSource(source.frames, source.facts["root"]) as pictures:
            for frame, rgb in pictures.iterate([row["frame"] for row in frames]):
                row = source.frame_rows[frame]
                _set_time(recording, row)
                _log_camera(recording, row, fov_deg)
                recording.log(f"{_CAMERA}/picture", rr.Image(rgb).compress(jpeg_quality=85))
                recording.log(f"{_CAMERA}/masks", rr.SegmentationImage(_ids(masks.get(frame), row)))
                if depth is not None:
                    depth.log(recording, frame)
                if lift is not None and not world and frame in lifted_frames(lift):
                    _log_points(recording, load_points(points_path(lift, frame)), options.points)
        if lift is not None and world and lifted_frames(lift):
            recording.reset_time()
            clouds = [load_points(points_path(lift, frame)) for frame in lifted_frames(lift)]
            _log_points(recording, PointCloud.concatenate(clouds), options.points, static=True)
        objects = _log_objects(recording, source) if world else None
        if objects is None:
            absent.append("gaussians")
        recording.flush()
    return {"frames": len(frames), "objects": objects or 0, "without": absent, "bytes": path.stat().st_size}


def _set_time(recording: Any, row: dict[str, Any]) -> None:
    recording.set_time("frame", sequence=row["frame"])
    if row["timestamp_s"] is not None:
        recording.set_time("time", duration=row["timestamp_s"])


def _log_camera(recording: Any, row: dict[str, Any], fov_deg: float) -> None:
    """Intrinsics, those of a horizontal field of view where none are known; the pose where it is known."""
    import rerun as rr

    pinhole = Pinhole.of_frame(row, fov_deg)
    size_wh = [pinhole.width, pinhole.height]
    recording.log(
        _CAMERA,
        rr.Pinhole(image_from_camera=pinhole.matrix, resolution=size_wh, camera_xyz=rr.ViewCoordinates.RDF),
    )
    if row["camera_to_world"] is not None:
        pose = np.array(row["camera_to_world"], np.float64).reshape(4, 4)
        recording.log(_CAMERA, rr.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]))


def _ids(masks: pa.Table | None, row: dict[str, Any]) -> np.ndarray:
    """(H, W) uint16 ids, smaller masks over larger ones; ids beyond 16 bits begin again at 1."""
    ids = np.zeros((row["height"], row["width"]), np.uint16)
    for mask in masks.sort_by([("area", "descending")]).to_pylist() if masks is not None else ():
        number = mask["track_id"] or mask["mask_id"]
        ids[rle.decode(mask["rle_counts"], mask["height"], mask["width"])] = (number - 1) % (
            _ID_LIMIT - 1
        ) + 1
    return ids


class _DepthMaps:
    """Stored depth maps, turned into metres as their table says."""

    def __init__(self, source: ExportSource) -> None:
        self.folder = source.artifact("depth_maps").path
        self.rows = {row["frame"]: row for row in pq.read_table(self.folder / "depth.parquet").to_pylist()}

    def log(self, recording: Any, frame: int) -> None:
        import rerun as rr

        row = self.rows.get(frame)
        if row is None or row["scale"] is None:
            return
        with np.load(self.folder / f"depth/{frame:06d}.npz", allow_pickle=False) as archive:
            values, valid = archive["depth"].astype(np.float32), archive["valid"]
        values = values * np.float32(row["scale"]) + np.float32(row["shift"] or 0)
        valid = valid & (values > 0)
        if row["kind"] != "metric":
            values = 1 / np.where(valid, values, 1)
        recording.log(f"{_CAMERA}/depth", rr.DepthImage(np.where(valid, values, 0), meter=1.0))


def _log_points(recording: Any, cloud: PointCloud, most: int, *, static: bool = False) -> None:
    import rerun as rr

    chosen = np.linspace(0, len(cloud) - 1, min(most, len(cloud))).round().astype(np.int64)
    recording.log("world/points", rr.Points3D(cloud.xyz[chosen], colors=cloud.rgb[chosen]), static=static)


def _log_objects(recording: Any, source: ExportSource) -> int | None:
    """How many ellipsoids were logged; None where there are no Gaussians."""
    import rerun as rr

    if not source.has("gaussians"):
        return None
    objects = load_gaussians(source.artifact("gaussians").path / OBJECTS_FILE)
    recording.log(
        "world/objects",
        rr.Ellipsoids3D(
            centers=objects.xyz,
            half_sizes=np.exp(objects.log_scale),
            quaternions=np.roll(objects.rotation_wxyz, -1, axis=1),  # x y z w there
            colors=objects.rgb,
            labels=[str(number) for number in objects.object_id],
        ),
        static=True,
    )
    return len(objects)
