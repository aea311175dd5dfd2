"""Figures of depth models: the truth, the truth up to scale and shift, a constant; against plain formulas and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from segassets.evaluation.depth_models import abs_rel, best_constant, delta_1, depth_figures, fit_scale_shift

rng = np.random.default_rng(0)
TRUTH = rng.uniform(0.5, 5, 400)


@pytest.mark.parametrize(
    ("kind", "values", "figures"),
    [
        pytest.param("metric", TRUTH, (0, 0, 0, 1), id="the truth"),
        pytest.param("metric", 1.5 * TRUTH, (0.5, 0, 0, 0), id="half too far"),
        pytest.param("metric", 0.5 * TRUTH + 1, (None, None, 0, None), id="scale and shift"),
        pytest.param("disparity", 40 / TRUTH, (None, 0, 0, None), id="disparity"),
        pytest.param("relative_inverse", 3 / TRUTH - 7, (None, None, 0, None), id="relative inverse"),
    ],
)
def test_figures(kind: str, values: np.ndarray, figures: tuple) -> None:
    found = depth_figures([(values, TRUTH)] * 2, kind)
    names = ("abs_rel", "abs_rel_scale", "abs_rel_scale_shift", "delta_1")
    for name, wanted in zip(names, figures, strict=True):
        if wanted is not None:
            assert found[name]["value"] == pytest.approx(wanted, abs=1e-4), name
    if kind != "metric":
        assert found["abs_rel"]["value"] is None and found["delta_1"]["value"] is None
    assert found["abs_rel"]["constant_map"] > 0.3


def test_one_pixel() -> None:
    found = depth_figures([(np.array([2.0]), np.array([2.0]))], "metric")
    assert [item["value"] for item in found.values()] == [0, 0, 0, 1]


def test_the_best_constant_is_the_best() -> None:
    wanted = minimize_scalar(
        lambda z: abs_rel(np.full_like(TRUTH, z), TRUTH), bounds=(0.5, 5), method="bounded"
    )
    assert abs_rel(np.full_like(TRUTH, best_constant(TRUTH)), TRUTH) <= wanted.fun + 1e-6


def test_delta_and_a_fit_behind_the_camera() -> None:
    assert delta_1(np.array([1.2, 1.3, -1.0, 0.9]), np.ones(4)) == 0.5
    assert np.isfinite(fit_scale_shift(rng.normal(size=50), TRUTH[:50], "relative_inverse")).all()
