"""`dagster asset materialize` as people type it: selections as text, unknown scenes, no home, a kill in the middle."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance

from segassets.orchestration.partitions import register_scenes
from segassets.storage.store import ArtifactStore
from segassets_tests.deployment import REPOSITORY, Deployment, make_deployment

DAGSTER = str(Path(sys.executable).with_name("dagster"))
MODULE = ("-m", "segassets.definitions")


@pytest.fixture
def deployment(tmp_path) -> Deployment:
    made = make_deployment(tmp_path / "deployment", scenes=2)
    with DagsterInstance.from_config(str(made.home)) as instance:
        register_scenes(instance, made.keys)
    return made


def dagster(deployment: Deployment, *words: str, without: str = "", code: int = 0) -> str:
    """Run the installed `dagster`; all it says."""
    environ = {name: value for name, value in deployment.environ.items() if name != without}
    done = subprocess.run(
        [DAGSTER, *words], cwd=deployment.folder, env=environ, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode == 0) == (code == 0), f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def materialized(deployment: Deployment, asset: str) -> set[str]:
    with DagsterInstance.from_config(str(deployment.home)) as instance:
        return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def test_a_selection_written_as_text_makes_a_scene(deployment):
    """Text selections go through the parser that sam2's requirements once replaced by another version."""
    key = deployment.keys[0]
    dagster(deployment, "asset", "materialize", *MODULE, "--select", '+key:"coco_masks"', "--partition", key)
    assert materialized(deployment, "coco_masks") == materialized(deployment, "frames") == {key}
    store = ArtifactStore(deployment.output)
    assert store.open("coco_masks", key).provenance.inputs["frames"] == store.open("frames", key).version
    dagster(
        deployment,
        "asset",
        "materialize",
        *MODULE,
        "--select",
        'group:"footage" and not key:"coco_masks"',
        "--partition",
        key,
    )


def test_a_config_on_the_command_line_is_checked_and_used(deployment):
    key = deployment.keys[0]
    words = ("asset", "materialize", *MODULE, "--select", "frames", "--partition", key, "--config-json")
    dagster(deployment, *words, '{"ops": {"frames": {"config": {"frames": "::2"}}}}')
    assert ArtifactStore(deployment.output).peek("frames", key).provenance.config == {"frames": "::2"}
    said = dagster(deployment, *words, '{"ops": {"frames": {"config": {"framez": "::2"}}}}', code=1)
    assert "framez" in said


def test_an_unknown_scene_is_told_how_to_become_known(deployment):
    said = dagster(
        deployment,
        "asset",
        "materialize",
        *MODULE,
        "--select",
        "frames",
        "--partition",
        "shapes.shard-0009",
        code=1,
    )
    last = said.strip().splitlines()[-1]
    assert "shapes.shard-0009" in last and "segassets scenes sync" in last and "Did you mean" in last


def test_without_a_dagster_home_the_export_is_named(deployment):
    said = dagster(
        deployment,
        *("asset", "materialize", *MODULE, "--select", "frames", "--partition", deployment.keys[0]),
        without="DAGSTER_HOME",
        code=1,
    )
    last = said.strip().splitlines()[-1]
    assert "export DAGSTER_HOME=" in last and "segassets scenes sync" in last


def test_the_workspace_file_validates(deployment):
    said = subprocess.run(
        [DAGSTER, "definitions", "validate", "-w", str(REPOSITORY / "workspace.yaml")],
        cwd=REPOSITORY,
        env=deployment.environ,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr


SLOW = """
import time
from dataclasses import replace
from segassets.assets.frames import frames
from segassets.assets.graph import SCENE_ASSETS
from segassets.definitions import build_definitions

def slow(work, config):
    made = frames.make(work, config)
    (work.out.parent / "begun").touch()
    time.sleep(120 if __import__("os").environ.get("SLOW") else 0)
    return made

assets = [replace(frames, make=slow), *SCENE_ASSETS[1:]]
defs = build_definitions(assets=assets)
"""


def test_a_kill_in_the_middle_leaves_the_old_artifact_whole_and_the_new_one_absent(deployment):
    first, second = deployment.keys
    (deployment.folder / "slow_frames.py").write_text(SLOW)
    words = ["asset", "materialize", "-f", "slow_frames.py", "--select", "frames", "--partition"]
    dagster(deployment, *words, first)
    store = ArtifactStore(deployment.output)
    before = (store.peek("frames", first).path / "frames.parquet").read_bytes()
    for key in (first, second):
        begun = deployment.output / "main" / "frames" / "begun"
        begun.unlink(missing_ok=True)
        process = subprocess.Popen(
            [DAGSTER, *words, key],
            cwd=deployment.folder,
            env={**deployment.environ, "SLOW": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while not begun.exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert (store.peek("frames", first).path / "frames.parquet").read_bytes() == before
    assert not store.has("frames", second)
    assert materialized(deployment, "frames") == {first}
    dagster(deployment, *words, second)  # the kernel has freed the lock; what the dead one left is swept
    assert store.has("frames", second)
    left = [item.name for item in (deployment.output / "main" / "frames").iterdir() if "staging" in item.name]
    assert [name for name in left if second in name] == []


def test_the_lines_of_the_readme_run(tmp_path):
    """The commands with which the README makes a scene, typed as they stand."""
    text = (REPOSITORY / "README.md").read_text()
    lines = [
        line.split("#")[0].strip()
        for line in text.splitlines()
        if line.startswith("dagster asset materialize")
    ]
    assert lines, "the README shows no `dagster asset materialize` line"
    command = shlex.split(lines[0])
    key = command[command.index("--partition") + 1]
    assert re.search(r"export DAGSTER_HOME=\S+", text) and "segassets scenes sync" in text
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("SEGASSETS_", "DAGSTER_"))
    }
    environ |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DAGSTER_HOME": str(tmp_path / "home"),
        "SEGASSETS_OUTPUT_ROOT": str(tmp_path / "artifacts"),
        "OMP_NUM_THREADS": "1",
    }
    for words in (["segassets", "scenes", "sync"], command):
        done = subprocess.run(words, cwd=REPOSITORY, env=environ, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    assert (ArtifactStore(tmp_path / "artifacts").peek("scene_report", key).path / "report.html").is_file()
