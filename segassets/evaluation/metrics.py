"""From judged items to figures: a METRICS table that states how each was averaged, and the same as nested JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from segassets.evaluation.aggregate import (
    AGGREGATIONS,
    AREA_OVERALL,
    IMAGE_VIDEO_OVERALL,
    OBJECT_BENCHMARK,
    OBJECT_OVERALL,
    image_video_overall,
    inner_frames,
    object_overall,
    video_means,
)
from segassets.evaluation.items import Items
from segassets.masks.schemas import METRICS

OVERALL = "overall"
IMAGE_VIDEO = "image > video"
FIGURES = ("iou", "dice", "mae", "f", "iou_first_mask")


def metrics_table(items: Items, asset: str, names: Mapping[int, str] | None = None) -> pa.Table:
    """Figures overall, of each video and of each category: schema METRICS.

    Overall figures stand under scene `overall`, in every aggregation; a category's as `iou[name]`.

    Args:
        names: category id to name; None = no figures of categories.
    """
    rows = [
        *_overall(items),
        *_benchmark(items),
        *_videos(items),
        *(_categories(items, names) if names else ()),
    ]
    finite = [row | {"asset": asset, "value": _number(row["value"])} for row in rows if row["n"]]
    return pa.Table.from_pylist(finite, schema=METRICS)


def headline(table: pa.Table, aggregation: str = IMAGE_VIDEO_OVERALL) -> dict[str, float]:
    """Overall figures of one aggregation, by name, with J&F; those that were not measured are left out."""
    found = {}
    for row in table.to_pylist():
        wanted = OBJECT_OVERALL if row["metric"] == "j_and_f" else aggregation
        if row["scene"] == OVERALL and row["aggregation"] == wanted and "[" not in row["metric"]:
            found[row["metric"]] = row["value"]
    return {name: round(value, 6) for name, value in found.items() if value is not None}


def metrics_json(table: pa.Table) -> dict[str, Any]:
    """The table as {"overall": {aggregation: {metric: value}}, "per_category": ..., "per_video": ...}."""
    overall: dict[str, dict[str, Any]] = {}
    category: dict[str, dict[str, Any]] = {}
    video: dict[str, dict[str, Any]] = {}
    for row in table.to_pylist():
        metric, _, name = row["metric"].partition("[")
        if row["scene"] != OVERALL:
            video.setdefault(row["scene"], {})[metric] = row["value"]
        elif name:
            category.setdefault(name.removesuffix("]"), {})[metric] = row["value"]
        else:
            overall.setdefault(row["aggregation"], {})[metric] = row["value"]
    return {"overall": overall, "per_category": category, "per_video": video}


def _row(metric: str, value: float, n: int, aggregation: str, scene: str = OVERALL) -> dict[str, Any]:
    return {"scene": scene, "metric": metric, "value": value, "n": n, "aggregation": aggregation}


def _overall(items: Items) -> Iterator[dict[str, Any]]:
    for metric in FIGURES:
        values = items.values(metric)
        for aggregation, mean in AGGREGATIONS.items():
            if not (metric == "mae" and aggregation == AREA_OVERALL):  # an error of pixels outside as well
                yield _row(metric, mean(items, values), _counted(values), aggregation)


def _benchmark(items: Items) -> Iterator[dict[str, Any]]:
    """J and F as DAVIS and SA-V average them, with and without the first and last frame."""
    if not _counted(items.values("f")):
        return
    for aggregation, own in ((OBJECT_OVERALL, items), (OBJECT_BENCHMARK, items.where(inner_frames(items)))):
        j, f = (object_overall(own, own.values(name)) for name in ("iou", "f"))
        for metric, value in (("j", j), ("f", f), ("j_and_f", (j + f) / 2)):
            if not (metric == "f" and aggregation == OBJECT_OVERALL):  # among the figures already
                yield _row(metric, value, len(own.truth), aggregation)


def _videos(items: Items) -> Iterator[dict[str, Any]]:
    for metric in FIGURES:
        values = items.values(metric)
        means = video_means(items, values)
        counts = np.bincount(items.scene, weights=np.isfinite(values), minlength=len(items.scenes))
        for scene, mean, count in zip(items.scenes, means, counts, strict=True):
            yield _row(metric, float(mean), int(count), IMAGE_VIDEO, scene)


def _categories(items: Items, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    for category in sorted(set(items.category.tolist())):
        own = items.where(items.category == category)
        for metric in FIGURES:
            values = own.values(metric)
            name = f"{metric}[{names.get(category, category)}]"
            yield _row(name, image_video_overall(own, values), _counted(values), IMAGE_VIDEO_OVERALL)


def _counted(values: np.ndarray) -> int:
    return int(np.isfinite(values).sum())


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
