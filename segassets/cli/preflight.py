"""What is checked before a run makes anything: weights, external engine, room on disk, memory watch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from segassets.cli.findings import LOW_DISK_BYTES
from segassets.cli.show import size_text
from segassets.config.records import records_dir
from segassets.config.settings import Settings
from segassets.errors import BadConfig, MissingInput, OutOfSpace
from segassets.runtime.oom import MemoryEvents, memory_events

_NEEDED_BYTES = 64 * 1024**2


def check_settings(settings: Settings) -> list[str]:
    """Raises what would stop the run; returns what is only worth a warning.

    Raises:
        BadConfig: no such model, device or memory events.
        MissingInput: weights, or the program of an external engine, are not here.
        OutOfSpace: there is no room for results.
    """
    _check_networks(settings)
    _check_engine(settings)
    memory_watch(settings)
    return _check_room(settings)


def memory_watch(settings: Settings) -> MemoryEvents:
    """The out-of-memory watch of a run.

    Raises:
        BadConfig: a file was named that cannot be watched.
    """
    watch = memory_events(settings.memory_events)
    if settings.memory_events is not None and watch.path is None:
        raise BadConfig(f"'memory_events': {watch.unavailable}; leave it empty to run without a named file")
    return watch


def _check_networks(settings: Settings) -> None:
    from segassets.orchestration.gpu import visible_gpus

    stages = settings.stages
    if not (stages.sam2_tracks or (stages.mask_candidates and settings.candidates.engine == "sam2")):
        return
    from segassets.models.registry import load_spec, weights_state
    from segassets.storage.store import ArtifactStore

    spec = load_spec(settings.model, ArtifactStore(settings.root, settings.tag))
    device = settings.device or spec.device
    if device.startswith("cuda") and not visible_gpus():
        raise BadConfig(f"device {device!r}: this machine has no visible GPU; use device=cpu or device=auto")
    state = weights_state(spec)
    if state not in ("here", "download"):
        raise MissingInput(f"model {spec.name!r}: {state}")


def _check_engine(settings: Settings) -> None:
    candidates = settings.candidates
    if not settings.stages.mask_candidates or candidates.engine != "external":
        return
    python = candidates.external_python
    if shutil.which(os.path.expandvars(python)) is None:
        raise MissingInput(f"'candidates.external_python': no program {python!r} on this machine")
    script = candidates.external_program[0]
    if not script.startswith("-") and not Path(os.path.expandvars(script)).is_file():
        raise MissingInput(f"'candidates.external_program': no file {script!r}")


def _check_room(settings: Settings) -> list[str]:
    folder = records_dir(settings)
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(place, os.W_OK):
        raise BadConfig(f"'output_root': {place} is not writable; choose another with --output-root")
    free = shutil.disk_usage(place).free
    if free < _NEEDED_BYTES:
        raise OutOfSpace(
            f"only {size_text(free)} left for {settings.root}; free some or choose another output root"
        )
    if free < LOW_DISK_BYTES:
        return [f"only {size_text(free)} left for {settings.root}; {size_text(LOW_DISK_BYTES)} are advised"]
    return []
