"""Plots of trainings and of their evaluation: loss and quality over the steps, scores over thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from segassets.reports.chart import Series, chart

_LOSSES = ("train/loss", "val/loss")
_QUALITY = ("val/mean_iou",)


def curves_of(table: pa.Table) -> dict[str, tuple[list[float], list[float]]]:
    """Metric -> (steps, values) of a table of step, metric, value."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for step, metric, value in zip(
        *(table.column(name).to_pylist() for name in ("step", "metric", "value")), strict=True
    ):
        steps, values = found.setdefault(metric, ([], []))
        steps.append(step)
        values.append(value)
    return found


def curve_plots(table: pa.Table) -> dict[str, str]:
    """`loss_curve` and, where it was validated, `quality_curve`: SVG files."""
    curves = curves_of(table)
    plots = {"loss_curve": _chosen(curves, _LOSSES, "loss over optimizer steps")}
    if any(name in curves for name in _QUALITY):
        plots["quality_curve"] = _chosen(curves, _QUALITY, "quality over optimizer steps")
    return plots


def threshold_plot(curve: Sequence[Mapping[str, Any]]) -> str:
    """Dice and IoU over thresholds: an SVG file."""
    across = [row["threshold"] for row in curve]
    series = {name: (across, [row[name] for row in curve]) for name in ("dice", "iou")}
    return chart(series, label="scores over thresholds", across="threshold", log=False)


def experiments_plot(curves: Series, label: str) -> str:
    """One line for each experiment over its steps: an SVG file."""
    return chart(curves, label=label, across="step")


def _chosen(curves: Series, names: Sequence[str], label: str) -> str:
    return chart({name: curves[name] for name in names if name in curves}, label=label, across="step")
