"""From a depth map of any kind to depth: metres where they are known, an arbitrary unit only where asked for.

Inverse kinds are straight lines in 1/z: `1/z = scale x value + shift` (no shift for disparity).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segassets.errors import BadInput
from segassets.lifting.depth import Alignment, Depth, DepthMap
from segassets.lifting.robust_fit import fit_line

_CONTRARY = -0.5  # rank correlation from which a map runs against the depth it claims to be
_LEAST_SHARE_LEFT = 0.5


@dataclass(frozen=True)
class KnownPoints:
    """Pixels whose depth is known: `rows`, `columns` (N,) int, `z_m` (N,) metres along the optical axis."""

    rows: np.ndarray
    columns: np.ndarray
    z_m: np.ndarray


def resolve_depth(
    found: DepthMap,
    where: str,
    *,
    arbitrary_scale: bool = False,
    range_m: tuple[float, float] | None = None,
    known: KnownPoints | None = None,
    focal_times_baseline: float | None = None,
    align_metric: bool = False,
) -> Depth:
    """Depth of a map.

    Args:
        where: names scene and frame in messages.
        arbitrary_scale: relative depth may become depth whose median is 1, of unit "arbitrary".
        range_m: (nearest, farthest) depth of the scene, taken to be those of the map's extremes.
        known: fit scale and shift to these points (robust least squares); metric maps are only checked
            against them, or with `align_metric` fitted too.
        focal_times_baseline: px x m of a stereo pair: disparity becomes metres.

    Raises:
        BadInput: no valid pixel; a relative map without any of these; a map that is not of the kind it claims
            to be (it runs against the known points); points or a range that do not fit.
    """
    if not found.valid.any():
        raise BadInput(f"{where}: expected depth, found no valid pixel ({found.invalid_rule})")
    if known is not None:
        return _by_points(found, known, where, align_metric)
    if found.kind == "metric":
        return aligned(found, Alignment("none", 1.0, 0.0), where)
    if found.kind == "disparity" and focal_times_baseline is not None:
        if not focal_times_baseline > 0:
            raise BadInput(f"{where}: expected focal length x baseline > 0, found {focal_times_baseline}")
        return aligned(found, Alignment("baseline", 1 / focal_times_baseline, 0.0), where)
    if range_m is not None:
        return _by_range(found, range_m, where)
    if arbitrary_scale:
        return _arbitrary(found, where)
    raise BadInput(
        f"{where}: the depth map is {found.kind.replace('_', ' ')} ({found.source}): it holds no metres. Ask for "
        "arbitrary scale, or give the range of depths in metres or known points"
    )


def _by_points(found: DepthMap, known: KnownPoints, where: str, align_metric: bool) -> Depth:
    rows, columns, z = (np.asarray(part) for part in (known.rows, known.columns, known.z_m))
    height, width = found.size_hw
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & np.isfinite(z) & (z > 0)
    inside[inside] = found.valid[rows[inside], columns[inside]]
    value, z = found.values[rows[inside], columns[inside]].astype(np.float64), z[inside].astype(np.float64)
    given = len(np.asarray(known.z_m))
    if len(z) < 2:
        raise BadInput(
            f"{where}: expected at least two known points on valid pixels of the map, found {len(z)} of {given}"
        )
    inverse = found.kind != "metric"
    _refuse_contrary(value, 1 / z if inverse else z, found, where)
    if found.kind == "disparity":
        scale, shift = float(np.median(1 / (z * value))), 0.0
        miss = np.abs(1 / (z * value) - scale)
        used = miss <= max(5 * float(np.median(miss)), 1e-9 * scale)
    elif inverse or align_metric:
        try:
            line = fit_line(value, 1 / z if inverse else z)
        except BadInput as error:
            raise BadInput(f"{where}: {error}") from error
        scale, shift, used = line.scale, line.shift, line.used
    else:
        scale, shift, used = 1.0, 0.0, np.ones(len(z), bool)
    if scale <= 0:
        raise BadInput(
            f"{where}: expected values that fall as depth grows (kind {found.kind}), found the contrary (scale "
            f"{scale:.3g}); name the right kind of depth"
        )
    target = scale * value + shift
    with np.errstate(divide="ignore"):
        fitted = 1 / target if inverse else target
    residual = float(np.median(np.abs(fitted[used] - z[used]) / z[used]))
    alignment = Alignment("points", scale, shift, given, int(used.sum()), residual)
    return aligned(found, alignment, where)


def _refuse_contrary(value: np.ndarray, target: np.ndarray, found: DepthMap, where: str) -> None:
    """An inverse map declared metric (or the other way round) runs against the points' depths."""
    if len(value) < 8:
        return
    if np.ptp(value) == 0 or np.ptp(target) == 0:
        return
    first, second = (np.argsort(np.argsort(part)).astype(np.float64) for part in (value, target))
    agreement = float(np.corrcoef(first, second)[0, 1])
    if agreement < _CONTRARY:
        other = "inverse depth or disparity" if found.kind == "metric" else "depth"
        raise BadInput(
            f"{where}: the map claims to be {found.kind.replace('_', ' ')}, but runs against the {len(value)} "
            f"known depths (rank correlation {agreement:.2f}), as {other} would; name the right kind of depth"
        )


def _by_range(found: DepthMap, range_m: tuple[float, float], where: str) -> Depth:
    near, far = range_m
    if not (0 < near < far and np.isfinite(far)):
        raise BadInput(f"{where}: expected a range of depths 0 < nearest < farthest, found {near}, {far}")
    values = found.values[found.valid]
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-12):
        raise BadInput(f"{where}: expected a map with near and far pixels, found a constant one ({low:g})")
    scale = (1 / near - 1 / far) / (high - low)
    return aligned(found, Alignment("range", scale, 1 / far - scale * low), where)


def _arbitrary(found: DepthMap, where: str) -> Depth:
    """1/z from 0.05 to 1.05 of the map's spread (disparity: as it is), the median of z set to 1."""
    values = found.values[found.valid].astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if found.kind == "disparity":
        scale, shift = 1.0, 0.0
    elif high - low <= 1e-12 * max(abs(low), abs(high), 1e-12):
        raise BadInput(f"{where}: expected a map with near and far pixels, found a constant one ({low:g})")
    else:
        scale, shift = 1 / (high - low), 0.05 - low / (high - low)
    middle = float(np.median(1 / (scale * values + shift)))
    return aligned(found, Alignment("arbitrary", scale * middle, shift * middle), where)


def aligned(found: DepthMap, alignment: Alignment, where: str) -> Depth:
    """Depth of a map whose alignment is known: z or 1/z = scale x value + shift.

    Pixels that come to lie at or behind the camera, or at infinity, become invalid.

    Raises:
        BadInput: that is more than half of them.
    """
    unit = "arbitrary" if alignment.method == "arbitrary" else "m"
    if found.kind == "metric" and (alignment.scale, alignment.shift) == (1, 0):
        return Depth(found.values, found.valid, unit, alignment)
    numbers = found.values * np.float32(alignment.scale) + np.float32(alignment.shift)
    valid = found.valid & (numbers > 1e-6)
    if valid.sum() < _LEAST_SHARE_LEFT * found.valid.sum():
        raise BadInput(
            f"{where}: with scale {alignment.scale:.3g} and shift {alignment.shift:.3g} only {int(valid.sum())} "
            f"of {int(found.valid.sum())} pixels lie in front of the camera; check the kind of depth and the "
            "known points"
        )
    z = np.zeros_like(numbers)
    if found.kind == "metric":
        np.copyto(z, numbers, where=valid)
    else:
        np.divide(1, numbers, out=z, where=valid)
    return Depth(z, valid, unit, alignment)
