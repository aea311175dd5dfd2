"""`segassets doctor`: what it finds, and what it mends."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from segassets.cli.findings import examine
from segassets.cli.home import dagster_home, ensure_home, open_instance
from segassets.config import load_settings
from segassets.configs_dir import configs_dir
from segassets.orchestration import dead_runs


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder without a Dagster home, with the repository's models."""
    models = configs_dir() / "models"
    (tmp_path / "configs" / "datasets").mkdir(parents=True)
    (tmp_path / "configs" / "models").symlink_to(models)
    monkeypatch.setenv("DAGSTER_HOME", "")  # a home made in a test is forgotten after it
    for name in ("SEGASSETS_CONFIGS", "SEGASSETS_OUTPUT_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(subject: str, *overrides: str, fix: bool = False) -> list[tuple[str, str]]:
    """(state, text) of the findings on a subject."""
    settings = load_settings(None, overrides, environ={})
    return [(item.state, item.text) for item in examine(settings, fix) if item.subject == subject]


def test_home_is_made_from_the_template_and_exported(place, monkeypatch):
    assert dagster_home() == place / ".segassets" / "home"
    assert found("dagster")[0][0] == "note"
    assert not (place / ".segassets").exists()  # looking makes nothing
    (place / "configs" / "dagster.yaml").write_text("telemetry: {enabled: false}\n# mine\n")
    assert ensure_home() == place / ".segassets" / "home"
    assert "# mine" in (place / ".segassets" / "home" / "dagster.yaml").read_text()
    (place / ".segassets" / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    ensure_home()
    assert (
        "# mine" not in (place / ".segassets" / "home" / "dagster.yaml").read_text()
    )  # a person's own stays
    monkeypatch.setenv("DAGSTER_HOME", "relative/home")
    assert ensure_home() == place / "relative" / "home"


def test_a_sound_place_has_no_problem(place):
    ensure_home()
    findings = list(examine(load_settings(None, environ={})))
    assert [item for item in findings if item.state == "problem"] == []
    subjects = {
        "software",
        "configs",
        "models",
        "dagster",
        "scenes",
        "daemon",
        "runs",
        "results",
        "locks",
        "machine",
    }
    assert subjects <= {item.subject for item in findings}


def test_what_is_wrong_is_a_problem(place):
    assert found("models", "model=nono")[0][0] == "problem"
    assert found("memory watch", "memory_events=absent")[0][0] == "problem"
    (place / "configs" / "datasets" / "bad.yaml").write_text("layout: foldr\nroot: x\n")
    assert any("foldr" in text for _, text in found("configs"))
    ensure_home()
    (dagster_home() / "dagster.yaml").write_text("storage: {sqlite: [}\n")
    assert any(state == "problem" and "does not open" in text for state, text in found("dagster"))


def test_dead_runs_are_mended(place):
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    tags = {**dead_runs.owner_tags(), dead_runs.PROCESS_TAG: f"{ended.pid}@1"}
    with open_instance() as instance:
        instance.run_storage.add_run(
            dg.DagsterRun(job_name="toy", tags=tags, status=dg.DagsterRunStatus.STARTED)
        )
    assert found("runs")[0][0] == "problem"
    assert [state for state, _ in found("runs", fix=True)] == ["ok", "ok"]
    assert [state for state, _ in found("runs")] == ["ok"]


def test_held_locks_are_shown_with_their_holder(place):
    lock = place / "out" / ".locks" / "main" / "sam2_tracks.toy.a.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("4711")
    assert found("locks", "output_root=out") == [("ok", "none held")]
    with Path(lock).open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert found("locks", "output_root=out") == [("note", "sam2_tracks.toy.a held by process 4711")]
