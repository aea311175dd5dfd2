"""`segassets train`: experiments, or a scene's own network, trained as assets of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from segassets.cli.asked_run import Asked
    from segassets.cli.execution import Graph
    from segassets.storage.store import ArtifactStore

TAG = typer.Option(None, help="Experiment tag; results of two tags live side by side.")
ROOT = typer.Option(None, help="Folder or URL of the results; else SEGASSETS_OUTPUT_ROOT.")
FORCE = typer.Option(False, "--force", help="Make again what is there and fits.")
DRY = typer.Option(False, "--dry-run", help="Print what would be made, make nothing.")
JSON = typer.Option(False, "--json", help="The result as JSON on stdout.")


def train(
    words: list[str] = typer.Argument(
        ...,
        metavar="EXPERIMENT... [KEY=VALUE]...",
        help="Names of experiments, or scene:<key>; then overrides.",
    ),
    masks: str = typer.Option(
        "annotations", help="For scenes: what teaches, annotations or sam2_tracks (which must be there)."
    ),
    tag: str | None = TAG,
    output_root: str | None = ROOT,
    force: bool = FORCE,
    dry_run: bool = DRY,
    as_json: bool = JSON,
) -> None:
    """Train experiments (files of configs/experiments/), or adapt a network to one scene.

    The training is the asset sam2_checkpoint (of a scene sam2_scene_checkpoint, of recipe vis vis_checkpoint), so it is
    seen in the Dagster UI with
    its curves. Stop it with Ctrl-C, or kill it: the same command goes on from its last checkpoint. What is trained and
    still fits its file, data and start weights is not trained again.

    Examples:

        segassets experiments list

        segassets train rooms_minute

        segassets train rooms_minute trainer.max_steps=20 optimizer.learning_rate=1e-4

        segassets train 'rooms_minute-*'                     (all that were generated)

        segassets train scene:rooms_demo.room_0000           (one scene's annotations)

        segassets run demo model=experiment:rooms_minute     (track with it)
    """
    from segassets.cli.asked_run import EXPERIMENT, make, parse_words
    from segassets.config import load_settings
    from segassets.learning.experiment import list_experiments

    settings = load_settings(options={"tag": tag, "output_root": output_root})
    asked = parse_words(words, list_experiments())
    graph = _experiment_graph(asked) if asked.kind == EXPERIMENT else _scene_graph(asked, masks)
    chain = asked.kind
    code = make(
        settings,
        graph,
        asked,
        title="train",
        force=force,
        dry_run=dry_run,
        as_json=as_json,
        tell=lambda store, key: training_facts(store, chain, key),
        show=lambda told: _show(told, chain),
    )
    if code:
        raise typer.Exit(code)


def _experiment_graph(asked: Asked) -> Graph:
    from segassets.assets.graph import EXPERIMENT_ASSETS, RUN_EXPERIMENTS, SEGMENTER_ASSETS, TRAIN_SEGMENTERS
    from segassets.cli.execution import Graph

    if segmenters(asked.keys):
        return Graph(
            TRAIN_SEGMENTERS.name, SEGMENTER_ASSETS, {"vis_checkpoint": {"overrides": asked.overrides}}
        )
    return Graph(
        RUN_EXPERIMENTS.name, EXPERIMENT_ASSETS[:1], {"sam2_checkpoint": {"overrides": asked.overrides}}
    )


def _scene_graph(asked: Asked, masks: str) -> Graph:
    """Frames and annotations as well, which are cheap; tracks only where they are there."""
    from segassets.assets.graph import SCENE_ASSETS, TRAIN_SCENES, TRAINING_ASSETS
    from segassets.assets.training_clips import SceneClips
    from segassets.cli.execution import Graph
    from segassets.strict import parse

    parse(SceneClips, {"masks": masks}, "--masks")
    training: dict[str, Any] = {"overrides": asked.overrides}
    if any(text.startswith("trainer.max_steps=") for text in asked.overrides):
        training["steps"] = None
    values = {"training_clips": {"masks": masks}, "sam2_scene_checkpoint": training}
    tracks = frozenset({"sam2_tracks"} if masks == "sam2_tracks" else ())
    footage = () if tracks else SCENE_ASSETS[:2]
    stored = frozenset({"frames", *tracks}) if tracks else frozenset()
    return Graph(TRAIN_SCENES.name, (*footage, *TRAINING_ASSETS[:2]), values, stored)


def segmenters(keys: Sequence[str]) -> bool:
    """Whether these experiments train segmenters.

    Raises:
        BadConfig: some do, and others train networks that follow prompts.
    """
    from segassets.errors import BadConfig
    from segassets.learning.experiment import load_experiment

    found = {key: load_experiment(key).finds_instances for key in keys}
    if len(set(found.values())) > 1:
        names = ", ".join(key for key, finds in found.items() if finds)
        raise BadConfig(
            f"expected experiments of one kind; {names} train segmenters, the others do not: two commands"
        )
    return any(found.values())


def checkpoint_asset(kind: str, key: str) -> str:
    """The asset that holds a training."""
    from segassets.models.trained import CHAINS

    return "vis_checkpoint" if kind == "experiment" and segmenters([key]) else CHAINS[kind].checkpoint


def training_facts(store: ArtifactStore, kind: str, key: str) -> dict[str, Any]:
    """What is said of a finished training."""
    from segassets.learning.checkpoint_folder import open_checkpoint

    asset = checkpoint_asset(kind, key)
    artifact = store.peek(asset, key)
    trained = open_checkpoint(artifact.path)
    return {
        "asset": asset,
        "folder": store.location(asset, key),
        "checkpoint": trained.chosen.name,
        "figures": trained.figures,
        "other_versions": trained.other_versions,
        "tensorboard": str(trained.tensorboard) if trained.tensorboard.is_dir() else None,
    }


def _show(told: dict[str, dict[str, Any]], kind: str) -> None:
    from segassets.cli.asked_run import took
    from segassets.cli.show import format_value

    for key, facts in told.items():
        figures = facts["figures"]
        names = (("train_loss", "loss"), ("val_loss", "validation loss"), ("val_mean_iou", "validation IoU"))
        words = [f"{words} {format_value(figures[name])}" for name, words in names if name in figures]
        steps = f"{figures['steps']:.0f} steps in " if "steps" in figures else ""
        typer.echo(f"trained  {key}: {steps}{took(figures.get('seconds'))}; {', '.join(words)}")
        typer.echo(f"         {facts['folder']} ({facts['checkpoint']})")
        for words in facts["other_versions"]:
            typer.secho(
                f"warning  other software: {words}; results may differ in small ways", fg="yellow", err=True
            )
        if facts["tensorboard"]:
            typer.echo(f"curves   make ui, or: tensorboard --logdir {facts['tensorboard']}")
    if any(facts["asset"] == "vis_checkpoint" for facts in told.values()):
        typer.echo(f"next     segassets evaluate {next(iter(told))}")
    elif told:
        name = next(iter(told)) if kind == "experiment" else f"scene:{next(iter(told))}"
        reference = name if kind == "scene" else f"experiment:{name}"
        typer.echo(f"next     segassets evaluate {name};  segassets thresholds {name}")
        typer.echo(f"track    segassets run demo model={reference}")
