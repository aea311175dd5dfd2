"""What the store holds of experiments: trainings with their evaluation and threshold, for reports and people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from segassets.errors import SegassetsError
from segassets.evaluation.metrics import headline
from segassets.learning.checkpoint_folder import CURVES, EXAMPLES, EXPERIMENT, read_record
from segassets.masks.schemas import METRICS
from segassets.masks.table import read_table
from segassets.models.trained import CHAINS, THRESHOLD_FILE
from segassets.reports.experiment_tables import ExperimentEntry
from segassets.storage.store import ArtifactStore
from segassets.yaml_files import read_yaml

CHAIN = CHAINS["experiment"]
SEGMENTER, VIS_FIGURES = "vis_checkpoint", "vis_figures.json"
VIS_SHOWN = ("ap", "ap50", "ap75", "ar10", "recall50", "mean_best_iou")
_MODULES = 6


def entries_of(store: ArtifactStore, names: list[str] | None = None) -> list[ExperimentEntry]:
    """Every experiment that has a checkpoint, or those of `names` that have one; segmenters among them."""
    made = [(entry_of, name) for name in store.scenes(CHAIN.checkpoint)] + [
        (segmenter_entry, name) for name in store.scenes(SEGMENTER)
    ]
    return [entry(store, name) for entry, name in made if names is None or name in names]


def entry_of(store: ArtifactStore, name: str) -> ExperimentEntry:
    """One experiment as the store has it.

    Raises:
        MissingInput: it has no checkpoint.
    """
    folder = store.peek(CHAIN.checkpoint, name).path
    experiment = read_yaml(folder / EXPERIMENT)
    figures: dict[str, float] = dict(read_record(folder)["figures"])
    evaluated, on = _evaluation(store, name)
    found, curve = _threshold(store, name)
    return ExperimentEntry(
        name=name,
        description=experiment.get("description", ""),
        choices=choices_of(experiment),
        figures={**figures, **evaluated, **found},
        on=on,
        stale=_stale(store, name),
        curves=pq.read_table(folder / CURVES),
        threshold_curve=curve,
        examples=sorted((folder / EXAMPLES).glob("*.png")),
    )


def segmenter_entry(store: ArtifactStore, name: str) -> ExperimentEntry:
    """One experiment that trained a segmenter (a network that finds instances by itself), with AP and AR.

    Raises:
        MissingInput: it has no checkpoint.
    """
    folder = store.peek(SEGMENTER, name).path
    experiment = read_yaml(folder / EXPERIMENT)
    path = folder / VIS_FIGURES
    told = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    judged = [_judged_row(what, found) for what, found in told.items()]
    trained = next((row for row in judged if row["judged"] == "trained"), {})
    figures = {key: trained[key] for key in VIS_SHOWN if trained.get(key) is not None}
    figures |= {f"ap50_{row['judged']}": row["ap50"] for row in judged if row["judged"] == "start"}
    on = f"{trained['scenes']} scenes of {trained['dataset']}" if trained else ""
    return ExperimentEntry(
        name=name,
        description=experiment.get("description", ""),
        choices=choices_of(experiment),
        figures={**read_record(folder)["figures"], **figures},
        on=on,
        curves=pq.read_table(folder / CURVES),
        examples=sorted((folder / EXAMPLES).glob("*.png")),
        finds_instances=True,
        judged=judged,
    )


def reached(store: ArtifactStore, name: str) -> tuple[str, dict[str, float]]:
    """How far an experiment has come, in words, and its figures; ("-", {}) where it is not trained."""
    if store.has(SEGMENTER, name):
        entry = segmenter_entry(store, name)
        return ("evaluated" if entry.judged else "trained"), dict(entry.figures)
    states = (
        (CHAIN.threshold, "threshold found"),
        (CHAIN.evaluation, "evaluated"),
        (CHAIN.checkpoint, "trained"),
    )
    state = next((words for asset, words in states if store.has(asset, name)), "-")
    return state, dict(entry_of(store, name).figures) if state != "-" else {}


def _judged_row(what: str, found: dict[str, Any]) -> dict[str, Any]:
    """One row of figures: of the trained network, of its start, or of the tubes it learned from."""
    figures = {key: found[key]["value"] for key in VIS_SHOWN if key in found}
    return {"judged": what, **{key: found[key] for key in ("dataset", "scenes", "objects")}, **figures}


def choices_of(experiment: dict[str, Any]) -> dict[str, str]:
    """What tells an experiment from others, in a few words."""
    data, modules = experiment.get("data") or {}, experiment.get("modules") or {}
    names = dict.fromkeys(Path(str(source["dataset"])).stem for source in data.get("train") or ())
    trainable = modules.get("trainable") or []
    where = ", ".join(names) or experiment.get("recipe", "")
    if str(experiment.get("recipe", "")).startswith("vis"):
        masks = dict.fromkeys(source["masks"] for source in data.get("train") or ())
        return {"data": where, **({"taught by": ", ".join(masks)} if masks else {})}
    return {
        "data": where,
        "prompt": (experiment.get("prompts") or {}).get("type", ""),
        "loss": (experiment.get("loss") or {}).get("preset", ""),
        "trained": "all" if len(trainable) >= _MODULES else ", ".join(trainable),
    }


def _evaluation(store: ArtifactStore, name: str) -> tuple[dict[str, float], str]:
    """Overall figures of the evaluation, and what they were measured on; nothing where there is none."""
    from segassets.evaluation.checkpoint import METRICS_FILE, RECORD_FILE

    if not store.has(CHAIN.evaluation, name):
        return {}, ""
    folder = store.peek(CHAIN.evaluation, name).path
    figures = headline(read_table(folder / METRICS_FILE, METRICS))
    if (start := folder / "start" / METRICS_FILE).is_file():
        figures |= {f"{key}_start": value for key, value in headline(read_table(start, METRICS)).items()}
    keys = json.loads((folder / RECORD_FILE).read_text("utf-8")).get("scene_keys", [])
    return figures, ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")


def _threshold(store: ArtifactStore, name: str) -> tuple[dict[str, float], list[dict[str, float]]]:
    if not store.has(CHAIN.threshold, name):
        return {}, []
    content = json.loads((store.peek(CHAIN.threshold, name).path / THRESHOLD_FILE).read_text("utf-8"))
    return {key: content[key] for key in ("best_threshold", "best_dice")}, content["threshold_curve"]


def _stale(store: ArtifactStore, name: str) -> str:
    """What of an experiment's chain no longer fits what it was made from, in words."""
    for asset in (CHAIN.evaluation, CHAIN.threshold):
        if store.has(asset, name):
            try:
                store.open(asset, name)
            except SegassetsError:
                return f"{asset} is of an earlier checkpoint"
    return ""
