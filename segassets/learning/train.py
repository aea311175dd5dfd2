"""`train_experiment`: an experiment in, a folder with checkpoints, curves and pictures out."""

from __future__ import annotations

from pathlib import Path

from segassets.learning.checkpoint_folder import TrainedCheckpoint
from segassets.learning.experiment import Experiment
from segassets.runtime.progress import Progress


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

    Args:
        folder: where checkpoints appear while it runs; what is there already is gone on with.
        store_root, tag: the artifacts that `data` may name.
        progress: told (optimizer steps done, all, "loss .."); also hears validations.
        resume: go on from `folder/last.pt` where the experiment is the same; False starts anew.

    Raises:
        BadConfig: the experiment contradicts itself or what is in `folder`.
        BadInput: no clips, a loss that is not a number, a checkpoint of another architecture.
        OutOfSpace: the disk is full; the last good checkpoint is kept.
    """
    raise NotImplementedError
