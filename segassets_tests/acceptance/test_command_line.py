"""The installed `segassets` command: the whole graph on a small room, killed, resumed, compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from segassets.config.settings import StageToggles
from segassets.configs_dir import configs_dir

SCENE = "small.room_0000"
ALL = StageToggles().selected()  # the assets of a run, upstream first
BEFORE_TRACKS = ALL[: ALL.index("sam2_tracks")]
# Small and quick: what is tested is the command, not the model.
QUICK = ["candidates.points_per_side=8", "candidates.refine=false", "tracking.chunk_frames=4", "levels=2"]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """A working folder with a dataset of one small generated room and the shipped models."""
    folder = tmp_path_factory.mktemp("deployment")
    (folder / "configs" / "runs").mkdir(parents=True)
    (folder / "configs" / "datasets").mkdir()
    (folder / "configs" / "models").symlink_to(configs_dir() / "models")
    (folder / "configs" / "dagster.yaml").symlink_to(configs_dir() / "dagster.yaml")
    room = "{frames: 24, size_px: [128, 128], objects_min: 4, objects_max: 6}"
    (folder / "configs" / "datasets" / "small.yaml").write_text(
        f"layout: rooms\nroot: rooms\noptions: {{count: 1, first_seed: 700000000, room: {room}}}\n"
    )
    (folder / "configs" / "runs" / "small.yaml").write_text(
        "name: small\ndatasets: [small]\nkeyframe_stride: 12\nmin_area: 20\nstability: 0.5\n"
    )
    return folder


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGASSETS_")}
    return {**kept, "DAGSTER_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def segassets(folder: Path, *words: str, code: int = 0) -> str:
    """Run the installed command in a deployment; its output, errors below."""
    command = [str(Path(sys.executable).with_name("segassets")), *words]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return f"{done.stdout}\n{done.stderr}"


def artifact(folder: Path, asset: str, tag: str = "main") -> Path:
    return folder / ".segassets" / "artifacts" / tag / asset / SCENE


def start_tracking(folder: Path, tag: str) -> subprocess.Popen:
    """A run of the whole graph that has saved at least one chunk of its tracks."""
    command = [str(Path(sys.executable).with_name("segassets")), "run", "small", "--tag", tag, *QUICK]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=(folder / f"{tag}.log").open("w"),
        start_new_session=True,
    )
    chunks = folder / ".segassets" / "artifacts" / ".work" / tag / "sam2_tracks" / SCENE
    deadline = time.monotonic() + 300
    while not list(chunks.rglob("state_*.safetensors")):  # a chunk counts once its state is written
        assert process.poll() is None, (folder / f"{tag}.log").read_text()
        assert time.monotonic() < deadline, "no chunk of tracks after 300 s"
        time.sleep(0.01)
    return process


def test_dry_run_then_run_then_nothing_left_to_do(deployment):
    assert f"{len(ALL)} would be made" in segassets(deployment, "run", "small", "--dry-run", *QUICK)
    assert not (deployment / ".segassets" / "artifacts").exists()
    said = segassets(deployment, "run", "small", *QUICK)
    assert f"{len(ALL)} artifacts made" in said
    assert str(artifact(deployment, "scene_report") / "report.html") in said
    assert "make ui" in said
    assert (artifact(deployment, "scene_report") / "report.html").is_file()
    assert "0 artifacts made" in segassets(deployment, "run", "small", *QUICK)
    plan = json.loads(
        segassets(deployment, "run", "small", "--dry-run", "--json", *QUICK).partition("\n\n")[0]
    )
    assert {item["state"] for item in plan["items"]} == {"present"}
    assert f"{len(ALL)} present" in segassets(deployment, "run", "small", "--dry-run", *QUICK)


def test_killed_run_resumes_with_the_same_result(deployment):
    process = start_tracking(deployment, "killed")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    tracks = artifact(deployment, "sam2_tracks", "killed")
    assert not tracks.exists()
    candidates = (artifact(deployment, "mask_candidates", "killed") / "provenance.json").stat().st_mtime_ns
    said = segassets(deployment, "run", "small", "--tag", "killed", *QUICK)
    assert "recorded as failed" in said  # the killed run no longer counts as started
    assert "mask_candidates" not in said  # and what it had finished is kept
    assert (
        artifact(deployment, "mask_candidates", "killed") / "provenance.json"
    ).stat().st_mtime_ns == candidates
    segassets(deployment, "run", "small", "--tag", "whole", *QUICK)
    whole = artifact(deployment, "sam2_tracks", "whole")
    for name in ("masks.parquet", "tracks.parquet"):
        assert pq.read_table(tracks / name).equals(pq.read_table(whole / name))
    stats = json.loads((tracks / "stats.json").read_text())
    assert stats["resumed_at"] >= 4
    assert "no dead runs" in segassets(deployment, "doctor")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_is_recorded_as_such_and_keeps_what_is_done(deployment, number):
    tag = f"stopped-{number}"
    process = start_tracking(deployment, tag)
    process.send_signal(number)
    assert process.wait(timeout=60) == 130
    assert "run again to go on" in (deployment / f"{tag}.log").read_text()
    assert "interrupted" in segassets(deployment, "history", "--tag", tag)
    assert "no dead runs" in segassets(deployment, "doctor")
    plan = segassets(deployment, "run", "small", "--tag", tag, "--dry-run", "--json", *QUICK)
    states = {item["asset"]: item["state"] for item in json.loads(plan.partition("\n\n")[0])["items"]}
    assert {states[name] for name in BEFORE_TRACKS} == {"present"}
    assert states["sam2_tracks"] == states["scene_report"] == "missing"


def test_second_run_on_the_same_scene_is_refused_clearly(deployment):
    process = start_tracking(deployment, "busy")
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        said = segassets(deployment, "run", "small", "--tag", "busy", *QUICK, code=1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert f"is being made by process {process.pid}" in said


def test_two_tags_are_compared_and_exported(deployment):
    segassets(deployment, "run", "small", *QUICK)
    segassets(deployment, "run", "small", "--tag", "boxes", "tracking.prompt=box", *QUICK)
    said = segassets(deployment, "compare", "main", "boxes", "--page", "page")
    assert "object_recall" in said
    assert (deployment / "page" / "compare.html").is_file()
    segassets(deployment, "export", "davis", "davis", "level=2")
    assert list((deployment / "davis").rglob("*.png"))
    assert "small" in segassets(deployment, "history")


def test_a_name_misspelled(deployment):
    assert "Did you mean 'max_propagate'?" in segassets(
        deployment, "run", "small", "tracking.max_propgate=3", code=2
    )
