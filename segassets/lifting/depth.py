"""Depth maps that say what they are, and the depth (z along the optical axis) that lifting works on.

A map of a sensor or a network is a `DepthMap`: metric depth, relative inverse depth (1/z up to a scale and a
shift), or disparity (1/z up to a scale). `resolve.resolve_depth` turns it into a `Depth`, in metres or, when
that is asked for, in an arbitrary unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from segassets.errors import BadInput
from segassets.models.spec import DepthKind

KINDS: tuple[DepthKind, ...] = get_args(DepthKind)
UNITS: dict[DepthKind, str] = {"metric": "m", "relative_inverse": "none", "disparity": "px"}
RULES: dict[DepthKind, str] = {
    "metric": "not finite, 0 or less is invalid",
    "relative_inverse": "not finite is invalid",
    "disparity": "not finite, 0 or less is invalid",
}


@dataclass(frozen=True)
class Alignment:
    """How a map became depth: `target = scale x value + shift`, the target being z, or 1/z for inverse kinds.

    Attributes:
        method: points | range | baseline | arbitrary | none.
        points_given, points_used: known points, and those that the fit did not reject as outliers.
        residual: median of |z - z known| / z known over the points used; nan without points.
    """

    method: str
    scale: float
    shift: float
    points_given: int = 0
    points_used: int = 0
    residual: float = float("nan")


@dataclass(frozen=True)
class DepthMap:
    """A depth map as it came, invalid pixels told apart; make one with `depth_map`.

    Attributes:
        values: (H, W) float32, 0 where invalid.
        valid: (H, W) bool.
        unit: "m" for metric maps, "none" for relative inverse depth, "px" for disparity.
        invalid_rule: which values are invalid, in words.
        source: "sensor", or the name of the model.
    """

    values: np.ndarray
    valid: np.ndarray
    kind: DepthKind
    unit: str
    invalid_rule: str
    source: str = "sensor"

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width)."""
        return self.values.shape[0], self.values.shape[1]

    def resized(self, height: int, width: int) -> DepthMap:
        """The map at another size, by nearest pixel: depth and no-depth are never averaged."""
        rows = ((np.arange(height) + 0.5) * (self.values.shape[0] / height)).astype(np.int64)
        columns = ((np.arange(width) + 0.5) * (self.values.shape[1] / width)).astype(np.int64)
        place = np.ix_(rows, columns)
        return DepthMap(
            self.values[place], self.valid[place], self.kind, self.unit, self.invalid_rule, self.source
        )


@dataclass(frozen=True)
class Depth:
    """z along the optical axis.

    Attributes:
        z: (H, W) float32, > 0 where valid, 0 elsewhere.
        valid: (H, W) bool.
        unit: "m", or "arbitrary" when no scale is known.
    """

    z: np.ndarray
    valid: np.ndarray
    unit: str
    alignment: Alignment

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width)."""
        return self.z.shape[0], self.z.shape[1]


def depth_map(
    values: np.ndarray,
    kind: DepthKind,
    *,
    scale: float = 1.0,
    valid: np.ndarray | None = None,
    max_m: float | None = None,
    source: str = "sensor",
) -> DepthMap:
    """A depth map from stored values.

    Args:
        values: (H, W), integers or floats.
        scale: metres per stored unit of a metric map.
        valid: (H, W) pixels the source holds for valid, beside the rule of the kind.
        max_m: metric values beyond are invalid (a sensor's range).

    Raises:
        BadInput: not a map (H, W), an unknown kind, or a scale that is not positive.
    """
    if kind not in KINDS:
        raise BadInput(f"expected a kind of depth ({', '.join(KINDS)}), found {kind!r}")
    if values.ndim != 2 or not (np.isfinite(scale) and scale > 0):
        raise BadInput(
            f"expected a depth map (height, width) and a positive scale, found {values.shape}, {scale}"
        )
    numbers = values.astype(np.float32)
    if scale != 1.0:
        numbers *= np.float32(scale)
    sound, rule = np.isfinite(numbers), RULES[kind]
    if kind != "relative_inverse":
        with np.errstate(invalid="ignore"):
            sound &= numbers > 0
    if max_m is not None:
        with np.errstate(invalid="ignore"):
            sound &= numbers <= max_m
        rule += f"; beyond {max_m:g} m is invalid"
    if valid is not None:
        if valid.shape != values.shape:
            raise BadInput(f"expected a validity map of shape {values.shape}, found {valid.shape}")
        sound &= valid
        rule += "; so is what the source marks"
    numbers[~sound] = 0
    return DepthMap(numbers, sound, kind, UNITS[kind], rule, source)
