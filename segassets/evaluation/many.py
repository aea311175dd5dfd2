"""Many checkpoints on the same scenes: chosen by a filter, a folder each, those already done left alone."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from segassets.errors import BadInput, MissingInput, SegassetsError
from segassets.evaluation.checkpoint import CheckpointScores, evaluate_checkpoint
from segassets.evaluation.metrics import OVERALL
from segassets.evaluation.prompts import EvalPrompts
from segassets.evaluation.scenes import TrueScene
from segassets.evaluation.versions import CHECKPOINTS, MODEL_FILE
from segassets.masks.schemas import METRICS
from segassets.storage.atomic import disk_errors

COMPARISON_FILE = "comparison.parquet"


@dataclass
class ManyScores:
    """The outcome of a batch.

    Attributes:
        scores: name of a checkpoint -> its evaluation.
        failed: name -> why it could not be evaluated.
        comparison: overall figures of all, schema METRICS, the checkpoint's name under `scene`.
    """

    scores: dict[str, CheckpointScores] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    comparison: pa.Table = field(default_factory=METRICS.empty_table)


def find_checkpoints(folder: Path, *, all_of_them: bool = False) -> list[Path]:
    """The trained models below a folder: every `model.yaml`, or every checkpoint beside one.

    Raises:
        MissingInput: there is none.
    """
    models = sorted(folder.rglob(MODEL_FILE))
    if not models:
        raise MissingInput(f"no {MODEL_FILE} below {folder}; train an experiment first")
    if not all_of_them:
        return models
    return sorted(path for model in models for kind in CHECKPOINTS for path in model.parent.glob(f"*{kind}"))


def evaluate_many(
    models: Iterable[str | Path],
    scenes: str | Iterable[TrueScene],
    config: EvalPrompts,
    folder: Path,
    *,
    filter: str | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    device: str | None = None,
) -> ManyScores:
    """Evaluate every model that passes the filter; one that fails does not stop the others.

    What was evaluated before with the same weights, data and settings is read back, so a batch that was cut off goes on
    where it stopped.

    Args:
        models: as `evaluate_checkpoint` takes them, e.g. `find_checkpoints(...)`.
        folder: one folder a model in it, and `comparison.parquet`.
        filter: a part of the name, or a pattern such as `endovis17*`.

    Raises:
        MissingInput: no model passes the filter; lists the names. BadInput: two models of one name.
    """
    named = _named(models)
    chosen = {name: model for name, model in named.items() if filter is None or matches(name, filter)}
    if not chosen:
        raise MissingInput(f"no checkpoint matches {filter!r}; known: {', '.join(sorted(named)) or '(none)'}")
    opened = scenes if isinstance(scenes, str) else list(scenes)
    result = ManyScores()
    for name, model in chosen.items():
        try:
            result.scores[name] = evaluate_checkpoint(
                model, opened, config, folder / name, progress, device=device
            )
        except SegassetsError as error:
            result.failed[name] = str(error)
    result.comparison = comparison_table(result.scores)
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / f".{COMPARISON_FILE}.tmp"
    with disk_errors(folder):
        pq.write_table(result.comparison, staging)
        staging.replace(folder / COMPARISON_FILE)
    return result


def comparison_table(scores: dict[str, CheckpointScores]) -> pa.Table:
    """Overall figures of several evaluations, schema METRICS, each under its checkpoint's name."""
    rows = [
        row | {"scene": name}
        for name, found in scores.items()
        for row in found.metrics.to_pylist()
        if row["scene"] == OVERALL
    ]
    return pa.Table.from_pylist(rows, schema=METRICS)


def checkpoint_name(model: str | Path) -> str:
    """The name of its folder: of a model in configs/models/, of the folder of a `model.yaml`, or folder-checkpoint."""
    path = Path(model)
    if path.name == MODEL_FILE:
        return path.parent.name
    if path.suffix in (".yaml", ".yml"):
        return path.stem
    return f"{path.parent.name}-{path.stem}" if path.suffix in CHECKPOINTS else str(model)


def matches(name: str, filter: str) -> bool:
    """Whether a name contains the filter, or fits it where it is a pattern."""
    return fnmatch.fnmatchcase(name, filter) if any(sign in filter for sign in "*?[") else filter in name


def _named(models: Iterable[str | Path]) -> dict[str, str | Path]:
    given: Sequence[str | Path] = list(models)
    named = {checkpoint_name(model): model for model in given}
    if len(named) < len(given):
        names = [checkpoint_name(model) for model in given]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise BadInput(f"expected checkpoints of different names, found {', '.join(twice)} more than once")
    return named
