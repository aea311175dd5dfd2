"""`segassets experiments`: which there are, what they say, making combinations of them, comparing what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from segassets.cli.show import print_json, print_table

if TYPE_CHECKING:
    from segassets.storage.store import ArtifactStore

app = typer.Typer(
    no_args_is_help=True,
    help="Experiments (files of configs/experiments/): list, show, generate combinations, compare, register.",
)

_JSON = typer.Option(False, "--json", help="As JSON.")
_TAG = typer.Option(None, help="Experiment tag of the results.")
_COMPARED = (
    "iou", "iou_start", "iou_first_mask", "dice", "j_and_f", "best_threshold", "ap", "ap50", "ap50_start", "recall50",
    "mean_best_iou", "train_loss", "seconds",
)  # fmt: skip
_ROOT = typer.Option(None, help="Where results lie; else SEGASSETS_OUTPUT_ROOT.")


@app.command("list")
def list_(tag: str | None = _TAG, output_root: str | None = _ROOT, as_json: bool = _JSON) -> None:
    """Experiments, what tells them apart, and how far each has come.

    Example:

        segassets experiments list
    """
    from segassets.cli.home import open_instance
    from segassets.learning.experiment import list_experiments
    from segassets.orchestration.partitions import EXPERIMENT, registered_keys

    store = _store(tag, output_root)
    with open_instance() as instance:
        known = set(registered_keys(instance, EXPERIMENT))
    rows = [_row(name, store) | {"registered": name in known} for name in list_experiments()]
    if as_json:
        print_json(rows)
        return
    columns = ("name", "data", "taught by", "prompt", "loss", "trained", "state", "iou", "ap50", "registered")
    print_table(columns, [[row.get(column) for column in columns] for row in rows])
    if not all(row["registered"] for row in rows):
        typer.echo(
            "register the others with: segassets experiments sync   (segassets train does it by itself)"
        )


@app.command()
def show(
    name: str = typer.Argument(..., help="An experiment, or its YAML file."),
    overrides: list[str] = typer.Argument(None, metavar="[KEY=VALUE]...", help="As for segassets train."),
    changed: bool = typer.Option(False, "--changed", help="Only what is not at its default."),
    as_json: bool = _JSON,
) -> None:
    """Every setting of an experiment, defaults included, as YAML.

    Examples:

        segassets experiments show rooms_minute --changed

        segassets experiments show rooms_minute trainer.max_steps=20
    """
    from segassets.learning.checkpoint_folder import to_yaml
    from segassets.learning.experiment import load_experiment

    values = load_experiment(name, overrides or ()).model_dump(mode="json", exclude_defaults=changed)
    print_json(values) if as_json else typer.echo(to_yaml(values).rstrip())


@app.command()
def generate(
    bases: list[str] = typer.Argument(
        ...,
        metavar="EXPERIMENT... [KEY=VALUE]...",
        help="Experiments to vary (they name the data); then overrides.",
    ),
    prompts: str = typer.Option("point,box,mask", help="Kinds of prompts, by comma."),
    losses: str = typer.Option("focal-main", help="Loss presets, by comma."),
    modules: str = typer.Option(
        "memory",
        help="Trained modules, by comma: memory, memory-decoder, decoder, all, or names joined by +.",
    ),
    replace: bool = typer.Option(
        False, "--replace", help="Overwrite files of these names with other content."
    ),
    as_json: bool = _JSON,
) -> None:
    """Write one experiment for every combination of data, prompt, loss and trained modules, and register them.

    Train them in the UI (asset sam2_checkpoint, Materialize, all or missing: a backfill), or here.

    Examples:

        segassets experiments generate rooms_minute --prompts box,mask trainer.max_steps=30

        segassets train 'rooms_minute-*'

        segassets experiments compare 'rooms_minute-*'
    """
    from segassets.learning.combinations import generate_experiments

    names = [word for word in bases if "=" not in word]
    paths = generate_experiments(
        names,
        *(_listed(text) for text in (prompts, losses, modules)),
        overrides=[word for word in bases if "=" in word],
        replace=replace,
    )
    new = _register([path.stem for path in paths])
    if as_json:
        print_json({"files": [str(path) for path in paths], "registered": new})
        return
    for path in paths:
        typer.echo(str(path))
    typer.echo(f"{len(paths)} experiments written, {len(new)} of them new to Dagster")
    typer.echo(f"train    segassets train {' '.join(repr(f'{name}-*') for name in names)}")


@app.command()
def compare(
    patterns: list[str] = typer.Argument(
        None, metavar="[NAME|PATTERN]...", help="Else all that have results."
    ),
    page: Path | None = typer.Option(None, help="Folder for the page: report.html, report.md and the plots."),
    tag: str | None = _TAG,
    output_root: str | None = _ROOT,
    as_json: bool = _JSON,
) -> None:
    """Experiments that have results in one table, best IoU first, then segmenters, best AP50 first; with --page, table
    and plots as a page.

    Examples:

        segassets experiments compare

        segassets experiments compare 'rooms*' --page out/experiments
    """
    from segassets.errors import MissingInput
    from segassets.evaluation.many import matches
    from segassets.learning.experiment_results import entries_of
    from segassets.reports.experiment_tables import choice_names, ranked
    from segassets.reports.experiments import write_experiments_report

    store = _store(tag, output_root)
    entries = [
        entry
        for entry in entries_of(store)
        if not patterns or any(entry.name == text or matches(entry.name, text) for text in patterns)
    ]
    if not entries:
        trained = ", ".join(entry.name for entry in entries_of(store)) or "none"
        raise MissingInput(
            f"no experiment with results under {store.root} (tag {store.tag}) is meant; there: {trained}"
        )
    if page is not None:
        write_experiments_report(entries, page, tag=store.tag)
        typer.echo(f"page written to {page.absolute() / 'report.html'}", err=True)
    entries = ranked(entries)
    if as_json:
        print_json(
            [{"name": e.name, **e.choices, **e.figures, "on": e.on, "stale": e.stale} for e in entries]
        )
        return
    choices = choice_names(entries)
    names = [name for name in _COMPARED if any(name in entry.figures for entry in entries)]
    rows = [
        (
            e.name,
            *(e.choices.get(name, "") for name in choices),
            *(e.figures.get(name) for name in names),
            e.stale or e.on,
        )
        for e in entries
    ]
    print_table(("name", *choices, *names, "judged on"), rows)


@app.command()
def sync(as_json: bool = _JSON) -> None:
    """Make every file of configs/experiments/ a partition in Dagster; registering twice changes nothing.

    Examples:

        segassets experiments sync

        dagster asset materialize -m segassets.definitions --select sam2_checkpoint --partition rooms_minute
    """
    from segassets.cli.home import dagster_home
    from segassets.learning.experiment import list_experiments

    names = list_experiments()
    new = _register(names)
    if as_json:
        print_json({"registered": new, "total": len(names)})
        return
    typer.echo(f"{len(new)} new experiments registered, {len(names)} files in all, in {dagster_home()}")


def _register(names: list[str]) -> list[str]:
    from segassets.cli.home import open_instance
    from segassets.orchestration.partitions import EXPERIMENT, register

    with open_instance() as instance:
        return register(instance, EXPERIMENT, names).added


def _store(tag: str | None, output_root: str | None) -> ArtifactStore:
    from segassets.config import load_settings
    from segassets.storage.store import ArtifactStore

    settings = load_settings(options={"tag": tag, "output_root": output_root})
    return ArtifactStore(settings.root, settings.tag)


def _row(name: str, store: ArtifactStore) -> dict[str, Any]:
    """One experiment as the list shows it; what is wrong with its file stands where its data would."""
    from segassets.errors import SegassetsError
    from segassets.learning.experiment import load_experiment
    from segassets.learning.experiment_results import choices_of, reached

    try:
        experiment = load_experiment(name)
    except SegassetsError as error:
        return {"name": name, "data": str(error), "state": "wrong file"}
    state, figures = reached(store, name)
    row: dict[str, Any] = {"name": name, **choices_of(experiment.model_dump(mode="json")), "state": state}
    row |= {figure: figures[figure] for figure in ("iou", "ap50") if figure in figures}
    return row | {"description": experiment.description}


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
