"""Monitor, out-of-memory watch, history, timings, run records."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from segassets.runtime import history
from segassets.runtime.environment import environment_snapshot
from segassets.runtime.monitor import MIB, ResourceMonitor
from segassets.runtime.oom import memory_events
from segassets.runtime.records import FOLDER, HISTORY, RunRecord
from segassets.runtime.timings import StageTimings, duration_text


def test_monitor_sees_a_passing_peak_and_children():
    with ResourceMonitor(poll_s=0.02) as before:
        time.sleep(0.05)
    with ResourceMonitor(poll_s=0.02) as resources:
        block = np.ones(64 * MIB, np.uint8)
        time.sleep(0.1)
        del block
        code = "import time; block = bytearray(64 * 2**20); time.sleep(.4)"
        subprocess.run([sys.executable, "-c", code], check=True)
    assert resources.cpu_peak_bytes > before.cpu_peak_bytes + 50 * MIB
    assert resources.samples >= 3
    assert resources.duration_s > 0.4
    assert json.loads(json.dumps(resources.to_dict()))["cpu"]["peak_rss_bytes"] == resources.cpu_peak_bytes


def test_monitor_of_an_instant_still_looks_twice_and_lets_errors_through():
    with pytest.raises(KeyError), ResourceMonitor() as resources:
        raise KeyError("x")
    assert resources.samples == 2
    assert resources.cpu_peak_bytes > 0


OOM = [
    # before, after, what is reported
    ("low 0\noom 0\noom_kill 0\n", "low 5\noom 0\noom_kill 0\n", {}),
    ("oom 1\noom_kill 1\n", "oom 3\noom_kill 2\n", {"oom": 2, "oom_kill": 1}),
    ("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n", "under_oom 1\noom_kill 5\n", {"oom_kill": 1}),  # v1
    ("oom 1\noom_kill 1\n", "", {}),
]


@pytest.mark.parametrize(("before", "after", "expected"), OOM)
def test_memory_events_are_differences(tmp_path, before, after, expected):
    file = tmp_path / "memory.events"
    file.write_text(before)
    watch = memory_events(file).start()
    file.write_text(after)
    assert watch.happened() == expected
    assert str(file) in watch.describe()


@pytest.mark.parametrize(
    ("membership", "place"),
    [
        ("0::/job/7\n", "job/7/memory.events"),
        ("0::/job/7\n", "memory.events"),  # inside a cgroup namespace
        ("4:memory:/job\n0::/\n", "memory/job/memory.oom_control"),
        ("12:cpu,memory:/\n", "memory/memory.oom_control"),
    ],
)
def test_memory_events_are_found(tmp_path, membership, place):
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(membership)
    file = tmp_path / "cgroup" / place
    file.parent.mkdir(parents=True)
    file.write_text("oom_kill 0\n")
    assert memory_events(proc=tmp_path / "proc", mount=tmp_path / "cgroup").path == file


def test_memory_events_unavailable_says_so(tmp_path):
    watch = memory_events(tmp_path / "absent").start()
    assert watch.happened() == {}
    assert str(tmp_path / "absent") in watch.describe()
    assert "no cgroup memory events" in memory_events(proc=tmp_path, mount=tmp_path).unavailable


def _write_many(path: Path, writer: int, count: int) -> None:
    for number in range(count):
        history.append(path, {"writer": writer, "number": number, "text": "x" * 3000})


def test_history_keeps_every_line_of_concurrent_writers(tmp_path):
    path = tmp_path / "deep" / "history.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_many, args=(path, writer, 25)) for writer in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    records = history.read(path)
    assert sorted((record["writer"], record["number"]) for record in records) == [
        (writer, number) for writer in range(6) for number in range(25)
    ]
    for writer in range(6):  # each writer's own order is kept
        assert [r["number"] for r in records if r["writer"] == writer] == list(range(25))


def test_history_after_a_torn_line(tmp_path):
    path = tmp_path / "history.jsonl"
    history.append(path, {"run": 1})
    with path.open("ab") as stream:
        stream.write(b'{"run": 2, "sta')
    history.append(path, {"run": 3})
    assert [record["run"] for record in history.read(path)] == [1, 3]
    assert history.read(tmp_path / "absent.jsonl") == []


def test_environment_is_json_without_variables(monkeypatch):
    monkeypatch.setenv("SEGASSETS_SECRET_TOKEN", "hunter2")
    text = json.dumps(environment_snapshot())
    assert "hunter2" not in text
    assert json.loads(text)["packages"]["numpy"] == np.__version__


def test_stage_timings_are_written_as_they_go(tmp_path):
    timings = StageTimings(tmp_path / "stage_timings.json")
    with timings.stage("frames", scenes=2):
        assert json.loads(timings.path.read_text())["frames"]["ended_at"] is None
    with pytest.raises(ValueError), timings.stage("sam2_tracks"):
        raise ValueError("no")
    stored = json.loads(timings.path.read_text())
    assert list(stored) == ["frames", "sam2_tracks"]
    assert stored["frames"]["scenes"] == 2
    assert stored["sam2_tracks"]["error"] == "ValueError: no"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (59.94, "59.9 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_duration_text(seconds, text):
    assert duration_text(seconds) == text


def test_run_records(tmp_path):
    first = RunRecord(tmp_path, "night", "main", {"levels": [2]})
    second = RunRecord(tmp_path, "night", "b", {})
    third = RunRecord(tmp_path, "night", "main", {})
    assert len({first.folder, second.folder, third.folder}) == 3
    with first.timings.stage("run"):
        pass
    first.finish("done", scenes=["a.b"])
    second.finish("failed", error="MissingInput: no")
    summary = json.loads((first.folder / "summary.json").read_text())
    assert summary["status"] == "done"
    assert summary["order"] == ["run"]
    assert summary["config"] == {"levels": [2]}
    assert (first.folder / "environment_snapshot.json").is_file()
    assert json.loads((third.folder / "summary.json").read_text())["status"] == "running"
    lines = history.read(tmp_path / FOLDER / HISTORY)
    assert [(line["tag"], line["status"]) for line in lines] == [("main", "done"), ("b", "failed")]
