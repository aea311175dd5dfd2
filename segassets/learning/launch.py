"""Several processes for one training: started here, watched, ended together."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from segassets import errors
from segassets.runtime.progress import Progress

_WORDS = 20  # lines of a dead process that its error repeats


def launch(
    count: int, folder: Path, store_root: str | None, tag: str, progress: Progress, resume: bool
) -> None:
    """Train `folder/experiment.yaml` in `count` processes; errors as in `train_experiment`.

    Raises:
        EngineFailed: a process died without saying why.
    """
    port = _free_port()
    arguments = json.dumps({"folder": str(folder), "store_root": store_root, "tag": tag, "resume": resume})
    workers = [_Worker(rank, count, port, arguments, progress) for rank in range(count)]
    try:
        first = _wait_for_end(workers)
    finally:
        for worker in workers:
            worker.end()
    if first is not None:
        raise first.error()


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

    def error(self) -> Exception:
        """Why it ended: its own error again, or what it said last."""
        for reader in self._readers:
            reader.join(timeout=5)
        if self._failed is not None:
            kind = getattr(errors, self._failed["error"], errors.EngineFailed)
            return kind(self._failed["message"])
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
    """The first that failed, or None when all have finished."""
    going = list(workers)
    while going:
        for worker in going:
            try:
                status = worker.process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            if status != 0:
                return worker
            going = [other for other in going if other is not worker]
            break
    return None


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
