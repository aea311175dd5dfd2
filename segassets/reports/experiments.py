"""Experiments beside each other: one table, one plot of quality, one of curves; HTML and Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from segassets import __version__
from segassets.reports import svg
from segassets.reports.chart import bars
from segassets.reports.learning import curve_plots, curves_of, experiments_plot, threshold_plot
from segassets.reports.pictures import data_uris
from segassets.reports.words import cell, environment, figure, seconds, several, size
from segassets.storage import atomic

PAGE, MARKDOWN, TABLE = "report.html", "report.md", "experiments.json"
# column: name of the figure, how it is written
COLUMNS: dict[str, tuple[str, Any]] = {
    "IoU": ("iou", lambda value: figure(value, 3)),
    "IoU of its start": ("iou_start", lambda value: figure(value, 3)),
    "first mask kept": ("iou_first_mask", lambda value: figure(value, 3)),
    "Dice": ("dice", lambda value: figure(value, 3)),
    "J&F": ("j_and_f", lambda value: figure(value, 3)),
    "MAE": ("mae", lambda value: figure(value, 4)),
    "AP": ("ap", lambda value: figure(value, 3)),
    "AP50": ("ap50", lambda value: figure(value, 3)),
    "AP50 of its start": ("ap50_start", lambda value: figure(value, 3)),
    "AR10": ("ar10", lambda value: figure(value, 3)),
    "best IoU of a tube": ("mean_best_iou", lambda value: figure(value, 3)),
    "threshold": ("best_threshold", figure),
    "Dice there": ("best_dice", lambda value: figure(value, 3)),
    "training loss": ("train_loss", lambda value: figure(value, 3)),
    "validation loss": ("val_loss", lambda value: figure(value, 3)),
    "steps": ("steps", lambda value: figure(value, 0)),
    "parameters trained": ("parameters_trained", lambda value: "–" if value is None else f"{value:,.0f}"),
    "samples/s": ("samples_per_s", lambda value: figure(value, 1)),
    "objects/s": ("objects_per_s", lambda value: figure(value, 1)),
    "time": ("seconds", seconds),
    "peak memory": ("peak_memory_bytes", size),
}


@dataclass(frozen=True)
class ExperimentEntry:
    """One experiment that has results.

    Attributes:
        choices: what tells it from the others: dataset, prompt, loss, modules.
        figures: numbers by the names of COLUMNS.
        on: what it was judged on; empty when it was not.
        stale: what of it no longer fits, in words; empty when all does.
        curves: table of step, metric, value.
        threshold_curve: rows of threshold, dice, iou.
        examples: pictures of predictions.
    """

    name: str
    description: str
    choices: Mapping[str, str]
    figures: Mapping[str, float]
    on: str = ""
    stale: str = ""
    curves: pa.Table | None = None
    threshold_curve: Sequence[Mapping[str, float]] = ()
    examples: Sequence[Path] = field(default_factory=tuple)


def write_experiments_report(
    entries: Sequence[ExperimentEntry], out_dir: Path, *, about: str | None = None, tag: str = "main"
) -> dict[str, Any]:
    """Write `report.html` (one file that needs nothing beside it), `report.md` and `experiments.json`.

    Args:
        entries: the experiments beside each other.
        about: name of the one the page is about, shown with its curves and pictures; None for a comparison alone.

    Returns:
        {"experiments": count, "rank": place of `about` by IoU or None}.
    """
    ranked = sorted(
        entries, key=lambda entry: (-entry.figures.get("iou", -1.0), -entry.figures.get("ap50", -1.0))
    )
    columns = columns_of(ranked)
    subject = next((entry for entry in ranked if entry.name == about), None)
    plots = comparison_plots(ranked)
    own = {} if subject is None else subject_plots(subject)
    view = {
        "tag": tag,
        "subject": subject,
        "columns": columns,
        "choices": choice_names(ranked),
        "rows": [table_row(entry, choice_names(ranked), columns) for entry in ranked],
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
    facts = [{"name": e.name, **e.choices, **e.figures, "on": e.on, "stale": e.stale} for e in ranked]
    atomic.write_text(out_dir / TABLE, json.dumps(facts, indent=1))
    atomic.write_text(out_dir / MARKDOWN, markdown(ranked, subject, [*own, *plots]))
    rank = None if subject is None or "iou" not in subject.figures else ranked.index(subject) + 1
    return {"experiments": len(ranked), "rank": rank}


def choice_names(entries: Sequence[ExperimentEntry]) -> list[str]:
    """Columns of what tells experiments apart, in order of appearance."""
    return list(dict.fromkeys(name for entry in entries for name in entry.choices))


def columns_of(entries: Sequence[ExperimentEntry]) -> list[str]:
    """Columns of which some experiment has the figure: networks that follow prompts have IoU, segmenters AP."""
    return [
        name
        for name, (figure_of, _) in COLUMNS.items()
        if any(figure_of in entry.figures for entry in entries)
    ]


def table_row(
    entry: ExperimentEntry, choices: Sequence[str], columns: Sequence[str] = tuple(COLUMNS)
) -> dict[str, Any]:
    """One experiment as the table shows it."""
    return {
        "name": entry.name,
        "choices": [entry.choices.get(name, "") for name in choices],
        "cells": [write(entry.figures.get(name)) for name, write in map(COLUMNS.__getitem__, columns)],
        "on": entry.on,
        "stale": entry.stale,
    }


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


def markdown(
    entries: Sequence[ExperimentEntry], subject: ExperimentEntry | None, plots: Sequence[str]
) -> str:
    """The page as Markdown, with the plots beside it."""
    names = choice_names(entries)
    columns = columns_of(entries)
    head = ["experiment", *names, *columns, "judged on"]
    lines = [f"# {subject.name}" if subject else "# Experiments", ""]
    if subject is not None and subject.description:
        lines += [subject.description, ""]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in (table_row(entry, names, columns) for entry in entries):
        own = [
            row["name"],
            *row["choices"],
            *row["cells"],
            row["on"] + (f" ({row['stale']})" if row["stale"] else ""),
        ]
        lines.append("| " + " | ".join(cell(str(item)) for item in own) + " |")
    for name in plots:
        lines += ["", f"![{name.replace('_', ' ')}]({name}.svg)"]
    return "\n".join(lines) + "\n"


def _marks(figures: Mapping[str, float]) -> dict[str, float]:
    names = {"iou_start": "the network it started from", "iou_first_mask": "each object's first mask kept"}
    return {words: figures[name] for name, words in names.items() if name in figures}


def _start_mark(figures: Mapping[str, float]) -> dict[str, float]:
    return {"the network it started from": figures["ap50_start"]} if "ap50_start" in figures else {}


def _examples(subject: ExperimentEntry | None) -> dict[str, np.ndarray]:
    from segassets.media.pictures import read_picture

    return {} if subject is None else {path.stem: read_picture(path) for path in subject.examples[:4]}
