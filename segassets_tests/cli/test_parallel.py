"""Several worker processes: what they bring back, and what happens when memory runs out."""

from __future__ import annotations

import io
import os
import stat

import pytest

from segassets.cli import parallel
from segassets.cli.parallel import WorkerResult, run_in_processes
from segassets.cli.terminal import Terminal
from segassets.config import load_settings
from segassets.runtime.oom import memory_events

TODO = {scene: ["frames"] for scene in "abcdefg"}


@pytest.fixture
def watch(tmp_path):
    (tmp_path / "memory.events").write_text("oom 0\noom_kill 0\n")
    return memory_events(tmp_path / "memory.events").start()


def run(monkeypatch, watch, worker, *overrides: str) -> tuple[WorkerResult, list[list[str]], str]:
    """Run TODO with `worker` in place of a process: result, batches in order, what was said."""
    batches: list[list[str]] = []

    def note(settings, scenes, *rest):
        batches.append(scenes)
        return worker(scenes)

    monkeypatch.setattr(parallel, "_run_worker", note)
    stream = io.StringIO()
    settings = load_settings(None, ["parallel_scenes=3", *overrides], environ={})
    return run_in_processes(settings, TODO, watch, Terminal(7, stream)), batches, stream.getvalue()


def fine(scenes) -> WorkerResult:
    return WorkerResult(made={scene: ["frames"] for scene in scenes}, run_ids=["r"])


@pytest.mark.parametrize(("overrides", "sizes"), [((), [3, 3, 1]), (("scenes_per_batch=2",), [2, 2, 2, 1])])
def test_scenes_are_shared_out_evenly(monkeypatch, watch, overrides, sizes):
    result, batches, _ = run(monkeypatch, watch, fine, *overrides)
    assert sorted(map(len, batches), reverse=True) == sizes
    assert set(result.made) == set(TODO)
    assert result.failed == {}


def test_out_of_memory_goes_on_one_scene_at_a_time(monkeypatch, watch):
    def worker(scenes):
        return WorkerResult(out_of_memory=scenes) if len(scenes) > 1 else fine(scenes)

    result, batches, said = run(monkeypatch, watch, worker)
    assert set(result.made) == set(TODO)
    assert result.failed == {}
    assert "out of memory: " in said
    assert [len(batch) for batch in batches][-3:] == [1, 1, 1]


def test_a_scene_too_large_alone_is_named_and_the_rest_is_made(monkeypatch, watch):
    def worker(scenes):
        return WorkerResult(out_of_memory=scenes) if "d" in scenes else fine(scenes)

    result, _, _ = run(monkeypatch, watch, worker)
    assert set(result.failed) == {"d"}
    assert "tracking.objects_per_batch" in result.failed["d"]
    assert set(result.made) == set(TODO) - {"d"}


PROGRAMS = [
    ("kill -9 $$", True, ""),  # as the kernel does
    ("echo 'oom_kill 1' > {events}; exit 1", True, ""),
    ("echo 'cannot import x' >&2; exit 3", False, "cannot import x"),
]


@pytest.mark.parametrize(("program", "out_of_memory", "said"), PROGRAMS)
def test_a_worker_that_dies(monkeypatch, tmp_path, watch, program, out_of_memory, said):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\n" + program.replace("{events}", str(watch.path)) + "\n")
    os.chmod(script, stat.S_IRWXU)
    monkeypatch.setattr(parallel.sys, "executable", str(script))
    settings = load_settings(None, [], environ={})
    result = parallel._run_worker(settings, ["a"], watch, Terminal(1, io.StringIO()), False)
    assert result.out_of_memory == (["a"] if out_of_memory else [])
    assert said in result.failed.get("a", "")
