"""COLMAP sparse models, `cameras`, `images` and `points3D` in a folder (by custom `sparse/0`), binary or text.

COLMAP's poses are world-to-camera (unit quaternion w x y z, then the translation), in the axes used here (x
right, y down, z forward); its pixel centres lie at +0.5 like ours. Cameras are PINHOLE. A point may carry
one observation, the pixel it was lifted from.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from segassets.errors import BadInput
from segassets.geometry.cameras import Pinhole
from segassets.geometry.poses import inverse, rigid_pose
from segassets.geometry.rotations import quaternions_from_matrices
from segassets.storage import atomic

_PINHOLE_ID = 1
_OBSERVED = np.dtype([("u", "<f8"), ("v", "<f8"), ("point", "<i8")])
_POINT = np.dtype([("id", "<u8"), ("xyz", "<f8", 3), ("rgb", "u1", 3), ("error", "<f8"), ("track", "<u8")])
_SEEN_POINT = np.dtype([*_POINT.descr, ("image", "<i4"), ("place", "<i4")])


@dataclass(frozen=True)
class ColmapImage:
    """A posed picture; `name` is its file name in the folder of pictures."""

    name: str
    camera_to_world: np.ndarray
    pinhole: Pinhole


@dataclass(frozen=True)
class ColmapPoints:
    """N points.

    Attributes:
        xyz: (N, 3) world coordinates.
        rgb: (N, 3) uint8.
        image: (N,) position in the list of images of the picture each was seen on, or None.
        uv: (N, 2) pixel positions there (first pixel's centre 0.5, 0.5), or None.
    """

    xyz: np.ndarray
    rgb: np.ndarray
    image: np.ndarray | None = None
    uv: np.ndarray | None = None


def write_colmap(
    folder: Path,
    images: Sequence[ColmapImage],
    points: ColmapPoints,
    form: Literal["binary", "text"] = "binary",
) -> dict[str, Any]:
    """Write the three files; pictures with the same intrinsics share a camera, ids count from 1.

    Returns:
        {"cameras", "images", "points"}, and "principal_point_off_px": how far the principal point lies from the
        centre of the picture at most. 3DGS's and LangSplat's readers take it to be the centre.

    Raises:
        BadInput: no image, a name twice or one the format cannot hold, a pose that is not rigid, a point that
            is not finite.
    """
    _refuse_unfit(folder, images, points)
    cameras: dict[tuple[float, ...], int] = {}
    rows = []
    for number, image in enumerate(images, start=1):
        pin = image.pinhole
        camera = cameras.setdefault(
            (pin.width, pin.height, pin.fx_px, pin.fy_px, pin.cx_px, pin.cy_px), len(cameras) + 1
        )
        back = inverse(rigid_pose(image.camera_to_world, f"image {image.name}"))
        pose = [*quaternions_from_matrices(back[:3, :3]).tolist(), *back[:3, 3].tolist()]
        rows.append((number, pose, camera, image.name))
    observed, places = _observations(len(images), points)
    write = _binary if form == "binary" else _text
    for name, data in write(cameras, rows, points, observed, places).items():
        atomic.write_bytes(folder / name, data)
    off = max(
        max(abs(pin.cx_px - pin.width / 2), abs(pin.cy_px - pin.height / 2))
        for pin in (i.pinhole for i in images)
    )
    return {
        "cameras": len(cameras),
        "images": len(images),
        "points": len(points.xyz),
        "principal_point_off_px": round(off, 3),
    }


def _refuse_unfit(folder: Path, images: Sequence[ColmapImage], points: ColmapPoints) -> None:
    names = [image.name for image in images]
    if not names or len(set(names)) < len(names):
        raise BadInput(
            f"{folder}: expected images, each name once, found {len(names)} with {len(set(names))} names"
        )
    for name in names:
        if not name or "\0" in name or any(letter.isspace() for letter in name):
            raise BadInput(
                f"{folder}: COLMAP's files hold no image names with blanks, found {name!r}; rename the file"
            )
    if points.xyz.shape != (len(points.xyz), 3) or points.rgb.shape != points.xyz.shape:
        raise BadInput(
            f"{folder}: expected points and colours (N, 3), found {points.xyz.shape}, {points.rgb.shape}"
        )
    if not np.isfinite(points.xyz).all():
        raise BadInput(f"{folder}: expected finite points, found nan or infinity")
    if (points.image is None) != (points.uv is None):
        raise BadInput(f"{folder}: expected both image and uv of the points, or neither")


def _observations(count: int, points: ColmapPoints) -> tuple[list[np.ndarray], np.ndarray | None]:
    """For each image its observed points as records; and each point's place in its image's list."""
    if points.image is None or points.uv is None:
        return [np.zeros(0, _OBSERVED)] * count, None
    order = np.argsort(points.image, kind="stable")
    bounds = np.searchsorted(points.image[order], np.arange(count + 1))
    places = np.empty(len(order), np.int32)
    observed = []
    for start, stop in itertools.pairwise(bounds):
        chosen = order[start:stop]
        places[chosen] = np.arange(len(chosen))
        records = np.empty(len(chosen), _OBSERVED)
        records["u"], records["v"] = points.uv[chosen].T
        records["point"] = chosen + 1
        observed.append(records)
    return observed, places


def _binary(
    cameras: dict[tuple[float, ...], int],
    rows: list[tuple[int, list[float], int, str]],
    points: ColmapPoints,
    observed: list[np.ndarray],
    places: np.ndarray | None,
) -> dict[str, bytes]:
    camera_data = [struct.pack("<Q", len(cameras))]
    for (width, height, *params), number in cameras.items():
        camera_data.append(struct.pack("<iiQQ4d", number, _PINHOLE_ID, int(width), int(height), *params))
    image_data = [struct.pack("<Q", len(rows))]
    for (number, pose, camera, name), seen in zip(rows, observed, strict=True):
        image_data.append(struct.pack("<i7di", number, *pose, camera))
        image_data.append(name.encode("utf-8") + b"\0" + struct.pack("<Q", len(seen)) + seen.tobytes())
    records = np.zeros(len(points.xyz), _POINT if places is None else _SEEN_POINT)
    records["id"] = np.arange(1, len(records) + 1)
    records["xyz"], records["rgb"] = points.xyz, points.rgb
    if places is not None and points.image is not None:
        records["track"], records["image"], records["place"] = 1, points.image + 1, places
    return {
        "cameras.bin": b"".join(camera_data),
        "images.bin": b"".join(image_data),
        "points3D.bin": struct.pack("<Q", len(records)) + records.tobytes(),
    }


def _text(
    cameras: dict[tuple[float, ...], int],
    rows: list[tuple[int, list[float], int, str]],
    points: ColmapPoints,
    observed: list[np.ndarray],
    places: np.ndarray | None,
) -> dict[str, bytes]:
    camera_lines = ["# CAMERA_ID MODEL WIDTH HEIGHT FX FY CX CY"]
    for (width, height, *params), number in cameras.items():
        camera_lines.append(
            f"{number} PINHOLE {int(width)} {int(height)} {' '.join(map(repr, map(float, params)))}"
        )
    image_lines = ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then X Y POINT3D_ID of each observation"]
    for (number, pose, camera, name), seen in zip(rows, observed, strict=True):
        image_lines.append(f"{number} {' '.join(map(repr, pose))} {camera} {name}")
        image_lines.append(" ".join(f"{u!r} {v!r} {point}" for u, v, point in seen.tolist()))
    point_lines = ["# POINT3D_ID X Y Z R G B ERROR, then IMAGE_ID POINT2D_INDEX of each observation"]
    xyz, rgb = points.xyz.astype(np.float64).tolist(), points.rgb.tolist()
    for at, ((x, y, z), (red, green, blue)) in enumerate(zip(xyz, rgb, strict=True)):
        seen_by = "" if places is None or points.image is None else f" {points.image[at] + 1} {places[at]}"
        point_lines.append(f"{at + 1} {x!r} {y!r} {z!r} {red} {green} {blue} 0.0{seen_by}")
    files = {"cameras.txt": camera_lines, "images.txt": image_lines, "points3D.txt": point_lines}
    return {name: ("\n".join(lines) + "\n").encode("utf-8") for name, lines in files.items()}
