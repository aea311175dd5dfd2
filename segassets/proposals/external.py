"""Candidates by a program in its own Python environment, spoken to through files (docs/external-engines.md).

The program gets a request and pictures and writes one result a frame. Results are read and checked as they
appear, so a run that is killed loses only the frame in work, and a wrong result ends the program at once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segassets.errors import BadConfig, BadInput, EngineFailed
from segassets.media.pictures import write_png
from segassets.proposals.config import CandidateConfig
from segassets.proposals.external_results import RESULT_SUFFIXES, read_result
from segassets.proposals.frame import FrameCandidates
from segassets.proposals.levels import LEVEL_NAMES, Nesting
from segassets.proposals.program import GRACE_S, ending, started
from segassets.proposals.refine import nest
from segassets.storage import atomic

REQUEST_FORMAT = "segassets.candidates.request"
VERSION = 1
_POLL_S = 0.1


@dataclass
class _Job:
    """One call of the program: its folders and the sizes of the frames still without a result."""

    folder: Path
    waiting: dict[int, tuple[int, int]]

    @property
    def request(self) -> Path:
        return self.folder / "request" / "request.json"

    @property
    def results(self) -> Path:
        return self.folder / "result"

    @property
    def log(self) -> Path:
        return self.folder / "program.log"


class ExternalEngine:
    """Runs the configured program on frames it has no result for."""

    def __init__(self, config: CandidateConfig) -> None:
        self.config = config
        self.nesting = Nesting(config.containment, config.max_child_share)

    def propose(
        self, frames: Iterable[tuple[int, np.ndarray]], work_dir: Path
    ) -> Iterator[tuple[int, FrameCandidates]]:
        """Candidates of each frame as the program finishes it.

        Raises:
            BadConfig: there is no such interpreter.
            EngineFailed: the program failed, stood still or broke its contract; with the tail of its log.
        """
        python = self._python()
        job = self._prepare(frames, work_dir / "external")
        if not job.waiting:
            return
        with self._started(python, job) as process:
            last_result = time.monotonic()
            while job.waiting:
                exit_code = process.poll()  # asked before the results, so that the last ones are seen
                for frame in [frame for frame in job.waiting if self._result_file(job, frame)]:
                    yield frame, self._take(job, frame)
                    last_result = time.monotonic()
                if exit_code is not None and job.waiting:
                    raise self._ended_early(job, exit_code)
                if job.waiting and time.monotonic() - last_result > self.config.external_timeout_s:
                    raise self._failed(
                        job,
                        f"gave no new result for {self.config.external_timeout_s:g} s (external_timeout_s) "
                        f"and was ended; waiting for frame {min(job.waiting)}",
                    )
                time.sleep(_POLL_S if job.waiting else 0)
            self._wait_for_end(process)
        shutil.rmtree(job.request.parent / "frames", ignore_errors=True)

    def _python(self) -> str:
        found = shutil.which(os.path.expandvars(self.config.external_python))
        if found is None:
            raise BadConfig(
                f"external_python: expected a Python interpreter, found no {self.config.external_python!r}"
            )
        return found

    def _prepare(self, frames: Iterable[tuple[int, np.ndarray]], folder: Path) -> _Job:
        """Write the pictures and, last, the request; nothing of an earlier call is left in the way."""
        shutil.rmtree(folder, ignore_errors=True)
        job = _Job(folder, {})
        job.results.mkdir(parents=True)
        entries = []
        for frame, rgb in frames:
            name = f"frames/{frame:06d}.png"
            (job.request.parent / "frames").mkdir(parents=True, exist_ok=True)
            write_png(job.request.parent / name, rgb)
            height, width = rgb.shape[:2]
            job.waiting[frame] = (height, width)
            entries.append({"frame": frame, "picture": name, "height": height, "width": width})
        request = {
            "format": REQUEST_FORMAT,
            "version": VERSION,
            "levels": [{"level": level, "meaning": LEVEL_NAMES[level]} for level in self.config.levels],
            "min_area": self.config.min_region_area,
            "options": self.config.external_options,
            "frames": entries,
        }
        atomic.write_text(job.request, json.dumps(request, indent=1))
        return job

    def _started(self, python: str, job: _Job) -> AbstractContextManager[subprocess.Popen]:
        program = [os.path.expandvars(part) for part in self.config.external_program]
        command = [python, *program, "--request", str(job.request), "--result", str(job.results)]
        return started(command, job.log, self.config.external_env)

    def _result_file(self, job: _Job, frame: int) -> Path | None:
        paths = (job.results / f"{frame:06d}{suffix}" for suffix in RESULT_SUFFIXES)
        return next((path for path in paths if path.is_file()), None)

    def _take(self, job: _Job, frame: int) -> FrameCandidates:
        path = self._result_file(job, frame)
        assert path is not None
        try:
            candidates = read_result(path, frame, job.waiting[frame], self.config.levels)
        except BadInput as error:
            raise self._failed(job, f"broke its file contract: frame {frame}: {error}") from error
        del job.waiting[frame]
        path.unlink()
        return nest(candidates, self.nesting, self.config.min_region_area)

    def _ended_early(self, job: _Job, exit_code: int) -> EngineFailed:
        how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
        missing = sorted(job.waiting)
        names = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
        return self._failed(job, f"ended with {how}, without results for {len(missing)} frames ({names})")

    def _failed(self, job: _Job, what: str) -> EngineFailed:
        return EngineFailed(f"external engine {self.config.external_program[0]} {what}. {ending(job.log)}")

    def _wait_for_end(self, process: subprocess.Popen) -> None:
        """Every frame has its result, so how the program ends no longer matters."""
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            return
