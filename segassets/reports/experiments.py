"""Experiments beside each other: one table, one plot of quality, one of curves; HTML and Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segassets import __version__
from segassets.reports import svg
from segassets.reports.chart import bars
from segassets.reports.experiment_tables import (
    ExperimentEntry,
    choice_names,
    columns_of,
    judged_table,
    markdown,
    ranked,
    table_row,
)
from segassets.reports.learning import curve_plots, curves_of, experiments_plot, threshold_plot
from segassets.reports.pictures import data_uris
from segassets.reports.words import environment, several
from segassets.storage import atomic

PAGE, MARKDOWN, TABLE = "report.html", "report.md", "experiments.json"


def write_experiments_report(
    entries: Sequence[ExperimentEntry], out_dir: Path, *, about: str | None = None, tag: str = "main"
) -> dict[str, Any]:
    """Write `report.html` (one file that needs nothing beside it), `report.md` and `experiments.json`.

    Args:
        entries: the experiments beside each other.
        about: name of the one the page is about, shown with its curves and pictures; None for a comparison alone.

    Returns:
        {"experiments": count, "rank": place of `about` by IoU, or by AP50 among segmenters; None when not judged}.
    """
    entries = ranked(entries)
    columns = columns_of(entries)
    subject = next((entry for entry in entries if entry.name == about), None)
    plots = comparison_plots(entries)
    own = {} if subject is None else subject_plots(subject)
    view = {
        "tag": tag,
        "subject": subject,
        "columns": columns,
        "choices": choice_names(entries),
        "rows": [table_row(entry, choice_names(entries), columns) for entry in entries],
        "judged": judged_table(subject),
        "plots": plots,
        "own": own,
        "uris": data_uris(_examples(subject), 2_000_000),
        "plot_style": svg.STYLE,
        "version": __version__,
        "several": several,
    }
    out_dir.mkdir(parents=True, exist_ok=True)
    atomic.write_text(out_dir / PAGE, environment().get_template("experiments.html.j2").render(view))
    for name, text in {**plots, **own}.items():
        atomic.write_text(out_dir / f"{name}.svg", text)
    facts = [{"name": e.name, **e.choices, **e.figures, "on": e.on, "stale": e.stale} for e in entries]
    atomic.write_text(out_dir / TABLE, json.dumps(facts, indent=1))
    atomic.write_text(out_dir / MARKDOWN, markdown(entries, subject, [*own, *plots]))
    return {"experiments": len(entries), "rank": None if subject is None else _place(subject, entries)}


def comparison_plots(entries: Sequence[ExperimentEntry]) -> dict[str, str]:
    """`quality` (IoU beside start and first mask), `tubes` (AP50 of segmenters beside their start) and `curves`
    (validation quality, else loss) as SVG files."""
    judged = [
        (entry.name, entry.figures["iou"], _marks(entry.figures))
        for entry in entries
        if "iou" in entry.figures
    ]
    plots = {"quality": bars(judged, label="IoU of every experiment")} if judged else {}
    segmenters = [
        (entry.name, entry.figures["ap50"], _start_mark(entry.figures))
        for entry in entries
        if "ap50" in entry.figures
    ]
    if segmenters:
        plots["tubes"] = bars(segmenters, label="AP50 of every segmenter")
    known = {entry.name: curves_of(entry.curves) for entry in entries if entry.curves is not None}
    for metric, words in (("val/mean_iou", "IoU in validation"), ("train/loss", "training loss")):
        lines = {name: curves[metric] for name, curves in known.items() if metric in curves}
        if lines:
            plots["curves"] = experiments_plot(lines, f"{words} over steps")
            break
    return plots


def subject_plots(entry: ExperimentEntry) -> dict[str, str]:
    """Plots of one experiment as SVG files, by name."""
    plots = {} if entry.curves is None else dict(curve_plots(entry.curves))
    if entry.threshold_curve:
        plots["thresholds"] = threshold_plot(entry.threshold_curve)
    return plots


def _place(subject: ExperimentEntry, entries: Sequence[ExperimentEntry]) -> int | None:
    """Place of an experiment among those judged by the same figure."""
    by = next((name for name in ("iou", "ap50") if name in subject.figures), None)
    if by is None:
        return None
    return [entry.name for entry in entries if by in entry.figures].index(subject.name) + 1


def _marks(figures: Mapping[str, float]) -> dict[str, float]:
    names = {"iou_start": "the network it started from", "iou_first_mask": "each object's first mask kept"}
    return {words: figures[name] for name, words in names.items() if name in figures}


def _start_mark(figures: Mapping[str, float]) -> dict[str, float]:
    return {"the network it started from": figures["ap50_start"]} if "ap50_start" in figures else {}


def _examples(subject: ExperimentEntry | None) -> dict[str, np.ndarray]:
    from segassets.media.pictures import read_picture

    return {} if subject is None else {path.stem: read_picture(path) for path in subject.examples[:4]}
