"""`segassets evaluate`: how good trained networks are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from segassets.cli.train import DRY, FORCE, JSON, ROOT, TAG, segmenters

if TYPE_CHECKING:
    from segassets.cli.asked_run import Asked
    from segassets.config import Settings
    from segassets.storage.store import ArtifactStore


def evaluate(
    words: list[str] = typer.Argument(
        None,
        metavar="[EXPERIMENT|scene:KEY|MODEL]... [KEY=VALUE]...",
        help="Trained experiments; or models by name, YAML or checkpoint; then settings of the evaluation.",
    ),
    dataset: list[str] = typer.Option(
        None, "--dataset", "-d", help="Scenes with annotations; else the experiment's own validation scenes."
    ),
    filter: str | None = typer.Option(
        None,
        "--filter",
        help="Every trained experiment whose name contains this, or fits a pattern (rooms*).",
    ),
    scenes: int | None = typer.Option(None, "--scenes", min=1, help="Only the first so many of a dataset."),
    start: bool = typer.Option(
        True, "--start/--no-start", help="Evaluate the network it started from as well."
    ),
    out: Path = typer.Option(
        Path(".segassets", "evaluations"), help="For models: where their evaluations go, a folder each."
    ),
    device: str | None = typer.Option(None, help="For models: auto, cpu, cuda or cuda:<i>."),
    tag: str | None = TAG,
    output_root: str | None = ROOT,
    force: bool = FORCE,
    dry_run: bool = DRY,
    as_json: bool = JSON,
) -> None:
    """IoU, Dice, MAE and J&F of trained experiments (as the asset sam2_checkpoint_evaluation), or of any models.

    Beside the IoU stands that of each object's first true mask kept, and of the network the training started from. Any
    setting of an evaluation may follow as key=value: type=box, noisy=true, per_category=false, ... Nothing is trained
    here; what was evaluated and still fits is not evaluated again.

    Examples:

        segassets evaluate rooms_minute

        segassets evaluate rooms_minute -d rooms_eval --scenes 4 type=box noisy=true

        segassets evaluate --filter 'rooms_minute-*'          (a batch over checkpoints)

        segassets evaluate nano sam2.1-hiera-tiny -d rooms_eval
    """
    from segassets.cli.evaluate_models import evaluate_models, evaluate_segmenters
    from segassets.config import load_settings

    settings = load_settings(options={"tag": tag, "output_root": output_root})
    asked = _asked(words or [], filter, settings)
    if asked is not None and asked.kind == "experiment" and segmenters(asked.keys):
        evaluate_segmenters(settings, asked, dataset or [], scenes, device, start, as_json)
        return
    if asked is None:
        code = evaluate_models(words, filter, dataset or [], scenes, out, device, as_json)
    else:
        values = {"beside_start": start, "overrides": asked.overrides}
        if asked.kind == "experiment":
            values |= {"datasets": dataset or [], "max_scenes": scenes}
        code = _evaluate_assets(settings, asked, values, force, dry_run, as_json)
    if code:
        raise typer.Exit(code)


def _asked(words: list[str], filter: str | None, settings: Settings) -> Asked | None:
    """The experiments or scenes that are meant; None where the words name models."""
    from segassets.cli.asked_run import EXPERIMENT, Asked, parse_words
    from segassets.errors import MissingInput
    from segassets.evaluation.many import matches
    from segassets.learning.experiment import list_experiments
    from segassets.models.trained import CHAINS
    from segassets.storage.store import ArtifactStore

    names = [word for word in words if "=" not in word]
    known = list_experiments()
    if names:
        is_model = _is_model(names[0], known)
        return None if is_model else parse_words(words, known)
    trained = ArtifactStore(settings.root, settings.tag).scenes(CHAINS[EXPERIMENT].checkpoint)
    chosen = [name for name in trained if filter is None or matches(name, filter)]
    if not chosen:
        what = "is trained" if filter is None else f"that is trained matches {filter!r}"
        raise MissingInput(
            f"no experiment {what} under {settings.root} (tag {settings.tag}); trained: {', '.join(trained) or 'none'}"
        )
    return Asked(EXPERIMENT, chosen, words)


def _is_model(name: str, experiments: list[str]) -> bool:
    from segassets.models.registry import list_models

    if name in experiments or name.startswith(("experiment:", "scene:")):
        return False
    return name in list_models() or Path(name).suffix in (".yaml", ".yml", ".pt", ".safetensors")


def _evaluate_assets(
    settings: Settings, asked: Asked, values: dict[str, Any], force: bool, dry_run: bool, as_json: bool
) -> int:
    from segassets.cli.asked_run import make
    from segassets.cli.chain_graph import chain_graph, require
    from segassets.cli.evaluate_models import show_scores
    from segassets.models.trained import CHAINS

    chain = CHAINS[asked.kind]
    require(settings, asked, chain.checkpoint, chain.train)
    return make(
        settings,
        chain_graph(asked, (chain.evaluation,), {chain.evaluation: values}),
        asked,
        title="evaluate",
        force=force,
        dry_run=dry_run,
        as_json=as_json,
        tell=lambda store, key: _scores(store, asked.kind, key),
        show=show_scores,
    )


def _scores(store: ArtifactStore, kind: str, key: str) -> dict[str, Any]:
    from segassets.assets.checkpoint_evaluation import START
    from segassets.evaluation.checkpoint import read_scores
    from segassets.models.trained import CHAINS

    folder = store.peek(CHAINS[kind].evaluation, key).path
    scores = read_scores(folder)
    start = read_scores(folder / START).figures if (folder / START).is_dir() else {}
    return {
        **scores.figures,
        **({"iou_start": start["iou"]} if "iou" in start else {}),
        "scenes": scores.record["scenes"],
        "judged": scores.record["judged"],
    }
