"""One process of a training with sam2's network: data, network and Lightning's trainer put together and run."""

from __future__ import annotations

import logging
import math
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from segassets.learning.checkpoint_folder import (
    EXAMPLES,
    LAST,
    MODEL,
    RECORD,
    sha256_of,
    to_yaml,
    write_record,
)
from segassets.learning.checkpoints import read_checkpoint, remove_staging
from segassets.learning.clip_preview import batch_sheet
from segassets.learning.clips import ClipIndex, open_clips
from segassets.learning.curves import Curves, make_loggers
from segassets.learning.devices import Device, choose_device
from segassets.learning.experiment import Experiment
from segassets.learning.keeper import Keeper, Standing, take_up
from segassets.learning.lightning_module import ClipTraining, memory_errors
from segassets.learning.mixture import mixture_loader
from segassets.learning.network import build_training_network, count_parameters
from segassets.learning.stream import BatchStream
from segassets.learning.train import identity_of
from segassets.learning.training_config import TrainerConfig
from segassets.learning.validation import validate
from segassets.models.sam2.build import load_parameters
from segassets.models.sam2.weights import weights_sha256
from segassets.models.spec import FileSource, ModelSpec
from segassets.runtime.monitor import ResourceMonitor
from segassets.runtime.progress import Progress
from segassets.storage.atomic import disk_errors, write_bytes, write_text


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
        _clear(folder, everything=taken is None)
    standing, content = taken or (Standing(), None)
    network = build_training_network(
        spec, experiment.prompts, experiment.modules, image_size=experiment.image_size,
        checkpointing=experiment.trainer.activation_checkpointing, seed=experiment.seed,
    )  # fmt: skip
    if content is not None:
        load_parameters(network, content.pop("model"), folder / LAST)
    clips = Clips(experiment, network.image_size, device, train, val)
    steps = plan_steps(experiment.trainer, clips.per_epoch)
    curves = Curves(folder, make_loggers(experiment, folder, standing.step) if device.rank == 0 else [])
    curves.go_on_from(standing.step)
    module = ClipTraining(
        network,
        experiment,
        steps,
        standing.step,
        standing.batches,
        clips.describe,
        lambda: keeper.last_good(),
    )
    keeper = Keeper(
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
            _fit(module, keeper, stream, experiment, device, folder)
        trained_s = standing.seconds - seconds_before - keeper.validating_s
        if device.rank == 0:
            keeper.remove_beaten()
            _choose_best(network, keeper, folder)
            pictures(module, clips, folder / EXAMPLES)
    if device.rank != 0:
        return
    parameters = count_parameters(network)
    figures = {
        "steps": float(standing.step),
        "parameters_trained": float(parameters["trained"]),
        "parameters": float(parameters["all"]),
        "seconds": standing.seconds,
        "peak_memory_bytes": float(resources.cpu_peak_bytes),
        "waiting_for_data_share": stream.share_waited,
        **_speeds(module, trained_s),
        **{name.replace("/", "_"): value for name in _FINAL if (value := curves.last(name)) is not None},
    }
    if device.accelerator == "gpu":
        figures["gpu_peak_memory_bytes"] = float(torch.cuda.max_memory_allocated())
    if keeper.standing.best:
        figures["best_step"] = float(keeper.standing.best[0]["step"])
        figures["best_" + experiment.checkpoints.monitor.replace("/", "_")] = keeper.standing.best[0]["value"]
    best = [folder / entry["file"] for entry in keeper.standing.best]
    write_text(
        folder / MODEL, model_file(spec, experiment, network.image_size, best[0] if best else folder / LAST)
    )
    described = {
        "train": [source.summary() | {"identity": source.identity()} for source in train],
        "val": [source.summary() | {"identity": source.identity()} for source in val],
        "image_size": network.image_size,
        "precision": device.precision,
    }
    write_record(folder, best, figures, described, start)


_FINAL = ("train/loss", "val/loss", "val/mean_iou")


class Clips:
    """Batches of an experiment's clips for one process."""

    def __init__(
        self,
        experiment: Experiment,
        image_size: int,
        device: Device,
        train: list[ClipIndex],
        val: list[ClipIndex],
    ) -> None:
        self.experiment, self.device, self.train, self.val = experiment, device, train, val
        self.image_size = image_size
        self._loader = self._open(train, experiment.data.workers, augment=experiment.augment)
        self._batches: Any = self._loader.batch_sampler
        self.per_epoch: int = self._batches.epoch_batches

    def open_epoch(self, epoch: int, first: int) -> Any:
        """Training batches of an epoch from some batch on."""
        self._batches.set_epoch(epoch, first)
        return self._loader

    def judged(self, count: int) -> Iterator[Any]:
        """The same first batches of the validation clips (training clips where there are none), unvaried."""
        return islice(self._open(self.val or self.train, 0), count)

    def validate(self, module: ClipTraining) -> dict[str, float]:
        """Figures of a validation."""
        trainer = module.trainer

        def sum_over(values: torch.Tensor) -> torch.Tensor:
            return trainer.strategy.reduce(values.to(module.device), reduce_op="sum").cpu()

        with memory_errors(f"validation at step {module.step}"):
            return validate(
                module.network, module.loss, self.judged(self.experiment.trainer.validation_batches),
                self.experiment.seed, autocast=trainer.precision_plugin.forward_context,
                sum_over_devices=sum_over if self.device.world_size > 1 else lambda values: values,
            )  # fmt: skip

    def describe(self, batch: Any) -> str:
        """Scenes and frames of a batch, in words."""
        sources = [s for s in (*self.train, *self.val) if s.data.dataset == batch.dict_key] or self.train
        shown: dict[str, list[int]] = {}
        for number, _, frame in batch.metadata.unique_objects_identifier.flatten(0, 1).tolist():
            key = next((s.scenes[number].key for s in sources if number < len(s.scenes)), f"scene {number}")
            shown.setdefault(key, []).append(frame)
        return "; ".join(
            f"scene {key}, frames {', '.join(map(str, sorted(set(frames))))}" for key, frames in shown.items()
        )

    def _open(self, sources: list[ClipIndex], workers: int | None, augment: Any = None) -> Any:
        device = self.device
        return mixture_loader(
            sources, self.image_size, self.experiment.seed, device.rank, device.world_size, workers,
            augment=augment, pin_memory=device.accelerator == "gpu",
        )  # fmt: skip


def plan_steps(config: TrainerConfig, per_epoch: int) -> int:
    """Optimizer steps of the whole training."""
    epochs = config.epochs or (None if config.max_steps else 1)
    whole = math.inf if epochs is None else max(1, epochs * per_epoch // config.accumulate)
    return int(min(whole, config.max_steps or math.inf))


def validate_every(config: TrainerConfig, per_epoch: int) -> int:
    """Optimizer steps between two validations."""
    return config.validate_every or max(1, per_epoch // config.accumulate)


def model_file(spec: ModelSpec, experiment: Experiment, image_size: int, checkpoint: Path) -> str:
    """A ModelSpec, as YAML, that loads a checkpoint beside it."""
    made = spec.model_copy(
        update={
            "name": Path(MODEL).stem,
            "description": f"{spec.name} trained by experiment {experiment.name}; SHA-256 {sha256_of(checkpoint)}",
            "source": FileSource(kind="file", path=f"./{checkpoint.name}"),
            "image_size": image_size,
            "threshold": ModelSpec.model_fields[
                "threshold"
            ].default,  # one found for other weights says nothing here
        }
    )
    return to_yaml(made.model_dump(mode="json", exclude_none=True))


@torch.no_grad()
def pictures(module: ClipTraining, clips: Clips, folder: Path) -> list[Path]:
    """Pictures of clips with the truth beside the prediction."""
    found = []
    module.network.eval().to(clips.device.name)
    for number, batch in enumerate(clips.judged(module.experiment.logging.examples)):
        module.network.draw_from(module.experiment.seed, number)
        batch = batch.to(module.network.device)
        outputs = module.network(batch)
        predicted = torch.stack([output["pred_masks_high_res"][:, 0] > 0 for output in outputs]).cpu()
        path = folder / f"{number + 1:02d}.png"
        write_bytes(path, _png(batch_sheet(batch.to("cpu"), 0, predicted)))
        found.append(path)
    return found


def _fit(
    module: ClipTraining,
    keeper: Keeper,
    stream: BatchStream,
    experiment: Experiment,
    device: Device,
    folder: Path,
) -> None:
    """Run Lightning's trainer over the stream."""
    config = experiment.trainer
    with _quiet(), _signals_restored(), _no_denormals(device), disk_errors(folder):
        trainer = pl.Trainer(
            accelerator=device.accelerator,
            devices=config.devices if device.world_size > 1 else 1,
            strategy=_strategy(device),
            plugins=_environment(device),
            precision=device.precision,  # type: ignore[arg-type]
            max_epochs=1,
            accumulate_grad_batches=config.accumulate,
            callbacks=[keeper],
            logger=keeper.curves.loggers,
            default_root_dir=folder,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        trainer.fit(module, train_dataloaders=stream)


def _strategy(device: Device) -> Any:
    if device.world_size == 1:
        return "auto"
    from lightning.pytorch.strategies import DDPStrategy

    backend = "nccl" if device.accelerator == "gpu" else "gloo"
    # which parts a batch uses depends on its prompts
    return DDPStrategy(process_group_backend=backend, find_unused_parameters=True)


def _environment(device: Device) -> list[Any]:
    """The processes are started by us or by torchrun, which set the same variables; alone, never by Slurm's."""
    from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment

    return [TorchElasticEnvironment() if device.world_size > 1 else LightningEnvironment()]


def _choose_best(network: torch.nn.Module, keeper: Keeper, folder: Path) -> None:
    """Load the parameters of the checkpoint that model.yaml will name."""
    best = keeper.standing.best
    content = read_checkpoint(folder / (best[0]["file"] if best else LAST))
    network.load_state_dict(content["model"])


def _clear(folder: Path, everything: bool) -> None:
    """Remove what an earlier training left: half-written files, and all of it where it is begun anew."""
    remove_staging(folder)
    (folder / RECORD).unlink(missing_ok=True)
    if everything:
        for pattern in (LAST, "best-*.pt", "curves.parquet", f"{EXAMPLES}/*.png", "tensorboard/*"):
            for path in folder.glob(pattern):
                path.unlink()


def _speeds(module: ClipTraining, seconds: float) -> dict[str, float]:
    """Clips, objects and frames seen per second of training, in this process."""
    if seconds <= 0:
        return {}
    names = {"clips": "samples_per_s", "objects": "objects_per_s", "frames": "frames_per_s"}
    return {names[what]: count / seconds for what, count in module.seen.items()}


def _png(picture: Any) -> bytes:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def _silent(done: int, total: int, note: str = "") -> None:
    """Progress of the processes that nobody listens to."""


@contextmanager
def _no_denormals(device: Device) -> Iterator[None]:
    """On a CPU, tiny values become zero: a training from random values is ten times slower otherwise."""
    on = device.accelerator == "cpu" and torch.set_flush_denormal(True)
    try:
        yield
    finally:
        if on:
            torch.set_flush_denormal(False)


@contextmanager
def _signals_restored() -> Iterator[None]:
    """Lightning ignores Ctrl-C for good once it has seen it; afterwards the handler is as it was."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except SystemExit as error:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's remarks about hardware, workers and tips."""
    names = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
