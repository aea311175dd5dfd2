"""Scenes in several processes at a time; where memory runs out, what is left goes one at a time."""

from __future__ import annotations

import json
import math
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segassets.cli.interrupts import Stopped, interruptible
from segassets.cli.terminal import Terminal
from segassets.config.settings import Settings
from segassets.runtime.oom import MemoryEvents

_KILLED = -9
_STOP_S = 10.0
_running: set[subprocess.Popen[str]] = set()


@dataclass
class WorkerResult:
    """What worker processes brought back: as Outcome, their stage timings, and scenes memory ran out for."""

    made: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    run_ids: list[str] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    out_of_memory: list[str] = field(default_factory=list)

    def add(self, other: WorkerResult) -> None:
        """Take over what another worker brought back."""
        for scene, assets in other.made.items():
            self.made.setdefault(scene, []).extend(assets)
        self.failed.update(other.failed)
        self.run_ids += other.run_ids
        self.stages += other.stages
        self.out_of_memory += other.out_of_memory


def run_in_processes(
    settings: Settings,
    todo: Mapping[str, Sequence[str]],
    watch: MemoryEvents,
    terminal: Terminal,
    force: bool = False,
) -> WorkerResult:
    """Make `todo` (scene -> assets) with `settings.parallel_scenes` worker processes.

    Args:
        watch: started; tells whether the kernel killed something of this cgroup for memory.
    """
    result = _pool(settings, _batches(settings, list(todo)), settings.parallel_scenes, watch, terminal, force)
    if result.out_of_memory:
        again, result.out_of_memory = result.out_of_memory, []
        terminal.say(f"out of memory: {len(again)} scenes are made one process at a time now")
        result.add(_pool(settings, [[scene] for scene in again], 1, watch, terminal, force))
        for scene in result.out_of_memory:
            result.failed[scene] = (
                "out of memory, also alone; fewer tracking.objects_per_batch or tracking.max_objects, "
                "or larger steps in frames, need less"
            )
    return result


def _batches(settings: Settings, scenes: Sequence[str]) -> list[list[str]]:
    """Scenes in batches: as many per worker as share a model, but none idle while another has several."""
    size = max(1, min(settings.scenes_per_batch, math.ceil(len(scenes) / settings.parallel_scenes)))
    return [list(scenes[at : at + size]) for at in range(0, len(scenes), size)]


def _pool(
    settings: Settings,
    batches: Sequence[list[str]],
    workers: int,
    watch: MemoryEvents,
    terminal: Terminal,
    force: bool,
) -> WorkerResult:
    """All batches, `workers` at a time; after the first lack of memory no further batch is begun."""
    waiting: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    for batch in batches:
        waiting.put(batch)
    result, lock = WorkerResult(), threading.Lock()

    def work() -> None:
        while True:
            try:
                batch = waiting.get_nowait()
            except queue.Empty:
                return
            if result.out_of_memory and workers > 1:
                found = WorkerResult(out_of_memory=batch)
            else:
                found = _run_worker(settings, batch, watch, terminal, force)
            with lock:
                result.add(found)

    def work_all() -> None:
        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(batches)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    try:
        interruptible(work_all)
    except Stopped:
        _stop_workers()
        raise
    return result


def _run_worker(
    settings: Settings, scenes: list[str], watch: MemoryEvents, terminal: Terminal, force: bool
) -> WorkerResult:
    """One worker process on one batch."""
    before = watch.happened()
    with tempfile.TemporaryDirectory(prefix="segassets-worker-") as folder:
        job, answer = Path(folder, "job.json"), Path(folder, "answer.json")
        alone = {**settings.model_dump(mode="json"), "parallel_scenes": 1}
        job.write_text(
            json.dumps({"settings": alone, "scenes": scenes, "force": force, "answer": str(answer)})
        )
        command = [sys.executable, "-m", "segassets.cli.worker", str(job)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
            _running.add(process)
            last = _relay(process, terminal)
            code = process.wait()
        _running.discard(process)
        if answer.is_file():
            content: dict[str, Any] = json.loads(answer.read_text("utf-8"))
            return WorkerResult(content["made"], content["failed"], content["run_ids"], [content["stages"]])
    if code == _KILLED or watch.happened() != before:
        _bury_dead_runs()
        return WorkerResult(out_of_memory=scenes)
    return WorkerResult(failed=dict.fromkeys(scenes, f"worker process ended with code {code}: {last}"))


def _stop_workers() -> None:
    """Tell every worker to stop, and wait until it has tidied up."""
    for process in tuple(_running):
        process.terminate()
    for process in tuple(_running):
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _bury_dead_runs() -> None:
    """The killed worker's run would keep its pool slots, and the other workers waiting."""
    from segassets.cli.home import open_instance
    from segassets.orchestration.dead_runs import clean_up

    with open_instance() as instance:
        clean_up(instance)


def _relay(process: subprocess.Popen[str], terminal: Terminal) -> str:
    """Show what the worker says as it says it; its last line."""
    last = ""
    for line in process.stderr or ():
        text = line.rstrip()
        if text.startswith("["):
            terminal.done += 1
            text = f"[{terminal.done}/{terminal.total}]{text.partition(']')[2]}"
        if text:
            last = text
            terminal.say(text)
    return last
