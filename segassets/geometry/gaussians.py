"""3D Gaussians as a table of arrays, in the activations 3D Gaussian Splatting stores.

Scales are logarithms, opacities are logits, rotations quaternions w, x, y, z, colours the coefficient of
degree 0 of spherical harmonics. Coefficients of higher degree are 0 when Gaussians are initialised, and
are not held; exports write the zeros where a format wants them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from segassets.errors import BadInput
from segassets.geometry.rotations import matrices_from_quaternions
from segassets.storage import atomic

SH_C0 = 0.28209479177387814  # the constant basis function of degree 0
_WIDTHS = {"xyz": 3, "f_dc": 3, "opacity_logit": 0, "log_scale": 3, "rotation_wxyz": 4, "object_id": 0}


def logit(share: float | np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), what an opacity is stored as."""
    share = np.asarray(share, np.float64)
    return np.log(share / (1 - share))


@dataclass(frozen=True)
class Gaussians:
    """N Gaussians.

    Attributes:
        xyz: (N, 3) float32, metres (or the unit of the points they were made from).
        f_dc: (N, 3) float32, (rgb - 0.5) / 0.2820948 with rgb in 0..1.
        opacity_logit: (N,) float32.
        log_scale: (N, 3) float32, natural logarithm of the standard deviation along each axis.
        rotation_wxyz: (N, 4) float32, the axes' rotation.
        object_id: (N,) int64, the mask or track it belongs to; 0 = none.
    """

    xyz: np.ndarray
    f_dc: np.ndarray
    opacity_logit: np.ndarray
    log_scale: np.ndarray
    rotation_wxyz: np.ndarray
    object_id: np.ndarray

    def __post_init__(self) -> None:
        for name, width in _WIDTHS.items():
            found, wanted = getattr(self, name).shape, (len(self.xyz), width) if width else (len(self.xyz),)
            if found != wanted:
                raise BadInput(f"Gaussians: expected {name} of shape {wanted}, found {found}")

    def __len__(self) -> int:
        return len(self.xyz)

    def refuse_nonfinite(self) -> None:
        """Raises BadInput where any number is nan or infinite: no file is to hold one."""
        for name in ("xyz", "f_dc", "opacity_logit", "log_scale", "rotation_wxyz"):
            finite = np.isfinite(getattr(self, name))
            bad = ~(finite if finite.ndim == 1 else finite.all(1))
            if bad.any():
                raise BadInput(
                    f"Gaussians: expected finite numbers, found {int(bad.sum())} of {len(self)} rows of {name} "
                    f"with nan or infinity, the first is row {int(bad.argmax())}"
                )

    @property
    def rgb(self) -> np.ndarray:
        """(N, 3) uint8 colours."""
        return np.clip(np.rint((self.f_dc * SH_C0 + 0.5) * 255), 0, 255).astype(np.uint8)

    def covariances(self) -> np.ndarray:
        """(N, 3, 3) float64."""
        axes = (
            matrices_from_quaternions(self.rotation_wxyz) * np.exp(self.log_scale.astype(np.float64))[:, None]
        )
        return axes @ axes.transpose(0, 2, 1)

    def take(self, chosen: np.ndarray) -> Gaussians:
        """Some rows, by index or boolean mask."""
        return Gaussians(**{name: getattr(self, name)[chosen] for name in _WIDTHS})

    @classmethod
    def concatenate(cls, parts: Sequence[Gaussians]) -> Gaussians:
        """All rows of the parts, in order."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _WIDTHS})

    @classmethod
    def empty(cls) -> Gaussians:
        """No rows."""
        shapes = {name: (0, width) if width else (0,) for name, width in _WIDTHS.items()}
        kinds = {name: np.int64 if name == "object_id" else np.float32 for name in _WIDTHS}
        return cls(**{name: np.zeros(shapes[name], kinds[name]) for name in _WIDTHS})


def save_gaussians(path: Path, gaussians: Gaussians, unit: str) -> None:
    """Write a safetensors file, whole or not at all; the unit of length stands in its metadata.

    Raises:
        BadInput: a number is not finite.
    """
    from safetensors.numpy import save

    gaussians.refuse_nonfinite()
    arrays = {item.name: np.ascontiguousarray(getattr(gaussians, item.name)) for item in fields(gaussians)}
    note = {"format": "segassets-gaussians", "unit": unit, "activations": "log scale, logit opacity, wxyz"}
    atomic.write_bytes(path, save(arrays, note))


def load_gaussians(path: Path) -> Gaussians:
    """Read `save_gaussians`.

    Raises:
        BadInput: not such a file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path}: expected Gaussians as safetensors, found {error}") from error
    if set(arrays) != set(_WIDTHS):
        raise BadInput(f"{path}: expected the arrays {', '.join(_WIDTHS)}, found {', '.join(sorted(arrays))}")
    return Gaussians(**arrays)
