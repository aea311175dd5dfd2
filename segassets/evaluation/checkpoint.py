"""Evaluate a checkpoint on scenes with true masks: prompts in, figures and predictions out, one frame in memory.

A folder of an evaluation holds `metrics.parquet` (schema METRICS), `metrics.json`, `items.parquet` (schema ITEMS, with
the counts for a threshold search), `predictions.parquet` (schema MASKS), `evaluation.json` (what was evaluated, on
what, with which settings) and, where asked for, `predict.json` and `probs/`.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segassets.errors import BadInput
from segassets.evaluation.follow import follow_clip
from segassets.evaluation.items import ITEMS, items_of
from segassets.evaluation.judge import judge_frame
from segassets.evaluation.metrics import headline, metrics_json, metrics_table
from segassets.evaluation.prompts import EvalPrompts, EvaluationConfig
from segassets.evaluation.scenes import TrueScene, category_ids, open_true_scenes
from segassets.evaluation.targets import Truth, clips_of
from segassets.evaluation.thresholds import ThresholdSearch, search_threshold
from segassets.evaluation.versions import evaluated_already, evaluation_identity, spec_of
from segassets.evaluation.writing import ITEMS_FILE, EvaluationWriter
from segassets.masks.schemas import METRICS
from segassets.masks.table import read_table, write_table
from segassets.storage.atomic import disk_errors, publish_dir, write_text

if TYPE_CHECKING:
    from segassets.models.spec import ModelSpec
    from segassets.models.streaming import VideoTracker

ASSET = "sam2_checkpoint_evaluation"
METRICS_FILE, METRICS_JSON, RECORD_FILE = "metrics.parquet", "metrics.json", "evaluation.json"
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class CheckpointScores:
    """The outcome of an evaluation.

    Attributes:
        folder: where its files are.
        metrics: schema METRICS.
        items: schema ITEMS.
        figures: the overall figures, image > video > overall, and J&F.
        record: the content of `evaluation.json`.
    """

    folder: Path
    metrics: pa.Table
    items: pa.Table
    figures: dict[str, float]
    record: dict[str, Any]

    @property
    def config(self) -> EvaluationConfig:
        """How it was evaluated."""
        return EvaluationConfig(**self.record["config"])

    def search_threshold(self, **options: Any) -> ThresholdSearch:
        """The best threshold of the grid that was counted; `options` of `thresholds.search_threshold`."""
        config = self.config
        given = {
            "background": self.record["background"],
            "exclude_background": config.exclude_background,
            "both_empty": 1.0 if config.both_empty == "one" else float("nan"),
        }
        return search_threshold(items_of(self.items), config.thresholds, **{**given, **options})


def evaluate_checkpoint(
    model: str | Path | ModelSpec,
    scenes: str | Iterable[TrueScene],
    config: EvalPrompts,
    folder: Path,
    progress: Progress | None = None,
    *,
    device: str | None = None,
    asset: str = ASSET,
    refresh: bool = False,
) -> CheckpointScores:
    """Measure a model on a dataset; an evaluation of the same weights, data and settings is not repeated.

    Args:
        model: a name of configs/models/, a model's YAML file, a checkpoint beside a `model.yaml`, or a spec.
        scenes: name of a dataset with annotations, or scenes.
        folder: appears whole when everything is measured.
        progress: called with (frames done, frames of the scene, scene key).
        device: auto, cpu, cuda or cuda:<i>; the model's own when not given.
        refresh: evaluate even what was evaluated already.

    Raises:
        BadConfig: unknown model, dataset or category. MissingInput: no weights. BadInput: nothing to judge, or masks
        that do not fit their frames.
    """
    from segassets.models.sam2.build import get_network
    from segassets.models.sam2.video import Sam2Tracker

    settings = as_evaluation_config(config)
    spec = spec_of(model)
    opened = scenes if isinstance(scenes, str) else list(scenes)
    identity = evaluation_identity(spec, _opened(opened), settings)
    if not refresh and evaluated_already(folder / RECORD_FILE, identity):
        return read_scores(folder)
    network = get_network(spec, device or spec.device, spec.precision)
    with _staged(folder) as staging:
        evaluate_scenes(
            lambda frames: Sam2Tracker(network, frames, spec.precision),
            _opened(opened),
            settings,
            staging,
            progress,
            record=identity,
            asset=asset,
        )
    return read_scores(folder)


def evaluate_scenes(
    make_tracker: Callable[[int], VideoTracker],
    scenes: Iterable[TrueScene],
    config: EvalPrompts,
    folder: Path,
    progress: Progress | None = None,
    *,
    record: dict[str, Any] | None = None,
    asset: str = ASSET,
) -> CheckpointScores:
    """Measure a network on scenes, writing straight into `folder` (a staging folder of the caller).

    Args:
        make_tracker: a fresh tracker for footage of so many frames.
        record: what to note in `evaluation.json` beside the settings.

    Raises:
        BadInput: nothing to judge, masks that do not fit their frames, or categories that contradict each other.
    """
    began, config = time.perf_counter(), as_evaluation_config(config)
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[int, str] = {}
    background: set[int] = set()
    frames = count = 0
    with EvaluationWriter(folder, config) as writer:
        for scene in scenes:
            _take_names(names, scene)
            background |= category_ids(scene.categories, config.background, None) or set()
            frames += _evaluate_scene(make_tracker, scene, config, writer, progress)
            count += 1
    items = read_table(folder / ITEMS_FILE, ITEMS)
    if not items.num_rows:
        raise BadInput(
            f"expected annotated objects to judge in {count} scenes, found none at level '{config.level}'"
            f"{'' if config.categories is None else f' of categories {config.categories}'}"
        )
    metrics = metrics_table(items_of(items), asset, {-1: "none", **names} if config.per_category else None)
    seconds = time.perf_counter() - began
    noted = {
        **(record or {}),
        "config": config.model_dump(),
        "categories": {str(key): name for key, name in sorted(names.items())},
        "background": sorted(background),
        "scenes": count,
        "frames": frames,
        "judged": items.num_rows,
        "seconds": round(seconds, 3),
        "frames_per_second": round(frames / max(seconds, 1e-9), 3),
    }
    with disk_errors(folder):
        write_table(metrics, METRICS, folder / METRICS_FILE)
    write_text(folder / METRICS_JSON, json.dumps(metrics_json(metrics), indent=1) + "\n")
    write_text(folder / RECORD_FILE, json.dumps(noted, indent=1) + "\n")
    return CheckpointScores(folder, metrics, items, headline(metrics), noted)


def read_scores(folder: Path) -> CheckpointScores:
    """The outcome of an evaluation that was stored.

    Raises:
        MissingInput: there is none.
    """
    metrics = read_table(folder / METRICS_FILE, METRICS)
    items = read_table(folder / ITEMS_FILE, ITEMS)
    return CheckpointScores(
        folder, metrics, items, headline(metrics), json.loads((folder / RECORD_FILE).read_text("utf-8"))
    )


def as_evaluation_config(config: EvalPrompts) -> EvaluationConfig:
    """Prompts alone are judged as `EvaluationConfig` does by default."""
    return config if isinstance(config, EvaluationConfig) else EvaluationConfig(**config.model_dump())


def _evaluate_scene(
    make_tracker: Callable[[int], VideoTracker],
    scene: TrueScene,
    config: EvaluationConfig,
    writer: EvaluationWriter,
    progress: Progress | None,
) -> int:
    """All clips of a scene; returns the frames that were looked at."""
    truth, frames = Truth(scene, config), 0
    clips = clips_of(scene, config)
    total = clips[-1].stop if clips else 0
    writer.begin(scene)
    for number, clip in enumerate(clips):
        targets = truth.targets(clip)
        if not targets:
            continue
        for following in follow_clip(make_tracker(len(clip)), scene, clip, targets, config):
            judged = list(judge_frame(scene, number, following, targets, config))
            writer.add(scene, following.frame, judged)
            frames += 1
            if progress:
                progress(following.frame + 1, total, scene.key)
    return frames


def _take_names(names: dict[int, str], scene: TrueScene) -> None:
    for category, name in scene.categories.items():
        if names.setdefault(category, name) != name:
            raise BadInput(
                f"scene {scene.key}: category {category} is {name!r}, but {names[category]!r} in the scenes before; "
                "evaluate datasets of different categories one at a time"
            )


def _opened(scenes: str | list[TrueScene]) -> Iterable[TrueScene]:
    return open_true_scenes(scenes) if isinstance(scenes, str) else scenes


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that becomes it when the block succeeds, and goes away when it does not."""
    staging = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    staging.mkdir(parents=True)
    try:
        yield staging
        publish_dir(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
