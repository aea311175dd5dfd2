"""`sam2_checkpoint` and `sam2_scene_checkpoint`: networks that learned, of an experiment or of one scene."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.experiment_assets import experiment_asset
from segassets.orchestration.gpu import GpuNeed, visible_gpus
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork, Work
from segassets.strict import StrictModel

if TYPE_CHECKING:
    from segassets.learning.checkpoint_folder import TrainedCheckpoint
    from segassets.learning.experiment import Experiment
    from segassets.storage.store import ArtifactStore

TRAINING = "training"  # the folder in work_dir where an interrupted training is gone on with
UNRECORDED = ("description", "evaluation")  # changing these makes no other checkpoint
# what a plot over experiments or scenes is worth, by the names the training gives
SHOWN = (
    "steps", "best_step", "train_loss", "val_loss", "val_mean_iou", "parameters_trained", "samples_per_s",
    "objects_per_s", "waiting_for_data_share",
)  # fmt: skip


class ExperimentChoice(StrictModel):
    """An experiment is its file; this is laid over it."""

    overrides: list[str] = Field(
        [], description="key.path=value texts over the experiment's file, e.g. trainer.max_steps=20."
    )


class SceneTraining(StrictModel):
    """How a scene's own checkpoint learns; its data are the scene's `training_clips`."""

    experiment: str = Field(
        "scene_adapt", description="Experiment whose recipe is used; its data are replaced."
    )
    steps: int | None = Field(60, description="Optimizer steps; empty for the experiment's own.")
    overrides: list[str] = Field([], description="key.path=value texts over the experiment's file.")


def settle_experiment(key: str, choice: ExperimentChoice) -> Experiment:
    """The experiment of a partition, as its file says now."""
    from segassets.errors import BadConfig
    from segassets.learning.experiment import load_experiment

    experiment = load_experiment(key, choice.overrides)
    if experiment.finds_instances:
        raise BadConfig(
            f"experiment {key!r}: recipe {experiment.recipe} trains a segmenter; that is the asset vis_checkpoint"
        )
    return experiment


def settle_scene(key: str, choice: SceneTraining) -> Experiment:
    """The recipe for one scene."""
    from segassets.learning.experiment import load_experiment

    steps = [] if choice.steps is None else [f"trainer.max_steps={choice.steps}"]
    return load_experiment(choice.experiment, [*steps, *choice.overrides])


def start_weights(experiment: Experiment, store: ArtifactStore) -> dict[str, str]:
    """Name and checksum of the network that learning starts from."""
    from segassets.models.registry import identity, load_spec

    return identity(load_spec(experiment.model, store), experiment.model)


def versions_of_data(experiment: Experiment, store: ArtifactStore) -> dict[str, str]:
    """What an experiment's clips are cut from."""
    from segassets.learning.data_versions import data_versions

    return data_versions(experiment.data, store)


def _fits(work: Work) -> Figures:
    """The files are those of the record, and the checkpoint fits its network."""
    from segassets.learning.checkpoint_folder import open_checkpoint
    from segassets.models.registry import read_spec
    from segassets.models.sam2.build import build_sam2_network

    checkpoint = open_checkpoint(work.out)
    network = build_sam2_network(read_spec(checkpoint.model_file))
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "other_versions": len(checkpoint.other_versions),
    }


CHECKPOINT_CHECKS = (
    Check("loads", "The files are those the training recorded, and the tracker can load them.", _fits),
)


@experiment_asset(
    config=ExperimentChoice,
    settle=settle_experiment,
    data=versions_of_data,
    start=start_weights,
    unrecorded=UNRECORDED,
    kinds={"sam2", "pytorch"},
    experiments_per_run=1,
    gpu=GpuNeed(cpus=8, memory_gb=48, hours=48),
    checks=CHECKPOINT_CHECKS,
)
def sam2_checkpoint(work: Work, experiment: Experiment) -> Made:
    """A network trained as a file of `configs/experiments/` says, on scenes of any datasets.

    The folder holds `last.pt` and the best checkpoints in sam2's own layout, `model.yaml` for the tracker
    (`model=experiment:<name>` in a run), the resolved experiment, `record.json`, curves, example predictions and
    TensorBoard's logs. A killed training goes on from its last checkpoint.
    """
    return train(work, experiment)


@scene_asset(
    inputs=("training_clips",),
    config=SceneTraining,
    settle=settle_scene,
    start=start_weights,
    unrecorded=(*UNRECORDED, "data"),
    own_network=True,
    group="training",
    kinds={"sam2", "pytorch"},
    scenes_per_run=4,
    gpu=GpuNeed(memory_gb=24, hours=12),
    checks=CHECKPOINT_CHECKS,
)
def sam2_scene_checkpoint(work: SceneWork, recipe: Experiment) -> Made:
    """A network adapted to one scene, from its `training_clips`; a short training by default.

    `model=scene:<key>` in a run tracks with it. A killed training goes on from its last checkpoint.
    """
    return train(work, with_clips(recipe, work.inputs["training_clips"].path))


def with_clips(recipe: Experiment, clips: Path) -> Experiment:
    """The recipe on one scene's clips; validated on the same clips, without changes to them."""
    import json

    from segassets.assets.training_clips import SOURCE_FILE
    from segassets.learning.clip_config import ClipData

    source = ClipData(**json.loads((clips / SOURCE_FILE).read_text("utf-8"))["data"])
    data = recipe.data.model_copy(update={"train": [source], "val": [source]})
    return recipe.model_copy(update={"data": data})


def train(work: Work, experiment: Experiment) -> Made:
    """Train in the folder that outlives a kill, then take over what was made."""
    from segassets.learning.train import train_experiment

    with training_devices(work, experiment):
        trained = train_experiment(
            experiment,
            work.work_dir / TRAINING,
            store_root=work.store.root,
            tag=work.store.tag,
            progress=work.progress,
        )
    shutil.copytree(trained.folder, work.out, copy_function=_link_or_copy, dirs_exist_ok=True)
    return made_of(trained)


@contextmanager
def training_devices(work: Work, experiment: Experiment) -> Iterator[None]:
    """Hold the GPUs a training takes while the block runs: the first ones that this process sees."""
    trainer = experiment.trainer
    with ExitStack() as stack:
        if trainer.accelerator != "cpu" and (trainer.accelerator == "gpu" or visible_gpus()):
            for number in range(trainer.devices):
                stack.enter_context(work.gpu_slot(f"cuda:{number}"))
        yield


def made_of(trained: TrainedCheckpoint) -> Made:
    """What the UI shows of a training: curves, an example, figures."""
    import pyarrow.parquet as pq

    from segassets.media.pictures import read_picture
    from segassets.reports.learning import curve_plots

    numbers: dict[str, Any] = {
        name: round(trained.figures[name], 6) for name in SHOWN if name in trained.figures
    }
    numbers["checkpoint_mb"] = round(trained.chosen.stat().st_size / 1e6, 2)
    return Made(
        numbers=numbers,
        preview=read_picture(trained.examples[0]) if trained.examples else None,
        plots=curve_plots(pq.read_table(trained.curves)),
        details={
            **trained.figures,
            "checkpoint": trained.chosen.name,
            "tensorboard": trained.tensorboard.name,
        },
    )


def _link_or_copy(source: str, target: str) -> None:
    """The same file under another name, where the file system can; an interrupted publication loses nothing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
