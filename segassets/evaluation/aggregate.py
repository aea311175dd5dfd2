"""Averages over judged items, each with a name that says how it was made. Values that are nan are not counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segassets.evaluation.items import Items

IMAGE_VIDEO_OVERALL = "image > video > overall"
OBJECT_OVERALL = "object > overall"
OBJECT_BENCHMARK = "object > overall, first and last frame not judged"
ITEM_OVERALL = "object on frame"
AREA_OVERALL = "object on frame, by true area"


def mean_by_group(values: np.ndarray, group: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean of the values of each group 0..G-1, nan for a group of nothing but nan: float64 (G,).

    Args:
        values: (N,) floats. group: (N,) numbers.
        weights: (N,); equal when not given.
    """
    counted = np.isfinite(values)
    weight = np.where(counted, 1.0 if weights is None else weights, 0.0)
    size = int(group.max()) + 1 if len(group) else 0
    total = np.bincount(group, weights=np.where(counted, values, 0.0) * weight, minlength=size)
    over = np.bincount(group, weights=weight, minlength=size)
    return np.divide(total, over, out=np.full(size, np.nan), where=over > 0)


def video_means(items: Items, values: np.ndarray) -> np.ndarray:
    """Mean over the objects on each image, then over the images of each video: float64 (scenes,)."""
    images = mean_by_group(values, items.image)
    return mean_by_group(images, _owner(items.image, items.scene, len(images)))


def image_video_overall(items: Items, values: np.ndarray) -> float:
    """Mean over the objects on each image, then over a video's images, then over videos."""
    return nan_mean(video_means(items, values))


def object_means(items: Items, values: np.ndarray) -> np.ndarray:
    """Mean over the frames of each object: float64 (objects,)."""
    return mean_by_group(values, items.identity)


def object_overall(items: Items, values: np.ndarray) -> float:
    """Mean over the frames of each object, then over all objects, as DAVIS and SA-V do."""
    return nan_mean(object_means(items, values))


def item_overall(items: Items, values: np.ndarray) -> float:
    """Mean over all objects on all frames, each counting once."""
    return nan_mean(values)


def area_overall(items: Items, values: np.ndarray) -> float:
    """Mean over all objects on all frames, each counting by its true area; nan without any area."""
    counted = np.isfinite(values)
    weight = items.truth[counted].sum()
    return float((values[counted] * items.truth[counted]).sum() / weight) if weight else float("nan")


AGGREGATIONS: dict[str, Callable[[Items, np.ndarray], float]] = {
    IMAGE_VIDEO_OVERALL: image_video_overall,
    OBJECT_OVERALL: object_overall,
    ITEM_OVERALL: item_overall,
    AREA_OVERALL: area_overall,
}


def inner_frames(items: Items) -> np.ndarray:
    """Boolean (N,): rows that are on neither the first nor the last judged frame of their object."""
    frames = items.table.column("frame").to_numpy()
    size = int(items.identity.max()) + 1 if len(items.identity) else 0
    first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    np.minimum.at(first, items.identity, frames)
    np.maximum.at(last, items.identity, frames)
    return (frames > first[items.identity]) & (frames < last[items.identity])


def nan_mean(values: np.ndarray) -> float:
    """Mean of the values that are not nan; nan when there are none."""
    counted = np.asarray(values)[np.isfinite(values)]
    return float(counted.mean()) if len(counted) else float("nan")


def _owner(group: np.ndarray, outer: np.ndarray, size: int) -> np.ndarray:
    """The outer group of each group 0..size-1."""
    owner = np.zeros(size, np.int64)
    owner[group] = outer
    return owner
