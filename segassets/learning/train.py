"""`train_experiment`: an experiment in, a folder with checkpoints, curves and pictures out."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from segassets.errors import BadConfig
from segassets.learning.checkpoint_folder import (
    EXPERIMENT,
    RECORD,
    TrainedCheckpoint,
    open_checkpoint,
    to_yaml,
)
from segassets.learning.experiment import Experiment
from segassets.learning.interrupted import word_left
from segassets.models.registry import load_spec
from segassets.runtime.progress import Progress
from segassets.storage.atomic import write_text
from segassets.storage.store import ArtifactStore

# sections that may differ between the parts of one training; of the trainer, what does not change a step
_FREE = ("description", "logging", "checkpoints", "evaluation")
_FREE_TRAINER = (
    "accelerator", "strategy", "epochs", "max_steps", "max_minutes", "validate_every", "validation_batches",
    "activation_checkpointing",
)  # fmt: skip


def train_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    store_root: str | None = None,
    tag: str = "main",
    progress: Progress | None = None,
    resume: bool = True,
) -> TrainedCheckpoint:
    """Train, or go on with a training that was interrupted.

    With several devices the work is done by as many processes of their own; under torchrun, by those.

    Args:
        folder: where checkpoints appear while it runs; what is there already is gone on with.
        store_root, tag: the artifacts that `data` may name.
        progress: told (optimizer steps done, all, "loss ..").
        resume: go on from `folder/last.pt` where the experiment is the same; False starts anew.

    Raises:
        BadConfig: the experiment contradicts itself or this machine.
        BadInput: no clips, a loss that is not a number, a checkpoint of another architecture, too little memory.
        StaleInput: `folder` holds the training of another experiment, other data or another start.
        OutOfSpace: the disk is full; the last good checkpoint is kept.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    recipe = _RECIPES.get(experiment.recipe)
    if recipe is None:
        raise BadConfig(f"recipe: expected one of {', '.join(_RECIPES)}, found {experiment.recipe!r}")
    with word_left(folder) if _is_first_process() else nullcontext():
        recipe(experiment, folder, store_root, tag, progress or _bar(experiment.name), resume)
    return open_checkpoint(folder)


def identity_of(experiment: Experiment, data: list[str], start_sha256: str) -> dict[str, str]:
    """What must be the same for a training to be gone on with, as three SHA-256."""
    fixed = experiment.model_dump(mode="json", exclude=set(_FREE))
    fixed["data"].pop("workers")
    fixed["trainer"] = {key: value for key, value in fixed["trainer"].items() if key not in _FREE_TRAINER}
    digests = {"experiment": json.dumps(fixed, sort_keys=True), "data": json.dumps(data)}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in digests.items()} | {
        "start weights": start_sha256
    }


def _train_on_clips(
    experiment: Experiment,
    folder: Path,
    store_root: str | None,
    tag: str,
    progress: Progress,
    resume: bool,
) -> None:
    """A network on the clips of the experiment's data, by Lightning."""
    spec = load_spec(experiment.model, ArtifactStore(store_root, tag) if store_root else None)
    if experiment.trainer.devices > 1 and "LOCAL_RANK" not in os.environ:
        from segassets.learning.devices import choose_device
        from segassets.learning.launch import launch

        choose_device(experiment.trainer)  # refuses more than there are
        launch(experiment, folder, store_root, tag, progress, resume)
        return
    from segassets.learning.run_training import run_training

    run_training(experiment, spec, folder, store_root=store_root, tag=tag, progress=progress, resume=resume)


def _is_first_process() -> bool:
    """Whether this is the training's only process here, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _bar(name: str) -> Progress:
    """A progress bar on the terminal; silent where there is none."""
    from tqdm import tqdm

    bar: Any = tqdm(desc=name, unit="step", disable=None, dynamic_ncols=True)

    def show(done: int, total: int, note: str = "") -> None:
        bar.total, bar.n = total, done
        bar.set_postfix_str(note, refresh=True)
        if done >= total:
            bar.close()

    return show


def _train_on_rooms(
    experiment: Experiment,
    folder: Path,
    store_root: str | None,
    tag: str,
    progress: Progress,
    resume: bool,
) -> None:
    """A small network on rooms generated while it learns, for the time its experiment gives it."""
    (folder / RECORD).unlink(missing_ok=True)
    write_text(folder / EXPERIMENT, to_yaml(experiment.model_dump(mode="json")))
    if experiment.recipe == "from_nothing":
        from segassets.learning.promptable_train import train_from_nothing as train
    elif experiment.recipe == "vis_from_rooms":
        from segassets.learning.vis_rooms_train import train_from_rooms as train
    else:
        from segassets.learning.views_train import train_views as train
    train(experiment, folder, progress, resume)


_RECIPES = {
    "sam2": _train_on_clips,
    "vis": _train_on_clips,
    "from_nothing": _train_on_rooms,
    "depth_from_rooms": _train_on_rooms,
    "words_from_rooms": _train_on_rooms,
    "vis_from_rooms": _train_on_rooms,
}
