"""What `segassets doctor` looks at, one function per subject; each yields findings and never raises."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from segassets.cli.home import dagster_home
from segassets.cli.show import size_text
from segassets.config.load import MODELS
from segassets.config.records import records_dir
from segassets.config.settings import Settings
from segassets.errors import SegassetsError
from segassets.runtime.environment import gpus, package_versions, usable_cpus
from segassets.runtime.oom import memory_events

LOW_DISK_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        remedy: what to do about it; empty when nothing.
    """

    state: Literal["ok", "note", "warning", "problem"]
    subject: str
    text: str
    remedy: str = ""


def examine(settings: Settings, fix: bool = False) -> Iterator[Finding]:
    """All findings, in the order a person would look."""
    yield from _software()
    yield from _configs()
    yield from _models(settings)
    yield from _home(fix)
    yield from _results(settings)
    yield from _locks(settings)
    yield from _hardware(settings)


def _software() -> Iterator[Finding]:
    found = package_versions()
    named = [f"{name} {found[name]}" for name in ("segassets", "dagster", "torch", "sam2") if name in found]
    yield Finding("ok", "software", f"Python {sys.version.split()[0]}, {', '.join(named)}")
    antlr = _version("antlr4-python3-runtime")
    if antlr and not antlr.startswith("4.13"):
        yield Finding(
            "problem",
            "software",
            f"antlr4-python3-runtime {antlr} breaks every Dagster asset selection written as text",
            "pip install -c constraints.txt -e .   (hydra-core 1.4 and omegaconf 2.4 leave it to Dagster)",
        )


def _version(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _configs() -> Iterator[Finding]:
    from segassets.configs_dir import configs_dir
    from segassets.datasets.load import list_scenes

    try:
        folder = configs_dir()
        listing = list_scenes()
    except SegassetsError as error:
        yield Finding("problem", "configs", str(error))
        return
    count = len(listing.keys)
    yield Finding("ok", "configs", f"{folder}: {len(listing.by_dataset)} datasets with {count} scenes")
    for name, why in listing.problems.items():
        yield Finding("note", "configs", f"dataset {name} cannot be read: {why}")


def _models(settings: Settings) -> Iterator[Finding]:
    from segassets.models.registry import list_models, load_spec, weights_state
    from segassets.models.trained import is_reference

    try:
        names = list_models()
    except SegassetsError:
        return  # said with the configs already
    chosen = {setting: getattr(settings, setting) for setting in MODELS}
    for setting, name in chosen.items():
        if is_reference(name):
            yield _trained_model(settings)
        elif name not in names:
            yield Finding("problem", "models", f"'{setting}' is {name}, which is not in configs/models/")
    for name in names:
        wanted = name in chosen.values()
        try:
            state = weights_state(load_spec(name))
        except SegassetsError as error:
            yield Finding("problem" if wanted else "warning", "models", f"{name}: {error}")
            continue
        yield Finding(
            "ok" if state == "here" else "warning" if wanted else "note", "models", f"{name}: {state}"
        )


def _trained_model(settings: Settings) -> Finding:
    from segassets.models.registry import load_spec
    from segassets.storage.store import ArtifactStore

    try:
        spec = load_spec(settings.model, ArtifactStore(settings.root, settings.tag))
    except SegassetsError as error:
        return Finding("problem", "models", str(error))
    return Finding("ok", "models", f"{settings.model}: here, threshold {spec.threshold:g}")


def _home(fix: bool) -> Iterator[Finding]:
    home = dagster_home()
    named = os.environ.get("DAGSTER_HOME", "").strip()
    if not (home / "dagster.yaml").is_file():
        yield Finding("note", "dagster", f"no Dagster home at {home} yet", "segassets scenes sync makes it")
        return
    where = f"{home}" if named else f"{home} (the default; dagster's own commands need it exported)"
    yield Finding("ok" if named else "note", "dagster", where, "" if named else f"export DAGSTER_HOME={home}")
    if named and not Path(named).expanduser().is_absolute():
        yield Finding(
            "problem", "dagster", f"DAGSTER_HOME={named} is not absolute", f"export DAGSTER_HOME={home}"
        )
        return
    try:
        yield from _instance(fix)
    except Exception as error:  # whatever keeps the instance from opening is the finding
        text = f"the instance does not open: {type(error).__name__}: {error}"
        yield Finding("problem", "dagster", text, f"look at {home / 'dagster.yaml'}")


def _instance(fix: bool) -> Iterator[Finding]:
    from segassets.cli.home import open_instance
    from segassets.orchestration import dead_runs
    from segassets.orchestration.partitions import registered_scenes

    with open_instance() as instance:
        yield Finding("ok", "scenes", f"{len(registered_scenes(instance))} registered with Dagster")
        yield _daemon(instance)
        if fix:
            for line in dead_runs.clean_up(instance):
                yield Finding("ok", "runs", line)
        dead = [item.text for item in dead_runs.find_dead_runs(instance)]
        stuck = [f"finished run {run_id[:8]}" for run_id in dead_runs.runs_holding_slots_in_vain(instance)]
        for text in dead:
            yield Finding(
                "problem", "runs", f"{text} has died, but counts as started", "segassets doctor --fix"
            )
        for text in stuck:
            yield Finding("problem", "runs", f"{text} holds pool slots", "segassets doctor --fix")
        if not dead and not stuck:
            yield Finding("ok", "runs", "no dead runs, no pool slots held in vain")


def _daemon(instance: Any) -> Finding:
    beats = [status for status in instance.get_daemon_statuses().values() if status.required]
    down = sorted(status.daemon_type.lower() for status in beats if not status.healthy)
    if not down:
        return Finding("ok", "daemon", "running: backfills, schedules and sensors work")
    text = "not running: backfills, schedules and sensors wait; segassets run does not need it"
    if len(down) < len(beats):
        text = f"parts are not running: {', '.join(down)}"
    return Finding("note", "daemon", text, "segassets ui   (or dagster-daemon run)")


def _results(settings: Settings) -> Iterator[Finding]:
    folder = records_dir(settings)
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(place, os.W_OK):
        remedy = "choose another with SEGASSETS_OUTPUT_ROOT"
        yield Finding("problem", "results", f"{settings.root}: {place} is not writable", remedy)
        return
    free = shutil.disk_usage(place).free
    text = f"{settings.root} (tag {settings.tag}), {size_text(free)} free"
    remedy = f"at least {size_text(LOW_DISK_BYTES)} are advised; free some or choose another output root"
    yield (
        Finding("ok", "results", text)
        if free >= LOW_DISK_BYTES
        else Finding("warning", "results", text, remedy)
    )


def _locks(settings: Settings) -> Iterator[Finding]:
    from segassets.orchestration.gpu import default_lock_dir
    from segassets.storage.store import ArtifactStore

    folders = (ArtifactStore(settings.root, settings.tag).local / ".locks", default_lock_dir())
    held = [
        path for folder in folders if folder.is_dir() for path in folder.rglob("*.lock") if _is_held(path)
    ]
    for path in sorted(held):
        holder = path.read_text("utf-8", errors="replace").strip()
        yield Finding(
            "note", "locks", f"{path.stem} held by {f'process {holder}' if holder else 'a process'}"
        )
    if not held:
        yield Finding("ok", "locks", "none held")


def _is_held(path: Path) -> bool:
    try:
        with path.open("r") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def _hardware(settings: Settings) -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    room = f"{size_text(memory.available)} of {size_text(memory.total)}"
    text = f"{usable_cpus()} processors, {room} memory available"
    yield Finding("ok", "machine", text)
    found = gpus()
    for item in found:
        yield Finding("ok", "gpu", f"{item['index']}: {item['name']}, {size_text(item['memory_bytes'])}")
    if not found:
        needed = (settings.device or "").startswith("cuda")
        yield Finding("problem" if needed else "note", "gpu", "none found; networks run on the processor")
    watch = memory_events(settings.memory_events)
    named_in_vain = settings.memory_events is not None and watch.path is None
    yield Finding(
        "problem" if named_in_vain else "ok" if watch.path else "note", "memory watch", watch.describe()
    )
