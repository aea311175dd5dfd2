"""`experiment_report`: an experiment's curves and predictions, and its place among the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.experiment_assets import experiment_asset
from segassets.orchestration.work import Made, Work
from segassets.strict import StrictModel

if TYPE_CHECKING:
    import numpy as np


PROMPTED = ("sam2_checkpoint", "sam2_checkpoint_evaluation", "sam2_threshold_search")
SEGMENTER = "vis_checkpoint"


class Reported(StrictModel):
    """What kind of experiment a report is about."""

    finds_instances: bool


def settle_report(key: str, choice: object) -> Reported:
    """The kind of an experiment, as its file says now."""
    from segassets.learning.experiment import load_experiment

    return Reported(finds_instances=load_experiment(key).finds_instances)


def _page_is_whole(work: Work) -> Figures:
    from segassets.reports.experiments import MARKDOWN, PAGE

    page = (work.out / PAGE).read_text("utf-8")
    if "</html>" not in page or 'src="http' in page:
        raise BadInput("expected a self-contained page")
    if work.key not in (work.out / MARKDOWN).read_text("utf-8"):
        raise BadInput(f"expected {work.key} in the Markdown page")
    return {"page_kb": round(len(page.encode()) / 1000, 1)}


@experiment_asset(
    inputs=(*PROMPTED, SEGMENTER),
    settle=settle_report,
    reads_of=lambda about: (SEGMENTER,) if about.finds_instances else PROMPTED,
    unrecorded=("finds_instances",),
    kinds={"html", "markdown"},
    experiments_per_run=15,
    checks=(Check("coverage", "The page is one file and tells of the experiment.", _page_is_whole),),
)
def experiment_report(work: Work, about: Reported) -> Made:
    """The page of an experiment: curves, predictions, threshold, or AP of its tubes; and one table and plot beside all
    others of its kind (networks that follow prompts, or segmenters).

    The others are those of this moment; `segassets experiments compare` writes the comparison anew at any time.
    """
    from segassets.learning.experiment_results import entries_of
    from segassets.reports.experiments import comparison_plots, write_experiments_report

    entries = [entry for entry in entries_of(work.store) if entry.finds_instances == about.finds_instances]
    told = write_experiments_report(entries, work.out, about=work.key, tag=work.store.tag)
    own = next(entry for entry in entries if entry.name == work.key)
    by = "ap50" if about.finds_instances else "iou"
    figure = round(own.figures[by], 4) if by in own.figures else None
    return Made(
        numbers={"num_experiments": told["experiments"], "rank": told["rank"], by: figure},
        preview=_example(own.examples),
        plots=comparison_plots(entries),
        details={"page": "report.html", "figures": dict(own.figures)},
    )


def _example(pictures: Sequence[Path]) -> np.ndarray | None:
    from segassets.media.pictures import read_picture

    return read_picture(pictures[0]) if pictures else None
