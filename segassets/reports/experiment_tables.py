"""What is said of experiments in tables: the entries, their columns, and the page as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from segassets.reports.words import cell, figure, seconds, several, size

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
# of a table of tubes: name of the figure, column
FIGURES = {
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ar10": "AR10",
    "recall50": "recall at IoU .5",
    "mean_best_iou": "best IoU of a tube",
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
        finds_instances: whether it trained a segmenter, not a network that follows prompts.
        judged: of a segmenter, rows of FIGURES: of the network, its start, and the tubes it learned from.
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
    judged: Sequence[Mapping[str, Any]] = ()
    finds_instances: bool = False


def ranked(entries: Sequence[ExperimentEntry]) -> list[ExperimentEntry]:
    """Best IoU first, then segmenters, best AP50 first, then those that were not judged."""
    return sorted(
        entries, key=lambda entry: (-entry.figures.get("iou", -1.0), -entry.figures.get("ap50", -1.0))
    )


def judged_table(subject: ExperimentEntry | None) -> list[list[str]]:
    """Head and rows of a segmenter's figures; [] of other experiments."""
    if subject is None or not subject.judged:
        return []
    head = ["", "judged on", *FIGURES.values()]
    words = {"trained": "this network", "start": "the network it started from"}
    rows = [
        [
            words.get(row["judged"], f"{row['judged']} it learned from"),
            f"{row['objects']} objects, {several(row['scenes'], 'scene')} of {row['dataset']}",
            *(figure(row.get(name), 3) for name in FIGURES),
        ]
        for row in subject.judged
    ]
    return [head, *rows]


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
    if judged := judged_table(subject):
        lines += [*_table(judged), ""]
    table = [head]
    for row in (table_row(entry, names, columns) for entry in entries):
        own = [
            row["name"],
            *row["choices"],
            *row["cells"],
            row["on"] + (f" ({row['stale']})" if row["stale"] else ""),
        ]
        table.append(own)
    lines += _table(table)
    for name in plots:
        lines += ["", f"![{name.replace('_', ' ')}]({name}.svg)"]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(cell(str(item)) for item in row) + " |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]
