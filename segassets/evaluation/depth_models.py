"""How good a depth model is on scenes with measured depth, each figure beside a map of one depth.

`abs_rel`: mean of |z - z true| / z true, as it is (metric models alone), with each picture's scale fitted, and with its
scale and shift; `delta_1`: share of pixels whose depth is within a factor of 1.25. The constant map beside them has one
depth for all pictures, or for each picture the one that fits it best.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import numpy as np

from segassets.datasets.config import load_dataset
from segassets.datasets.depth import DepthSource
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.load import dataset_keys, open_scene_of
from segassets.errors import BadInput
from segassets.models.load import load_model
from segassets.models.protocols import DepthEstimator
from segassets.models.spec import DepthKind, ModelSpec

FRAME_STRIDE, PIXEL_STRIDE = 2, 2
LARGEST_M = 100.0  # an inverse depth fitted to 0 or less is as far as this
WITHIN = 1.25


def evaluate_depth(
    spec: ModelSpec, dataset: str, *, device: str | None = None, max_scenes: int | None = None
) -> dict[str, Any]:
    """Measure a model of the depth family on every second frame of a dataset's scenes.

    Returns:
        "model", "dataset", "kind", "scenes", "frames", "seconds" and the figures, each {"value": ..., baseline...}.

    Raises:
        BadConfig: unknown dataset. MissingInput: no weights. BadInput: no frame has depth.
    """
    began = time.perf_counter()
    estimator: DepthEstimator = load_model(spec, device or spec.device)
    pictures: list[tuple[np.ndarray, np.ndarray]] = []
    keys = dataset_keys(config := load_dataset(dataset))[:max_scenes]
    for key in keys:
        scene = open_scene_of(config, key)
        table = frames_table(scene)
        with FrameSource(table, scene.root) as source:
            depths = DepthSource(table, scene.root)
            focal = table.column("fx_px").to_pylist()
            for frame, metres in depths.iterate(depths.frames[::FRAME_STRIDE]):
                found = estimator.estimate(source.read(frame), focal[frame])
                pictures.append(_pixels(found, metres, f"scene {key}, frame {frame}"))
    if not pictures:
        raise BadInput(f"dataset {dataset!r}: expected frames with measured depth, found none")
    return {
        "model": spec.name,
        "dataset": dataset,
        "kind": estimator.kind,
        "scenes": len(keys),
        "frames": len(pictures),
        **depth_figures(pictures, estimator.kind),
        "seconds": round(time.perf_counter() - began, 1),
    }


def depth_figures(
    pictures: list[tuple[np.ndarray, np.ndarray]], kind: DepthKind
) -> dict[str, dict[str, float | None]]:
    """Figures over pictures, each a pair of (values of `kind`, true depth in m), both (N,) over its valid pixels."""
    middle = float(np.median(np.concatenate([truth for _, truth in pictures])))
    rows: dict[str, list[float]] = defaultdict(list)
    for values, truth in pictures:
        constants = {"": np.full_like(truth, middle), "_scale": np.full_like(truth, best_constant(truth))}
        for name, constant in constants.items():
            rows[f"constant{name}"].append(abs_rel(constant, truth))
        rows["constant_delta_1"].append(delta_1(constants[""], truth))
        if kind == "metric":
            rows["metric"].append(abs_rel(values, truth))
            rows["delta_1"].append(delta_1(values, truth))
        if kind != "relative_inverse":
            rows["scale"].append(abs_rel(fit_scale(values, truth, kind), truth))
        rows["scale_shift"].append(abs_rel(fit_scale_shift(values, truth, kind), truth))
    means = {name: round(float(np.mean(found)), 4) for name, found in rows.items()}
    return {
        "abs_rel": {"value": means.get("metric"), "constant_map": means["constant"]},
        "abs_rel_scale": {"value": means.get("scale"), "constant_map": means["constant_scale"]},
        "abs_rel_scale_shift": {"value": means["scale_shift"], "constant_map": means["constant_scale"]},
        "delta_1": {"value": means.get("delta_1"), "constant_map": means["constant_delta_1"]},
    }


def abs_rel(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean of |found - true| / true."""
    return float(np.mean(np.abs(found - truth) / truth))


def delta_1(found: np.ndarray, truth: np.ndarray) -> float:
    """Share of the pixels within a factor of 1.25."""
    positive = np.maximum(found, 1e-6)
    return float(np.mean(np.maximum(positive / truth, truth / positive) < WITHIN))


def best_constant(truth: np.ndarray) -> float:
    """The depth whose constant map has the smallest abs_rel: the median weighted by 1 / depth."""
    order = np.sort(truth.astype(np.float64))
    weight = np.cumsum(1 / order)
    return float(order[np.searchsorted(weight, weight[-1] / 2)])


def fit_scale(values: np.ndarray, truth: np.ndarray, kind: DepthKind) -> np.ndarray:
    """Depth with one factor fitted by the median."""
    if kind == "metric":
        return values * np.median(truth / np.maximum(values, 1e-6))
    return 1 / np.maximum(values * np.median(1 / (truth * np.maximum(values, 1e-6))), 1 / LARGEST_M)


def fit_scale_shift(values: np.ndarray, truth: np.ndarray, kind: DepthKind) -> np.ndarray:
    """Depth with factor and shift fitted by least squares, in depth or, for the inverse kinds, in 1 / depth."""
    target = truth if kind == "metric" else 1 / truth
    columns = np.stack([values, np.ones_like(values)], axis=1).astype(np.float64)
    fitted = columns @ np.linalg.lstsq(columns, target.astype(np.float64), rcond=None)[0]
    return fitted if kind == "metric" else 1 / np.maximum(fitted, 1 / LARGEST_M)


def _pixels(values: np.ndarray, metres: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs at the pixels of the measured map that are valid."""
    if values.shape != metres.shape:
        rows, columns = (
            ((np.arange(inner) + 0.5) * outer / inner).astype(int)
            for inner, outer in zip(metres.shape, values.shape, strict=True)
        )
        values = values[rows[:, None], columns[None]]
    values, metres = (
        values[::PIXEL_STRIDE, ::PIXEL_STRIDE].ravel(),
        metres[::PIXEL_STRIDE, ::PIXEL_STRIDE].ravel(),
    )
    valid = np.isfinite(metres) & (metres > 0)
    if not np.isfinite(values[valid]).all():
        raise BadInput(f"{where}: the model's depth has values that are not finite")
    if not valid.any():
        raise BadInput(f"{where}: expected measured depth, found no valid pixel")
    return values[valid].astype(np.float64), metres[valid].astype(np.float64)
