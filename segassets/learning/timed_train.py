"""Trainings that end with their time, start to end: rooms rendered beside them, checkpoints, curves, the record."""

from __future__ import annotations

import errno
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segassets.learning.checkpoint_folder import LAST, MODEL, model_file, write_record
from segassets.learning.checkpoints import parameters_of, read_checkpoint, save_checkpoint
from segassets.learning.curves import Curves, make_loggers
from segassets.learning.denormals import no_denormals
from segassets.learning.experiment import Experiment
from segassets.learning.render_rooms import clip_arrays, render_clips
from segassets.learning.timed_config import RoomClips, TimedConfig
from segassets.learning.timed_loop import TimedLoop, wait_for_rooms
from segassets.models.sam2.build import load_parameters
from segassets.models.spec import ModelSpec
from segassets.runtime.progress import Progress
from segassets.storage.atomic import disk_errors, write_text

ROOMS, CHECK_ROOMS, WEIGHTS = "rooms", "check_rooms", "weights.safetensors"
LEAST_CLIPS = 8

MakeLoop = Callable[[Path, Path], TimedLoop]
Render = Callable[[int], dict[str, np.ndarray]]


def train_timed(
    experiment: Experiment,
    folder: Path,
    progress: Progress,
    resume: bool,
    *,
    config: TimedConfig,
    spec: ModelSpec,
    make_loop: MakeLoop,
    render: Render,
    start_sha256: str = "random values",
) -> None:
    """Train as a loop says, in `folder`; arguments and errors as in `train_experiment`.

    Also writes weights.safetensors: the parameters in half precision, as small models are shipped.

    Args:
        spec: the model that is trained, at its picture size.
        make_loop: from the folders of the rooms to learn from and to judge by.
        render: from a seed to what is kept of its room; a function of a module, it runs in a process of its own.
        start_sha256: what the network begins with.
    """
    torch.manual_seed(experiment.seed)
    loop = make_loop(folder / ROOMS, folder / CHECK_ROOMS)
    if resume and (folder / LAST).is_file():
        _go_on(loop, folder / LAST)
    curves = Curves(folder, make_loggers(experiment, folder, loop.step))
    curves.go_on_from(loop.step)
    with _threads(config.threads), no_denormals(), rendering(config.rooms, folder, render):
        wait_for_rooms(loop.pool, min(LEAST_CLIPS, config.rooms.count), folder / ROOMS)
        wait_for_rooms(loop.check, config.rooms.check_count, folder / CHECK_ROOMS)
        _run(loop, curves, folder, progress)
    figures = loop.judge(whole=True)
    curves.add(loop.step, figures)
    _save(loop, curves, folder)
    save_weights(loop.network, folder / WEIGHTS)
    for name in (ROOMS, CHECK_ROOMS):
        shutil.rmtree(folder / name, ignore_errors=True)
    write_text(folder / MODEL, model_file(spec, experiment.name, spec.image_size, folder / LAST))
    figures |= {"steps": float(loop.step), "seconds": loop.elapsed_s}
    figures["parameters"] = float(sum(parameter.numel() for parameter in loop.network.parameters()))
    start = {"model": spec.name, "sha256": start_sha256}
    write_record(folder, [], figures, {"rooms": config.rooms.model_dump()}, start)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Threads of torch while the block runs; what runs in this process afterwards has its own back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run(loop: TimedLoop, curves: Curves, folder: Path, progress: Progress) -> None:
    saved = loop.elapsed_s
    for values in loop.run():
        curves.add(loop.step, values)
        note = " ".join(f"{name} {value:.3f}" for name, value in values.items())
        progress(int(loop.elapsed_s), int(loop.config.minutes * 60), note)
        if loop.elapsed_s - saved > loop.config.save_every_s:
            saved = loop.elapsed_s
            _save(loop, curves, folder)


def _save(loop: TimedLoop, curves: Curves, folder: Path) -> None:
    save_checkpoint(
        folder / LAST,
        {
            "model": parameters_of(loop.network),
            "optimizer": loop.optimizer.state_dict(),
            "steps": loop.step,
            "elapsed_s": loop.elapsed_s,
            "more": loop.more(),
        },
    )
    curves.write()


def _go_on(loop: TimedLoop, path: Path) -> None:
    stored = read_checkpoint(path)
    load_parameters(loop.network, stored["model"], path)
    loop.optimizer.load_state_dict(stored["optimizer"])
    loop.step, loop.elapsed_s = stored["steps"], stored["elapsed_s"]
    loop.take_up(stored.get("more", {}))


@contextmanager
def rendering(rooms: RoomClips, folder: Path, render: Render = clip_arrays) -> Iterator[None]:
    """Rooms appear in the background while the block runs; those already rendered are kept."""
    jobs = [
        (folder / CHECK_ROOMS, range(rooms.check_first_seed, rooms.check_first_seed + rooms.check_count)),
        (folder / ROOMS, range(rooms.first_seed, rooms.first_seed + rooms.count)),
    ]
    process = multiprocessing.get_context("spawn").Process(target=_render, args=(jobs, render), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _render(jobs: list[tuple[Path, range]], render: Render) -> None:
    for folder, seeds in jobs:
        render_clips(folder, seeds, render)


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
