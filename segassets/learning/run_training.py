"""One process of a training: data, network and Lightning's trainer put together and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from segassets.learning.checkpoint_folder import (
    EXAMPLES,
    EXPERIMENT,
    LAST,
    MODEL,
    RECORD,
    model_file,
    to_yaml,
    write_record,
)
from segassets.learning.checkpoints import read_checkpoint, remove_staging
from segassets.learning.clips import ClipIndex, open_clips
from segassets.learning.curves import Curves, make_loggers
from segassets.learning.devices import Device, choose_device
from segassets.learning.example_pictures import write_examples
from segassets.learning.experiment import Experiment
from segassets.learning.fitting import fit
from segassets.learning.keeper import Keeper, Standing, take_up
from segassets.learning.lightning_module import ClipTraining, memory_errors
from segassets.learning.network import build_training_network, count_parameters
from segassets.learning.stream import BatchStream
from segassets.learning.train import identity_of
from segassets.learning.training_batches import Clips, plan_steps, validate_every
from segassets.models.sam2.build import load_parameters
from segassets.models.spec import ModelSpec
from segassets.models.weights import weights_sha256
from segassets.runtime.monitor import ResourceMonitor
from segassets.runtime.progress import Progress
from segassets.storage.atomic import write_text

_FINAL = ("train/loss", "val/loss", "val/mean_iou")


def run_training(
    experiment: Experiment,
    spec: ModelSpec,
    folder: Path,
    *,
    store_root: str | None,
    tag: str,
    progress: Progress,
    resume: bool,
) -> None:
    """Train in this process, alone or as one of several; arguments and errors as in `train_experiment`."""
    device = choose_device(experiment.trainer)
    train = [open_clips(data, store_root, tag) for data in experiment.data.train]
    val = [open_clips(data, store_root, tag) for data in experiment.data.val]
    start = {"model": spec.name, "sha256": weights_sha256(spec)}
    identity = identity_of(experiment, [source.identity() for source in train], start["sha256"])
    taken = take_up(folder, identity) if resume else None
    if device.rank == 0:
        _begin(folder, experiment, anew=taken is None)
    standing, content = taken or (Standing(), None)
    network, spec = _network(experiment, spec, folder, content)
    image_size = experiment.image_size or spec.image_size
    clips = Clips(experiment, image_size, device, train, val)
    steps = plan_steps(experiment.trainer, clips.per_epoch)
    curves = Curves(folder, make_loggers(experiment, folder, standing.step) if device.rank == 0 else [])
    curves.go_on_from(standing.step)
    module: ClipTraining = _module(experiment)(
        network, experiment, steps, standing.step, standing.batches, clips.describe, lambda: keeper.last_good()
    )  # fmt: skip
    module.know(train, val)
    keeper: Keeper = Keeper(
        experiment, folder, curves, standing, identity=identity, validate=clips.validate if val else None,
        validate_every=validate_every(experiment.trainer, clips.per_epoch), steps=steps,
        progress=progress if device.rank == 0 else _silent, state=content,
    )  # fmt: skip
    stream = BatchStream(
        clips.open_epoch, clips.per_epoch, standing.batches, steps * experiment.trainer.accumulate
    )
    with ResourceMonitor() as resources:
        seconds_before = standing.seconds
        if standing.step < steps:
            fit(module, keeper, stream, experiment, device, folder)
        trained_s = standing.seconds - seconds_before - keeper.validating_s
        if device.rank != 0:
            return
        keeper.remove_beaten()
        _choose_best(network, keeper, folder)
        with memory_errors("pictures of examples"):
            write_examples(module, clips, folder / EXAMPLES)
    figures = {
        **_figures(module, keeper, device),
        **_speeds(module, trained_s),
        "peak_memory_bytes": float(resources.cpu_peak_bytes),
        "waiting_for_data_share": stream.share_waited,
    }
    best = [folder / entry["file"] for entry in standing.best]
    chosen = best[0] if best else folder / LAST
    write_text(folder / MODEL, model_file(spec, experiment.name, image_size, chosen))
    write_record(folder, best, figures, _described(train, val, image_size, device), start)


def _begin(folder: Path, experiment: Experiment, anew: bool) -> None:
    """Remove what an earlier training left: half-written files, and all of it where it is begun anew."""
    remove_staging(folder)
    (folder / RECORD).unlink(missing_ok=True)  # until it has finished again, it has not
    if anew:
        for pattern in (LAST, "best-*.pt", "curves.parquet", f"{EXAMPLES}/*.png", "tensorboard/*"):
            for path in folder.glob(pattern):
                path.unlink()
    write_text(folder / EXPERIMENT, to_yaml(experiment.model_dump(mode="json")))


def _module(experiment: Experiment) -> Any:
    """The Lightning module of a recipe."""
    if experiment.recipe == "vis":
        from segassets.learning.vis_module import VisTraining

        return VisTraining
    return ClipTraining


def _network(
    experiment: Experiment, spec: ModelSpec, folder: Path, content: dict[str, Any] | None
) -> tuple[torch.nn.Module, ModelSpec]:
    """The network to train and what describes it.

    With the content of last.pt, as far as it had come (its parameters are taken out).
    """
    network: torch.nn.Module
    if experiment.recipe == "vis":
        from segassets.learning.vis_network import build_learning_seqformer

        network, spec = build_learning_seqformer(spec, experiment)
    else:
        network = build_training_network(
            spec, experiment.prompts, experiment.modules, image_size=experiment.image_size,
            checkpointing=experiment.trainer.activation_checkpointing, seed=experiment.seed,
        )  # fmt: skip
    if content is not None:
        load_parameters(network, content.pop("model"), folder / LAST)
    return network, spec


def _figures(module: ClipTraining, keeper: Keeper, device: Device) -> dict[str, float]:
    """Counts, memory and final values of a training."""
    standing, curves = keeper.standing, keeper.curves
    parameters = count_parameters(module.network)
    figures = {
        "steps": float(standing.step),
        "parameters_trained": float(parameters["trained"]),
        "parameters": float(parameters["all"]),
        "seconds": standing.seconds,
        **{name.replace("/", "_"): value for name in _FINAL if (value := curves.last(name)) is not None},
    }
    if device.accelerator == "gpu":
        figures["gpu_peak_memory_bytes"] = float(torch.cuda.max_memory_allocated())
    if standing.best:
        figures["best_step"] = float(standing.best[0]["step"])
        monitor = module.experiment.checkpoints.monitor
        figures["best_" + monitor.replace("/", "_")] = standing.best[0]["value"]
    return figures


def _speeds(module: ClipTraining, seconds: float) -> dict[str, float]:
    """Clips, objects and frames seen per second of training, in this process."""
    if seconds <= 0:
        return {}
    names = {"clips": "samples_per_s", "objects": "objects_per_s", "frames": "frames_per_s"}
    return {names[what]: count / seconds for what, count in module.seen.items()}


def _described(
    train: list[ClipIndex], val: list[ClipIndex], image_size: int, device: Device
) -> dict[str, Any]:
    """What the record says of the data and of how they were computed with."""
    return {
        "train": [source.summary() | {"identity": source.identity()} for source in train],
        "val": [source.summary() | {"identity": source.identity()} for source in val],
        "image_size": image_size,
        "precision": device.precision,
    }


def _choose_best(network: torch.nn.Module, keeper: Keeper, folder: Path) -> None:
    """Load the parameters of the checkpoint that model.yaml will name."""
    best = keeper.standing.best
    content = read_checkpoint(folder / (best[0]["file"] if best else LAST))
    network.load_state_dict(content["model"])


def _silent(done: int, total: int, note: str = "") -> None:
    """Progress of the processes that nobody listens to."""
