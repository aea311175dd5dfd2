"""`sam2_checkpoint_evaluation` and `sam2_evaluation`: how good a trained network is, beside where it started from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from segassets.evaluation.prompts import EvaluationConfig
from segassets.orchestration.experiment_assets import experiment_asset
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork, Work
from segassets.strict import StrictModel, parse

if TYPE_CHECKING:
    from segassets.evaluation.checkpoint import CheckpointScores
    from segassets.evaluation.scenes import TrueScene
    from segassets.learning.experiment import Experiment
    from segassets.models.spec import ModelSpec
    from segassets.storage.store import ArtifactStore

START = "start"  # the folder of the same evaluation of the network that learning started from
SHOWN = ("iou", "dice", "mae", "j_and_f", "iou_first_mask")


class EvaluationChoice(StrictModel):
    """What a trained network is judged on."""

    datasets: list[str] = Field(
        [], description="Datasets with annotations; empty for the experiment's own validation scenes."
    )
    max_scenes: int | None = Field(None, description="Only the first so many scenes of each dataset.")
    beside_start: bool = Field(True, description="Evaluate the network it started from as well.")
    overrides: list[str] = Field(
        [], description="key=value texts over the experiment's section 'evaluation', e.g. type=box."
    )


class SceneJudging(StrictModel):
    """What a scene's own network is judged on."""

    against: Literal["annotations", "taught"] = Field(
        "annotations",
        description="The scene's annotations, or the masks it learned from (always, where there are no annotations).",
    )
    beside_start: bool = Field(True, description="Evaluate the network it started from as well.")
    overrides: list[str] = Field([], description="key=value texts over the defaults of an evaluation.")


class Judging(StrictModel):
    """A choice and the settings it comes to."""

    choice: EvaluationChoice | SceneJudging = Field(description="What is judged on what.")
    evaluation: EvaluationConfig = Field(description="How.")


def settle_experiment(key: str, choice: EvaluationChoice) -> Judging:
    """The evaluation that the experiment's file asks for now."""
    from segassets.learning.experiment import load_experiment

    return _judging(choice, load_experiment(key).evaluation, choice.overrides)


def settle_scene(key: str, choice: SceneJudging) -> Judging:
    """The evaluation of one scene."""
    return _judging(choice, EvaluationConfig(), choice.overrides)


def versions_of_data(config: Judging, store: ArtifactStore) -> dict[str, str]:
    """Versions of the datasets that were asked for; the experiment's own are part of its checkpoint's version."""
    from segassets.learning.clip_config import ClipData
    from segassets.learning.data_versions import source_version

    names = config.choice.datasets if isinstance(config.choice, EvaluationChoice) else ()
    return {f"footage of {name}": source_version(ClipData(dataset=name), store) for name in names}


def _judging(choice: Any, base: EvaluationConfig, overrides: list[str]) -> Judging:
    from segassets.learning.experiment import override

    values = override(base.model_dump(), overrides)
    return Judging(choice=choice, evaluation=parse(EvaluationConfig, values, f"evaluation with {overrides}"))


@experiment_asset(
    inputs=("sam2_checkpoint",),
    config=EvaluationChoice,
    settle=settle_experiment,
    data=versions_of_data,
    kinds={"sam2", "pytorch", "parquet"},
    experiments_per_run=5,
    gpu=GpuNeed(memory_gb=24, hours=12),
    columns="METRICS",
)
def sam2_checkpoint_evaluation(work: Work, config: Judging) -> Made:
    """IoU, Dice, MAE and J&F of an experiment's best checkpoint: overall, per video, per category.

    Beside it `iou_first_mask`, each object's first true mask kept, and `iou_start`, the network it started from. Pixels
    are counted at every threshold of the grid in the same pass, for `sam2_threshold_search`.
    """
    from segassets.assets.judged_scenes import experiment_scenes

    folder = work.inputs["sam2_checkpoint"].path
    experiment = stored_experiment(folder)
    assert isinstance(config.choice, EvaluationChoice)
    scenes, on = experiment_scenes(experiment, config.choice, work.store)
    return evaluate(work, config, folder, experiment, scenes, on)


@scene_asset(
    inputs=("frames", "coco_masks", "training_clips", "sam2_scene_checkpoint"),
    config=SceneJudging,
    settle=settle_scene,
    own_network=True,
    group="training",
    kinds={"sam2", "pytorch", "parquet"},
    scenes_per_run=6,
    gpu=GpuNeed(memory_gb=16, hours=6),
    columns="METRICS",
)
def sam2_evaluation(work: SceneWork, config: Judging) -> Made:
    """How well a scene's own network follows the scene's objects, beside the network it started from.

    It has seen these frames: the figures say how well it fits this scene, nothing about others.
    """
    from segassets.assets.judged_scenes import own_scene

    folder = work.inputs["sam2_scene_checkpoint"].path
    assert isinstance(config.choice, SceneJudging)
    scene, on = own_scene(work, config.choice.against)
    return evaluate(work, config, folder, stored_experiment(folder), [scene], on)


def stored_experiment(folder: Path) -> Experiment:
    """The experiment a checkpoint was trained by."""
    from segassets.learning.checkpoint_folder import EXPERIMENT
    from segassets.learning.experiment import Experiment
    from segassets.yaml_files import read_yaml

    return parse(Experiment, read_yaml(folder / EXPERIMENT), str(folder / EXPERIMENT))


def evaluate(
    work: Work, config: Judging, folder: Path, experiment: Experiment, scenes: Iterable[TrueScene], on: str
) -> Made:
    """Judge the checkpoint, and the start beside it where that is asked for."""
    from segassets.learning.checkpoint_folder import open_checkpoint
    from segassets.models.registry import load_spec, read_spec

    scenes = list(scenes)
    spec = read_spec(open_checkpoint(folder).model_file)
    with work.gpu_slot(spec.device) as device:
        scores = _scores(work, spec, device, scenes, config.evaluation, work.out)
        numbers: dict[str, Any] = {name: scores.figures[name] for name in SHOWN if name in scores.figures}
        if config.choice.beside_start:
            start = load_spec(experiment.model, work.store).model_copy(update={"image_size": spec.image_size})
            begun = _scores(work, start, device, scenes, _figures_only(config.evaluation), work.out / START)
            numbers["iou_start"] = begun.figures.get("iou")
    numbers |= {"scenes": scores.record["scenes"], "judged": scores.record["judged"]}
    numbers["frames_per_s"] = scores.record["frames_per_second"]
    return Made(
        numbers=numbers, preview=_preview(scores, scenes), details={"on": on, "figures": scores.figures}
    )


def _scores(
    work: Work, spec: ModelSpec, device: str, scenes: list[TrueScene], config: EvaluationConfig, out: Path
) -> CheckpointScores:
    from segassets.evaluation.checkpoint import evaluate_scenes
    from segassets.models.sam2.build import get_network, weights_sha256
    from segassets.models.sam2.video import Sam2Tracker

    network = get_network(spec, device, spec.precision)
    return evaluate_scenes(
        lambda frames: Sam2Tracker(network, frames, spec.precision),
        scenes,
        config,
        out,
        work.progress,
        record={
            "model": spec.name,
            "weights_sha256": weights_sha256(spec),
            "scene_keys": [scene.key for scene in scenes],
        },
        asset=work.asset,
    )


def _figures_only(config: EvaluationConfig) -> EvaluationConfig:
    off = {"save_predictions": False, "save_predict_json": False, "save_probabilities": False}
    return config.model_copy(update=off)


def _preview(scores: CheckpointScores, scenes: list[TrueScene]) -> Any:
    """Predictions on the first scene that has some."""
    import pyarrow.compute as pc

    from segassets.assets.previews import masks_preview
    from segassets.evaluation.writing import PREDICTIONS_FILE
    from segassets.masks.schemas import MASKS
    from segassets.masks.table import read_table

    path = scores.folder / PREDICTIONS_FILE
    if not path.is_file():
        return None
    table = read_table(path, MASKS)
    for scene in scenes:
        own = table.filter(pc.equal(table.column("scene"), scene.key))
        if own.num_rows:
            return masks_preview(scene.source, own, by_track=True)
    return None
