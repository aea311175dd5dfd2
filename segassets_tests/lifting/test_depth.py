"""Kinds of depth, their alignment to what is known, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segassets.errors import BadInput
from segassets.lifting.depth import Depth, DepthMap, depth_map
from segassets.lifting.resolve import KnownPoints, resolve_depth
from segassets.lifting.robust_fit import fit_line

H, W = 24, 32
V, U = np.mgrid[:H, :W]
Z = (1.5 + 0.05 * U + 0.02 * V).astype(np.float32)


def known(count: int = 60, wrong: float = 0.0, noise: float = 0.0, z: np.ndarray = Z) -> KnownPoints:
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, H, count), rng.integers(0, W, count)
    depth = z[rows, columns] * (1 + rng.normal(0, noise, count))
    bad = rng.permutation(count)[: int(wrong * count)]
    depth[bad] *= rng.uniform(1.5, 4, len(bad))
    return KnownPoints(rows, columns, depth)


def relative(scale: float = 3.0, shift: float = -0.4) -> DepthMap:
    """1/z = (value - shift) / scale."""
    return depth_map(scale / Z + shift, "relative_inverse", source="nano")


@pytest.mark.parametrize(
    ("values", "kind", "scale", "valid"),
    [
        ([[0, 1500]], "metric", 0.001, [[0, 1]]),
        ([[np.nan, np.inf, -1.0, 2.0]], "metric", 1.0, [[0, 0, 0, 1]]),
        ([[np.nan, 0.0, -1.0, 2.0]], "relative_inverse", 1.0, [[0, 1, 1, 1]]),
        ([[np.inf, 0.0, -1.0, 2.0]], "disparity", 1.0, [[0, 0, 0, 1]]),
    ],
)
def test_each_kind_tells_its_invalid_pixels(values: Any, kind: Any, scale: float, valid: Any) -> None:
    found = depth_map(np.array(values), kind, scale=scale)
    assert np.array_equal(found.valid, np.array(valid, bool)) and found.invalid_rule
    assert np.isfinite(found.values).all() and not found.values[~found.valid].any()
    assert found.unit == {"metric": "m", "relative_inverse": "none", "disparity": "px"}[kind]


def test_a_sensors_range_and_its_own_marks() -> None:
    found = depth_map(Z, "metric", max_m=2.0, valid=U > 3)
    assert np.array_equal(found.valid, (Z <= 2) & (U > 3)) and "beyond 2 m" in found.invalid_rule
    small = found.resized(H // 2, W // 2)
    assert small.size_hw == (H // 2, W // 2) and np.array_equal(small.valid, found.valid[1::2, 1::2])


@pytest.mark.parametrize(("wrong", "noise"), [(0, 0), (0.3, 0), (0.3, 0.01), (0.45, 0.003)])
def test_relative_depth_is_aligned_to_known_points(wrong: float, noise: float) -> None:
    depth = resolve_depth(relative(), "here", known=known(200, wrong, noise))
    aligned = depth.alignment
    assert np.abs(depth.z / Z - 1).max() < max(1e-4, 3 * noise) and depth.unit == "m"
    assert np.isclose(aligned.scale, 1 / 3, rtol=max(1e-4, 5 * noise))
    assert (
        aligned.points_given == 200 and 0.9 * (1 - wrong) * 200 <= aligned.points_used <= (1.01 - wrong) * 200
    )
    assert aligned.residual <= max(1e-5, 1.5 * noise)


def test_range_baseline_and_arbitrary_scale() -> None:
    ranged = resolve_depth(relative(), "here", range_m=(float(Z.min()), float(Z.max())))
    assert np.allclose(ranged.z, Z, rtol=1e-4) and ranged.alignment.method == "range" and ranged.unit == "m"
    stereo = resolve_depth(depth_map(40 / Z, "disparity"), "here", focal_times_baseline=40)
    assert np.allclose(stereo.z, Z, rtol=1e-5) and stereo.alignment.method == "baseline"
    scaled = resolve_depth(depth_map(7 / Z, "disparity"), "here", known=known(50))
    assert np.allclose(scaled.z, Z, rtol=1e-4)
    free = resolve_depth(relative(), "here", arbitrary_scale=True)
    assert free.unit == "arbitrary" and np.isclose(np.median(free.z), 1, atol=1e-3)
    assert np.array_equal(
        np.argsort(free.z, axis=None, kind="stable")[[0, -1]], np.argsort(Z, axis=None)[[0, -1]]
    )


def test_metric_depth_stays_as_it_is_unless_asked() -> None:
    off = depth_map(Z * 1.1 + 0.2, "metric")
    as_is = resolve_depth(off, "here", known=known())
    assert np.array_equal(as_is.z, off.values) and as_is.alignment.residual > 0.1
    fitted = resolve_depth(off, "here", known=known(), align_metric=True)
    assert np.allclose(fitted.z, Z, rtol=1e-4)


INVERSE_AS_METRIC = depth_map(1 / Z, "metric")
CONSTANT = depth_map(np.full((H, W), 2.0), "relative_inverse")
EMPTY = depth_map(np.zeros((H, W)), "metric")
AT_EDGE = KnownPoints(np.array([-1, 0, H]), np.array([0, 0, 0]), np.array([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("found", "options", "words"),
    [
        (relative(), {}, "relative inverse .nano.*no metres.*arbitrary scale"),
        (depth_map(1 / Z, "disparity"), {}, "disparity.*no metres"),
        (EMPTY, {}, "no valid pixel"),
        (INVERSE_AS_METRIC, {"known": known()}, "claims to be metric.*runs against the 60 known"),
        (depth_map(Z, "relative_inverse"), {"known": known()}, "claims to be relative inverse"),
        (depth_map(Z, "relative_inverse"), {"known": known(5)}, "the contrary"),
        (relative(), {"known": AT_EDGE}, "found 1 of 3"),
        (CONSTANT, {"known": known()}, "constant"),
        (CONSTANT, {"range_m": (1.0, 2.0)}, "constant"),
        (CONSTANT, {"arbitrary_scale": True}, "constant"),
        (relative(), {"range_m": (2.0, 1.0)}, "nearest < farthest"),
        (depth_map(1 / Z, "disparity"), {"focal_times_baseline": 0.0}, "baseline > 0"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_refused(found: DepthMap, options: Any, words: str) -> None:
    with pytest.raises(BadInput, match=f"scene a, frame 3: .*{words}"):
        resolve_depth(found, "scene a, frame 3", **options)


def test_pixels_that_fall_behind_the_camera_are_invalid() -> None:
    values = 1 / Z
    values[0, :5] = -2.0
    depth: Depth = resolve_depth(depth_map(values, "relative_inverse"), "here", known=known(z=Z))
    assert depth.valid.sum() == H * W - 5 and not depth.z[0, :5].any() and np.isfinite(depth.z).all()


@pytest.mark.parametrize("bad", ["inverse", {"shape": 1}, -1.0])
def test_what_is_no_depth_map(bad: Any) -> None:
    with pytest.raises(BadInput):
        if isinstance(bad, str):
            depth_map(Z, bad)  # type: ignore[arg-type]
        elif isinstance(bad, dict):
            depth_map(Z[0], "metric")
        else:
            depth_map(Z, "metric", scale=bad)


def test_a_line_through_points_of_which_nearly_half_are_wrong() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, 20_000)
    y = 2 * x + 0.5 + rng.normal(0, 0.01, len(x))
    y[: int(0.45 * len(x))] = rng.uniform(3, 9)
    line = fit_line(x, y)
    assert abs(line.scale - 2) < 0.01 and abs(line.shift - 0.5) < 0.01 and not line.used[:9000].any()
    two = fit_line(np.array([1.0, 2.0]), np.array([5.0, 3.0]))
    assert np.allclose((two.scale, two.shift), (-2, 7)) and two.used.all()
    with pytest.raises(BadInput, match="at least two points"):
        fit_line(np.array([1.0]), np.array([1.0]))
