"""`experiment_report`: an experiment's curves and predictions, and its place among the others."""

from __future__ import annotations

from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.experiment_assets import experiment_asset
from segassets.orchestration.work import Made, Work


def _page_is_whole(work: Work) -> Figures:
    from segassets.reports.experiments import MARKDOWN, PAGE

    page = (work.out / PAGE).read_text("utf-8")
    if "</html>" not in page or 'src="http' in page:
        raise BadInput("expected a self-contained page")
    if work.key not in (work.out / MARKDOWN).read_text("utf-8"):
        raise BadInput(f"expected {work.key} in the Markdown page")
    return {"page_kb": round(len(page.encode()) / 1000, 1)}


@experiment_asset(
    inputs=("sam2_checkpoint", "sam2_checkpoint_evaluation", "sam2_threshold_search"),
    kinds={"html", "markdown"},
    experiments_per_run=15,
    checks=(Check("coverage", "The page is one file and tells of the experiment.", _page_is_whole),),
)
def experiment_report(work: Work, config: object) -> Made:
    """The page of an experiment: curves, predictions, threshold, and one table and plot beside all others with results.

    The others are those of this moment; `segassets experiments compare` writes the comparison anew at any time.
    """
    from segassets.learning.experiment_results import entries_of
    from segassets.reports.experiments import comparison_plots, write_experiments_report

    entries = entries_of(work.store)
    told = write_experiments_report(entries, work.out, about=work.key, tag=work.store.tag)
    own = next(entry for entry in entries if entry.name == work.key)
    return Made(
        numbers={"num_experiments": told["experiments"], "rank": told["rank"], "iou": own.figures.get("iou")},
        plots=comparison_plots(entries),
        details={"page": "report.html", "figures": dict(own.figures)},
    )
