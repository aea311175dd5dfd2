"""Several processes for one training: started here, watched, ended together."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from segassets import errors
from segassets.learning.experiment import Experiment
from segassets.learning.interrupted import KILLED_FOR_MEMORY
from segassets.runtime.oom import memory_events
from segassets.runtime.progress import Progress

_WORDS = 20  # lines of a dead process that its error repeats
_AFTERMATH_S = 2.0  # within which those fall that another one's end brings down


def launch(
    experiment: Experiment, folder: Path, store_root: str | None, tag: str, progress: Progress, resume: bool
) -> None:
    """Train in `trainer.devices` processes; errors as in `train_experiment`.

    Raises:
        EngineFailed: a process died without saying why.
    """
    count, port = experiment.trainer.devices, _free_port()
    given = {"folder": str(folder), "store_root": store_root, "tag": tag, "resume": resume}
    arguments = json.dumps({**given, "experiment": experiment.model_dump(mode="json")})
    watch = memory_events().start()
    workers = [_Worker(rank, count, port, arguments, progress) for rank in range(count)]
    try:
        guilty = _wait_for_end(workers)
    finally:
        for worker in workers:
            worker.end()
    if guilty is not None:
        raise guilty.error(killed_for_memory=bool(watch.happened().get("oom_kill")))


class _Worker:
    """One process of the training, its reports read by a thread."""

    def __init__(self, rank: int, count: int, port: int, arguments: str, progress: Progress) -> None:
        self.rank, self._progress = rank, progress
        self._said: list[str] = []
        self._failed: dict[str, str] | None = None
        environment = os.environ | {
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(count), "SEGASSETS_TRAINING_PARENT": str(os.getpid()),
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "segassets.learning.process", arguments],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout and self.process.stderr
        self._readers = [
            threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._remember, args=(self.process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _listen(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                report = json.loads(line)
            except ValueError:
                continue
            if isinstance(report, dict) and "progress" in report:
                self._progress(*report["progress"])
            elif isinstance(report, dict) and "error" in report:
                self._failed = report

    def _remember(self, stream: IO[str]) -> None:
        for line in stream:
            self._said = [*self._said[1 - _WORDS :], line.rstrip()]

    @property
    def explains(self) -> int:
        """How well its end explains that of the others: its own error 2, killed 1, fallen like them 0."""
        for reader in self._readers:
            reader.join(timeout=5)
        if self._failed is not None:
            return 2
        return int((self.process.returncode or 0) < 0)

    def error(self, killed_for_memory: bool = False) -> Exception:
        """Why it ended: its own error again, or what it said last."""
        if self.explains == 2 and self._failed is not None:
            kind = getattr(errors, self._failed["error"], errors.EngineFailed)
            return kind(self._failed["message"])
        if killed_for_memory and self.process.returncode == -9:
            return errors.BadInput(f"process {self.rank} of the training: {KILLED_FOR_MEMORY}")
        said = "\n".join(self._said)
        return errors.EngineFailed(
            f"process {self.rank} of the training ended with status {self.process.returncode} (-9: killed, often for "
            f"memory); train again with the same folder to go on from the last checkpoint. It said last:\n{said}"
        )

    def end(self) -> None:
        """Stop it if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _wait_for_end(workers: list[_Worker]) -> _Worker | None:
    """The one whose failure ended the training, or None when all have finished."""
    going = list(workers)
    while going:
        for worker in going:
            try:
                status = worker.process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            if status != 0:
                return _guilty(worker, workers)
            going = [other for other in going if other is not worker]
            break
    return None


def _guilty(found: _Worker, workers: Sequence[_Worker]) -> _Worker:
    """The cause among the failed: one that ends takes the others down, and may not be the first that is seen."""
    deadline = time.monotonic() + _AFTERMATH_S
    while time.monotonic() < deadline and any(worker.process.poll() is None for worker in workers):
        time.sleep(0.05)
    failed = [worker for worker in workers if worker.process.poll()]
    return max([found, *failed], key=lambda worker: worker.explains)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
