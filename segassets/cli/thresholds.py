"""`segassets thresholds`: where to cut the answers of trained networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from segassets.cli.train import DRY, FORCE, JSON, ROOT, TAG

if TYPE_CHECKING:
    from segassets.cli.asked_run import Asked
    from segassets.cli.execution import Graph
    from segassets.config import Settings
    from segassets.storage.store import ArtifactStore


def thresholds(
    words: list[str] = typer.Argument(
        ..., metavar="EXPERIMENT... [aggregation=...]", help="Evaluated experiments, or scene:<key>."
    ),
    tag: str | None = TAG,
    output_root: str | None = ROOT,
    force: bool = FORCE,
    dry_run: bool = DRY,
    as_json: bool = JSON,
) -> None:
    """The threshold of the largest mean Dice, from the counts of the evaluation: one pass for the whole grid.

    It is stored, and a run with model=experiment:<name> tracks with it. The grid is evaluation.thresholds of the
    experiment. Where there is no evaluation yet, it is made first.

    Examples:

        segassets thresholds rooms_minute

        segassets thresholds 'rooms_minute-*' --json
    """
    from segassets.assets.thresholds import ThresholdConfig
    from segassets.cli.asked_run import make, parse_words
    from segassets.config import load_settings
    from segassets.learning.experiment import list_experiments, override
    from segassets.strict import parse

    settings = load_settings(options={"tag": tag, "output_root": output_root})
    asked = parse_words(words, list_experiments())
    values = parse(ThresholdConfig, override({}, asked.overrides), "command line")
    graph = _threshold_graph(settings, asked, values.model_dump())
    code = make(
        settings,
        graph,
        asked,
        title="thresholds",
        force=force,
        dry_run=dry_run,
        as_json=as_json,
        tell=lambda store, key: _threshold_facts(store, asked.kind, key),
        show=_show_thresholds,
    )
    if code:
        raise typer.Exit(code)


def _threshold_graph(settings: Settings, asked: Asked, values: dict[str, Any]) -> Graph:
    """The search alone where every key has an evaluation, else the evaluation before it."""
    from segassets.cli.chain_graph import chain_graph, fits, require
    from segassets.models.trained import CHAINS
    from segassets.storage.store import ArtifactStore

    chain, store = CHAINS[asked.kind], ArtifactStore(settings.root, settings.tag)
    require(settings, asked, chain.checkpoint, chain.train)
    fit = all(fits(store, chain.evaluation, key) for key in asked.keys)
    names = (chain.threshold,) if fit else (chain.evaluation, chain.threshold)
    return chain_graph(asked, names, {chain.threshold: values})


def _threshold_facts(store: ArtifactStore, kind: str, key: str) -> dict[str, Any]:
    import json

    from segassets.models.trained import CHAINS, THRESHOLD_FILE

    path = store.peek(CHAINS[kind].threshold, key).path / THRESHOLD_FILE
    return json.loads(path.read_text("utf-8"))


def _show_thresholds(told: dict[str, dict[str, Any]]) -> None:
    from segassets.cli.show import print_table

    names = ("best_threshold", "best_dice", "default_dice", "items")
    if told:
        rows = [(key, *(facts[name] for name in names)) for key, facts in told.items()]
        print_table(("", "threshold", "dice", "dice at .5", "judged"), rows)
    if len(told) == 1:
        curve = next(iter(told.values()))["threshold_curve"]
        print_table(
            ("threshold", "dice", "iou"), [(row["threshold"], row["dice"], row["iou"]) for row in curve]
        )
