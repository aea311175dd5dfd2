"""The from-nothing recipe, start to end: rooms rendered beside the training, checkpoints, curves, the record."""

from __future__ import annotations

import errno
import multiprocessing
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from segassets.learning.checkpoint_folder import LAST, MODEL, model_file, write_record
from segassets.learning.checkpoints import parameters_of, read_checkpoint, save_checkpoint
from segassets.learning.curves import Curves, make_loggers
from segassets.learning.experiment import Experiment
from segassets.learning.promptable_config import FromNothingConfig
from segassets.learning.promptable_loop import Loop, make_optimizer, wait_for_clips
from segassets.learning.promptable_start import align_prompts_with_places
from segassets.learning.render_rooms import render_clips
from segassets.learning.room_clips import ClipPool
from segassets.models.registry import load_spec
from segassets.models.sam2.build import load_parameters, network_config
from segassets.models.sam2.instantiate import instantiate
from segassets.runtime.progress import Progress
from segassets.storage.atomic import disk_errors, write_text

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

ROOMS, CHECK_ROOMS, WEIGHTS = "rooms", "check_rooms", "weights.safetensors"
LEAST_CLIPS = 8


def train_from_nothing(experiment: Experiment, folder: Path, progress: Progress, resume: bool) -> None:
    """Train the experiment's network from random values; arguments and errors as in `train_experiment`.

    Also writes weights.safetensors: the parameters in half precision, as small models are shipped.
    """
    config = experiment.from_nothing or FromNothingConfig()
    torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(experiment.seed)
    network = _fresh_network(experiment)
    loop = Loop(
        config, network, make_optimizer(network, config), ClipPool(folder / ROOMS), ClipPool(folder / CHECK_ROOMS),
        network.image_size, experiment.seed,
    )  # fmt: skip
    if resume and (folder / LAST).is_file():
        _go_on(loop, folder / LAST)
    curves = Curves(folder, make_loggers(experiment, folder, loop.step))
    curves.go_on_from(loop.step)
    with _rendering(config, folder):
        wait_for_clips(loop.pool, min(LEAST_CLIPS, config.rooms.count))
        wait_for_clips(loop.check, config.rooms.check_count)
        _run(loop, curves, folder, progress)
    figures = loop.judge(config.rooms.check_count, config.long_clip)
    curves.add(loop.step, figures)
    _save(loop, curves, folder)
    save_weights(network, folder / WEIGHTS)
    for name in (ROOMS, CHECK_ROOMS):
        shutil.rmtree(folder / name, ignore_errors=True)
    spec = load_spec(experiment.model)
    write_text(folder / MODEL, model_file(spec, experiment.name, network.image_size, folder / LAST))
    figures |= {"steps": float(loop.step), "seconds": loop.elapsed_s}
    figures["parameters"] = float(sum(parameter.numel() for parameter in network.parameters()))
    rooms = config.rooms.model_dump()
    write_record(folder, [], figures, {"rooms": rooms}, {"model": spec.name, "sha256": "random values"})


def _fresh_network(experiment: Experiment) -> SAM2Base:
    """The architecture of the experiment's model with random values of its seed."""
    spec = load_spec(experiment.model)
    if experiment.image_size:
        spec = spec.model_copy(update={"image_size": experiment.image_size})
    network = instantiate(network_config(spec)).train()
    align_prompts_with_places(network)
    return network


def _run(loop: Loop, curves: Curves, folder: Path, progress: Progress) -> None:
    saved = loop.elapsed_s
    for values in loop.run():
        curves.add(loop.step, values)
        note = " ".join(f"{name} {value:.3f}" for name, value in values.items())
        progress(int(loop.elapsed_s), int(loop.config.minutes * 60), note)
        if loop.elapsed_s - saved > loop.config.save_every_s:
            saved = loop.elapsed_s
            _save(loop, curves, folder)


def _save(loop: Loop, curves: Curves, folder: Path) -> None:
    save_checkpoint(
        folder / LAST,
        {
            "model": parameters_of(loop.network),
            "optimizer": loop.optimizer.state_dict(),
            "steps": loop.step,
            "elapsed_s": loop.elapsed_s,
        },
    )
    curves.write()


def _go_on(loop: Loop, path: Path) -> None:
    stored = read_checkpoint(path)
    load_parameters(loop.network, stored["model"], path)
    loop.optimizer.load_state_dict(stored["optimizer"])
    loop.step, loop.elapsed_s = stored["steps"], stored["elapsed_s"]


@contextmanager
def _rendering(config: FromNothingConfig, folder: Path) -> Iterator[None]:
    """Rooms appear in the background while the block runs; those already rendered are kept."""
    rooms = config.rooms
    jobs = [
        (folder / CHECK_ROOMS, range(rooms.check_first_seed, rooms.check_first_seed + rooms.check_count)),
        (folder / ROOMS, range(rooms.first_seed, rooms.first_seed + rooms.count)),
    ]
    process = multiprocessing.get_context("spawn").Process(target=_render, args=(jobs,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _render(jobs: list[tuple[Path, range]]) -> None:
    for folder, seeds in jobs:
        render_clips(folder, seeds)


def save_weights(network: torch.nn.Module, path: Path) -> None:
    """fp16 safetensors under the parameter names of sam2's own checkpoints, whole or not at all."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    staging = path.with_name(f".{path.name}.tmp")
    tensors: dict[str, Any] = {
        name: value.detach().half().contiguous() for name, value in network.state_dict().items()
    }
    try:
        with disk_errors(path):
            try:
                save_file(tensors, staging)
            except SafetensorError as error:  # wraps the system's error in words of its own
                if "No space left" not in str(error) and "quota" not in str(error):
                    raise
                raise OSError(errno.ENOSPC, str(error)) from error
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)
