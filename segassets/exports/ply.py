"""PLY files of points and of 3D Gaussians: little-endian binary, one element `vertex`.

    points      x y z nx ny nz float, red green blue uchar: 3DGS and LangSplat read it as `input.ply`, every
                viewer of point clouds opens it
    Gaussians   x y z nx ny nz f_dc_0..2 f_rest_0..44 opacity scale_0..2 rot_0..3 float, as 3DGS's training
                writes `point_cloud.ply`: opacities are logits, scales logarithms, rotations w x y z

A Gaussian's object has no place in that format; it stands in `<name>.objects.npy`, int64, row for row.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segassets.errors import BadInput
from segassets.geometry.gaussians import Gaussians
from segassets.storage import atomic

_WORDS = {"<f4": "float", "|u1": "uchar", "<i4": "int"}
_PLACE = ("x", "y", "z", "nx", "ny", "nz")


def objects_path(path: Path) -> Path:
    """The side file of a PLY of Gaussians: `scene.ply` -> `scene.objects.npy`."""
    return path.with_suffix(".objects.npy")


def write_point_ply(
    path: Path,
    xyz: np.ndarray,
    rgb: np.ndarray,
    *,
    normals: np.ndarray | None = None,
    comments: Sequence[str] = (),
) -> None:
    """Write points (N, 3) with colours (N, 3) uint8; normals are 0 when not given.

    Args:
        comments: lines of the header, e.g. the unit of length.

    Raises:
        BadInput: a coordinate is not finite, or the arrays do not fit each other.
    """
    _refuse_unfit(path, xyz, rgb)
    vertices = np.zeros(
        len(xyz), [(name, "<f4") for name in _PLACE] + [(c, "u1") for c in ("red", "green", "blue")]
    )
    _fill(vertices, ("x", "y", "z"), xyz)
    _fill(vertices, ("red", "green", "blue"), rgb)
    if normals is not None:
        _refuse_unfit(path, normals, rgb)
        _fill(vertices, ("nx", "ny", "nz"), normals)
    atomic.write_bytes(path, ply_bytes(vertices, comments))


def write_gaussian_ply(
    path: Path, gaussians: Gaussians, *, sh_degree: int = 3, comments: Sequence[str] = ()
) -> None:
    """Write Gaussians as 3DGS does, and their object ids beside.

    Args:
        sh_degree: highest degree of spherical harmonics in the file, 0 to 3; 3 is what 3DGS reads unless told
            otherwise. Coefficients above degree 0 are 0.

    Raises:
        BadInput: a number is not finite, or a degree that does not exist.
    """
    if sh_degree not in (0, 1, 2, 3):
        raise BadInput(f"{path}: expected a degree of spherical harmonics from 0 to 3, found {sh_degree}")
    gaussians.refuse_nonfinite()
    rest = 3 * ((sh_degree + 1) ** 2 - 1)
    columns = {
        "xyz": ("x", "y", "z"),
        "normals": ("nx", "ny", "nz"),
        "f_dc": tuple(f"f_dc_{at}" for at in range(3)),
        "f_rest": tuple(f"f_rest_{at}" for at in range(rest)),
        "opacity_logit": ("opacity",),
        "log_scale": tuple(f"scale_{at}" for at in range(3)),
        "rotation_wxyz": tuple(f"rot_{at}" for at in range(4)),
    }
    vertices = np.zeros(len(gaussians), [(name, "<f4") for names in columns.values() for name in names])
    for attribute in ("xyz", "f_dc", "opacity_logit", "log_scale", "rotation_wxyz"):
        _fill(vertices, columns[attribute], getattr(gaussians, attribute).reshape(len(gaussians), -1))
    ids = io.BytesIO()
    np.save(ids, np.asarray(gaussians.object_id, np.int64), allow_pickle=False)
    atomic.write_bytes(objects_path(path), ids.getvalue())
    atomic.write_bytes(path, ply_bytes(vertices, comments))


def ply_bytes(vertices: np.ndarray, comments: Sequence[str] = ()) -> bytes:
    """A PLY of one element `vertex` from a structured array of packed fields."""
    header = ["ply", "format binary_little_endian 1.0"]
    header += [f"comment {' '.join(line.split())}" for line in comments]
    header.append(f"element vertex {len(vertices)}")
    assert vertices.dtype.names is not None
    header += [f"property {_WORDS[vertices.dtype[name].str]} {name}" for name in vertices.dtype.names]
    return ("\n".join([*header, "end_header"]) + "\n").encode("ascii", "replace") + vertices.tobytes()


def _fill(vertices: np.ndarray, names: Sequence[str], values: np.ndarray) -> None:
    for at, name in enumerate(names):
        vertices[name] = values[:, at]


def _refuse_unfit(path: Path, xyz: np.ndarray, rgb: np.ndarray) -> None:
    if xyz.shape != (len(xyz), 3) or rgb.shape != xyz.shape or rgb.dtype != np.uint8:
        raise BadInput(
            f"{path}: expected points (N, 3) and colours (N, 3) uint8, found {xyz.shape} and {rgb.shape} {rgb.dtype}"
        )
    if not np.isfinite(xyz).all():
        bad = ~np.isfinite(xyz).all(1)
        raise BadInput(f"{path}: expected finite points, found {int(bad.sum())} with nan or infinity")
