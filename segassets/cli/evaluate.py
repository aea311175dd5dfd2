"""`segassets evaluate` and `segassets thresholds`: how good trained networks are, and where to cut their answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from segassets.cli.train import DRY, FORCE, JSON, ROOT, TAG, segmenters

if TYPE_CHECKING:
    from segassets.cli.asked_run import Asked
    from segassets.cli.execution import Graph
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
    from segassets.config import load_settings

    settings = load_settings(options={"tag": tag, "output_root": output_root})
    asked = _asked(words or [], filter, settings)
    if asked is not None and asked.kind == "experiment" and segmenters(asked.keys):
        _evaluate_segmenters(settings, asked, dataset or [], scenes, device, start, as_json)
        return
    if asked is None:
        code = _evaluate_models(words, filter, dataset or [], scenes, out, device, as_json)
    else:
        values = {"beside_start": start, "overrides": asked.overrides}
        if asked.kind == "experiment":
            values |= {"datasets": dataset or [], "max_scenes": scenes}
        code = _evaluate_assets(settings, asked, values, force, dry_run, as_json)
    if code:
        raise typer.Exit(code)


def _evaluate_segmenters(
    settings: Settings, asked: Asked, datasets: list[str], scenes: int | None, device: str | None, start: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """AP and AR of trained segmenters: those judged when they were trained, or on other datasets."""
    import json

    from segassets.assets.vis_checkpoints import FIGURES_FILE
    from segassets.cli.show import print_json, print_table
    from segassets.evaluation.segmenter import FIGURES, evaluate_segmenter
    from segassets.learning.experiment import load_experiment
    from segassets.models.registry import load_spec, read_spec
    from segassets.storage.store import ArtifactStore

    store, told = ArtifactStore(settings.root, settings.tag), []
    for key in asked.keys:
        folder = store.open("vis_checkpoint", key).path
        if not datasets:
            stored = json.loads((folder / FIGURES_FILE).read_text("utf-8"))
            told += [{"experiment": key, "network": what, **found} for what, found in stored.items()]
        for name in datasets:
            specs = {"trained": read_spec(folder / "model.yaml")}
            if start:
                specs["start"] = load_spec(load_experiment(key, asked.overrides).model, store)
            for what, spec in specs.items():
                found = evaluate_segmenter(spec, name, device=device, max_scenes=scenes)
                told.append({"experiment": key, "network": what, **found})
    if as_json:
        print_json(told)
        return
    rows = [
        (
            row["experiment"],
            row["network"],
            row["dataset"],
            row["objects"],
            *(row[f]["value"] for f in FIGURES),
        )
        for row in told
    ]
    print_table(("experiment", "network", "dataset", "objects", *FIGURES), rows)


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
    from segassets.models.trained import CHAINS

    chain = CHAINS[asked.kind]
    _require(settings, asked, chain.checkpoint, chain.train)
    return make(
        settings,
        _graph(asked, (chain.evaluation,), {chain.evaluation: values}),
        asked,
        title="evaluate",
        force=force,
        dry_run=dry_run,
        as_json=as_json,
        tell=lambda store, key: _scores(store, asked.kind, key),
        show=_show_scores,
    )


def _graph(asked: Asked, names: tuple[str, ...], values: dict[str, Any]) -> Graph:
    """Those assets of the kind's chain; what they read is taken as it is stored."""
    from segassets.assets.graph import EXPERIMENT_ASSETS, RUN_EXPERIMENTS, TRAIN_SCENES, TRAINING_ASSETS
    from segassets.cli.execution import Graph

    use, known = (
        (RUN_EXPERIMENTS, EXPERIMENT_ASSETS)
        if asked.kind == "experiment"
        else (TRAIN_SCENES, TRAINING_ASSETS)
    )
    assets = tuple(asset for asset in known if asset.name in names)
    stored = frozenset(upstream for asset in assets for upstream in asset.inputs) - set(names)
    return Graph(use.name, assets, values, stored)


def _require(settings: Settings, asked: Asked, asset: str, command: str) -> None:
    """Raises MissingInput where something is not there yet that this command does not make."""
    from segassets.errors import MissingInput
    from segassets.storage.store import ArtifactStore

    store = ArtifactStore(settings.root, settings.tag)
    absent = [key for key in asked.keys if not store.has(asset, key)]
    if absent:
        raise MissingInput(
            f"{asset} of {', '.join(absent[:5])} is not under {settings.root} (tag {settings.tag}); make it with: "
            + command.format(key=absent[0])
        )


def _threshold_graph(settings: Settings, asked: Asked, values: dict[str, Any]) -> Graph:
    """The search alone where every key has an evaluation, else the evaluation before it."""
    from segassets.models.trained import CHAINS
    from segassets.storage.store import ArtifactStore

    chain, store = CHAINS[asked.kind], ArtifactStore(settings.root, settings.tag)
    _require(settings, asked, chain.checkpoint, chain.train)
    fits = all(_fits(store, chain.evaluation, key) for key in asked.keys)
    names = (chain.threshold,) if fits else (chain.evaluation, chain.threshold)
    return _graph(asked, names, {chain.threshold: values})


def _fits(store: ArtifactStore, asset: str, key: str) -> bool:
    from segassets.errors import SegassetsError

    try:
        store.open(asset, key)
    except SegassetsError:
        return False
    return True


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


_COLUMNS = ("iou", "iou_start", "iou_first_mask", "dice", "j_and_f", "mae", "scenes", "judged")


def _show_scores(told: dict[str, dict[str, Any]]) -> None:
    from segassets.cli.show import print_table

    if told:
        print_table(
            ("", *_COLUMNS), [(key, *(facts.get(name) for name in _COLUMNS)) for key, facts in told.items()]
        )
        typer.echo("means over the objects of an image, its video, all videos; judged: objects on frames")


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


def _evaluate_models(
    words: list[str],
    filter: str | None,
    datasets: list[str],
    limit: int | None,
    out: Path,
    device: str | None,
    as_json: bool,
) -> int:
    """Models that no asset made: into folders of their own."""
    from segassets.cli.show import print_json
    from segassets.cli.terminal import Terminal
    from segassets.errors import BadConfig
    from segassets.evaluation.many import evaluate_many
    from segassets.evaluation.prompts import EvaluationConfig
    from segassets.evaluation.scenes import open_true_scenes
    from segassets.learning.experiment import override
    from segassets.orchestration.gpu import gpu_slot
    from segassets.strict import parse

    names = [word for word in words if "=" not in word]
    if len(datasets) != 1:
        raise BadConfig("expected one --dataset to evaluate models on, e.g. --dataset rooms_eval")
    settings = override(EvaluationConfig().model_dump(), [word for word in words if "=" in word])
    config = parse(EvaluationConfig, settings, "evaluation")
    scenes = list(open_true_scenes(datasets[0], limit=limit))
    terminal = Terminal(len(names))
    with gpu_slot(device or "auto") as chosen:
        result = evaluate_many(
            names,
            scenes,
            config,
            out / datasets[0],
            filter=filter,
            device=chosen,
            progress=lambda done, total, note: terminal.progress("evaluate", note, done, total, ""),
        )
    terminal.close()
    told = {
        name: {**found.figures, "scenes": found.record["scenes"], "judged": found.record["judged"]}
        for name, found in result.scores.items()
    }
    for name, why in result.failed.items():
        typer.secho(f"failed: {name}: {why}", fg="red", err=True)
    if as_json:
        print_json({"results": told, "failed": result.failed, "folder": str(out / datasets[0])})
    else:
        _show_scores(told)
        typer.echo(f"results  {out / datasets[0]}")
    return 1 if result.failed else 0
