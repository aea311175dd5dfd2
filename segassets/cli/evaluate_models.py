"""What `segassets evaluate` does with models that no asset made, and with trained segmenters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from segassets.cli.asked_run import Asked
    from segassets.config import Settings
    from segassets.storage.store import ArtifactStore


def evaluate_models(
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
        show_scores(told)
        typer.echo(f"results  {out / datasets[0]}")
    return 1 if result.failed else 0


_COLUMNS = ("iou", "iou_start", "iou_first_mask", "dice", "j_and_f", "mae", "scenes", "judged")


def show_scores(told: dict[str, dict[str, Any]]) -> None:
    """A table of figures, one network a row."""
    from segassets.cli.show import print_table

    if told:
        print_table(
            ("", *_COLUMNS), [(key, *(facts.get(name) for name in _COLUMNS)) for key, facts in told.items()]
        )
        typer.echo("means over the objects of an image, its video, all videos; judged: objects on frames")


def evaluate_segmenters(
    settings: Settings, asked: Asked, datasets: list[str], scenes: int | None, device: str | None, start: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """AP and AR of trained segmenters: those judged when they were trained, or on other datasets.

    Raises:
        MissingInput: one is not trained. BadConfig: it was judged nowhere, and no dataset is named.
    """
    from segassets.cli.show import print_json, print_table
    from segassets.evaluation.segmenter import FIGURES, evaluate_segmenter
    from segassets.learning.experiment import load_experiment
    from segassets.models.registry import load_spec, read_spec
    from segassets.storage.store import ArtifactStore

    store, told = ArtifactStore(settings.root, settings.tag), []
    for key in asked.keys:
        folder = _checkpoint(store, key)
        if not datasets:
            told += [{"experiment": key, **row} for row in _judged(folder, key)]
        for name in datasets:
            specs = {"trained": read_spec(folder / "model.yaml")}
            if start:
                specs["start"] = load_spec(load_experiment(key, asked.overrides).model, store)
            for what, spec in specs.items():
                found = evaluate_segmenter(spec, {name: None}, device=device, max_scenes=scenes)
                told.append({"experiment": key, "judged": what, **found})
    if as_json:
        print_json(told)
        return
    rows = []
    for row in told:
        rows.append((row["experiment"], row["judged"], row["dataset"], row["objects"], *_values(row)))
        if "per_class" in row:
            words = f"{row['judged']}, per class"
            rows.append(
                (row["experiment"], words, row["dataset"], row["objects"], *_values(row["per_class"]))
            )
    print_table(("experiment", "judged", "dataset", "objects", *FIGURES), rows)


def _checkpoint(store: ArtifactStore, key: str) -> Path:
    from segassets.errors import MissingInput

    if not store.has("vis_checkpoint", key):
        raise MissingInput(
            f"vis_checkpoint of {key} is not under {store.root} (tag {store.tag}); make it with: segassets train {key}"
        )
    return store.open("vis_checkpoint", key).path


def _judged(folder: Path, key: str) -> list[dict[str, Any]]:
    """What a training judged at its end."""
    import json

    from segassets.assets.vis_checkpoints import FIGURES_FILE
    from segassets.errors import BadConfig

    stored = json.loads((folder / FIGURES_FILE).read_text("utf-8"))
    if not stored:
        raise BadConfig(
            f"experiment {key!r} has no validation scenes (data.val), so it was judged nowhere; name some: segassets "
            f"evaluate {key} -d DATASET"
        )
    return [{"judged": what, **found} for what, found in stored.items()]


def _values(figures: Mapping[str, Any]) -> list[float | None]:
    from segassets.evaluation.segmenter import FIGURES

    return [figures[name]["value"] for name in FIGURES]
