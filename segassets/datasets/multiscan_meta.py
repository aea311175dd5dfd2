"""What a MultiScan scan says beside its pictures: cameras per frame, the depth stream, annotated objects.

MultiScan stores camera-to-world matrices column by column with ARKit's axes (x right, y up, z backward);
they leave this module in OpenCV's (x right, y down, z forward), row by row. Sizes there are [height, width].
"""

from __future__ import annotations

import json
import posixpath
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from segassets.datasets.files import Root
from segassets.datasets.json_files import read_json
from segassets.datasets.scene import FrameRecord
from segassets.errors import BadInput

_ARKIT_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
_BLOCK = 1 << 20
_DEPTH_TYPES = {"float16": (np.dtype("<f2"), 1.0), "uint16": (np.dtype("<u2"), 0.001)}


@dataclass(frozen=True)
class Camera:
    """One row of a scan's .jsonl: intrinsics in pixels of the recorded video, pose OpenCV camera-to-world."""

    timestamp_s: float
    intrinsics: np.ndarray
    camera_to_world: np.ndarray


@dataclass(frozen=True)
class DepthStream:
    """The depth of a scan: one zlib stream over all frames, metres per stored unit."""

    name: str
    height: int
    width: int
    dtype: np.dtype
    scale_m: float


@dataclass(frozen=True)
class ScanMeta:
    """A scan's metadata; `color_hw` is None when it has no .json."""

    color_hw: tuple[int, int] | None
    depth: DepthStream | None
    cameras: list[Camera]
    inputs: list[str]
    extras: dict[str, Any]


def read_meta(root: Root, folder: str, scan: str, key: str) -> ScanMeta:
    """Everything a scan's folder says about its frames; each file may be missing."""

    def present(suffix: str) -> str | None:
        name = posixpath.join(folder, scan + suffix)
        return name if root.is_file(name) else None

    meta_file, camera_file, depth_file = present(".json"), present(".jsonl"), present(".depth.zlib")
    align_file, objects_file = present(".align.json"), present(".annotations.json")
    meta = read_json(root, meta_file) if meta_file else {}
    extras: dict[str, Any] = {"camera_convention_of_source": "ARKit, column-major"}
    if align_file:
        transform = read_json(root, align_file).get("coordinate_transform")
        extras["mesh_to_world"] = None if transform is None else _column_major(transform, 4, key).tolist()
    if objects_file:
        found = read_json(root, objects_file)
        extras["objects"] = [
            {"id": item.get("objectId"), "label": item.get("label")} for item in found.get("objects", [])
        ]
        extras["parts"] = [
            {"id": item.get("partId"), "label": item.get("label"), "parent_id": item.get("parentId")}
            for item in found.get("parts", [])
        ]
    return ScanMeta(
        color_hw=_color_size(meta),
        depth=_depth_stream(meta, depth_file, key) if depth_file else None,
        cameras=read_cameras(root, camera_file) if camera_file else [],
        inputs=[name for name in (meta_file, camera_file, depth_file, align_file, objects_file) if name],
        extras=extras,
    )


def read_cameras(root: Root, name: str) -> list[Camera]:
    """The rows of a .jsonl, one a recorded frame.

    Raises:
        BadInput: a row is not JSON or lacks a matrix; names the line.
    """
    cameras = []
    for number, line in enumerate(root.read(name).decode("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{root.location(name)} line {number}"
        try:
            row = json.loads(line)
            stamp, intrinsics, transform = row["timestamp"], row["intrinsics"], row["transform"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise BadInput(f"{where}: expected timestamp, intrinsics and transform, found {error}") from error
        pose = _column_major(transform, 4, where) @ _ARKIT_TO_OPENCV
        cameras.append(Camera(float(stamp), _column_major(intrinsics, 3, where), pose))
    return cameras


def _column_major(numbers: Any, side: int, where: str) -> np.ndarray:
    """A square matrix stored column by column."""
    try:
        matrix = np.array(numbers, np.float64).reshape(side, side).T
    except (TypeError, ValueError) as error:
        raise BadInput(f"{where}: expected {side * side} numbers of a matrix, found {error}") from error
    if not np.isfinite(matrix).all():
        raise BadInput(f"{where}: expected finite numbers in a matrix, found others")
    return matrix


def set_camera(frame: FrameRecord, camera: Camera, color_hw: tuple[int, int] | None, start_s: float) -> None:
    """Gives a frame its time, pose and intrinsics, scaled from the recorded size to that of its picture."""
    height, width = color_hw or (frame.height, frame.width)
    matrix = np.diag([frame.width / width, frame.height / height, 1.0]) @ camera.intrinsics
    frame.timestamp_s = camera.timestamp_s - start_s
    frame.fx_px, frame.fy_px = float(matrix[0, 0]), float(matrix[1, 1])
    frame.cx_px, frame.cy_px = float(matrix[0, 2]), float(matrix[1, 2])
    frame.camera_to_world = camera.camera_to_world.reshape(-1).tolist()


def _streams(meta: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    """Streams of the metadata whose type holds one of the words, with a resolution [height, width]."""
    streams = [item for item in meta.get("streams", []) if item.get("resolution")]
    return [item for item in streams if any(kind in str(item.get("type", "")) for kind in kinds)]


def _color_size(meta: dict[str, Any]) -> tuple[int, int] | None:
    for stream in _streams(meta, "color", "rgb"):
        return int(stream["resolution"][0]), int(stream["resolution"][1])
    return None


def _depth_stream(meta: dict[str, Any], name: str, key: str) -> DepthStream:
    for stream in _streams(meta, "depth", "lidar"):
        encoding = str(stream.get("encoding", "")).removesuffix("_zlib")
        if encoding not in _DEPTH_TYPES:
            known = " or ".join(f"{kind}_zlib" for kind in _DEPTH_TYPES)
            raise BadInput(
                f"scene {key}: expected a depth stream encoded as {known}, found {stream.get('encoding')!r}"
            )
        dtype, scale = _DEPTH_TYPES[encoding]
        unit = stream.get("depth_unit", meta.get("depth_unit"))
        height, width = stream["resolution"]
        return DepthStream(
            name, int(height), int(width), dtype, {"m": 1.0, "mm": 0.001}.get(str(unit), scale)
        )
    raise BadInput(
        f"scene {key}: expected size and encoding of {name} under 'streams' in the scan's .json, found none"
    )


def iter_depth_m(root: Root, stream: DepthStream) -> Iterator[np.ndarray]:
    """Depth maps float32 (H, W) in metres, frame by frame; 0 and not-a-number are invalid.

    Raises:
        BadInput: the stream is damaged or ends inside a frame.
    """
    size = stream.height * stream.width * stream.dtype.itemsize
    where, buffer = root.location(stream.name), bytearray()
    with root.open(stream.name) as file:
        block = file.read(_BLOCK)
        # the iOS app writes a bare deflate stream under this name, other writers one with zlib's header
        inflate = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_header(block) else -zlib.MAX_WBITS)
        while block:
            try:
                buffer += inflate.decompress(block)
            except zlib.error as error:
                raise BadInput(f"{where}: expected a zlib stream, found damage: {error}") from error
            while len(buffer) >= size:
                values = np.frombuffer(bytes(buffer[:size]), stream.dtype)
                del buffer[:size]
                yield values.reshape(stream.height, stream.width) * np.float32(stream.scale_m)
            block = file.read(_BLOCK)
    if buffer or not inflate.eof:
        raise BadInput(f"{where}: the depth stream ends too early; replace the file")


def _has_zlib_header(block: bytes) -> bool:
    return len(block) > 1 and block[0] & 0x0F == 8 and (block[0] << 8 | block[1]) % 31 == 0
