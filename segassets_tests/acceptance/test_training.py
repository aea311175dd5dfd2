"""The installed command on generated rooms: trained, killed, resumed, evaluated, searched, tracked with."""

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
from dagster import AssetKey, DagsterInstance

from segassets.assets.graph import EXPERIMENT_ASSETS
from segassets.configs_dir import configs_dir
from segassets.orchestration.partitions import EXPERIMENT as EXPERIMENTS
from segassets.orchestration.partitions import register
from segassets_tests.servers import ask, servers, wait_for
from segassets_tests.training_deployment import add_experiment, make_training_deployment

STEPS = 8
EXPERIMENT = f"""name: NAME
description: Two small rooms, judged on a third.
model: nano
image_size: 128
seed: 3
data:
  train:
    - {{dataset: small, scenes: [room_0000, room_0001], frames: 2, max_objects: 2}}
  val:
    - {{dataset: small, scenes: [room_0002], frames: 4, max_objects: 2}}
trainer: {{accelerator: cpu, max_steps: {STEPS}, validate_every: 4, validation_batches: 1}}
optimizer: {{learning_rate: 1.0e-5}}
checkpoints: {{best_k: 1, every_steps: 1}}
logging: {{examples: 1}}
evaluation: {{max_frames: 4, boundary: false}}
"""
QUICK = ["candidates.points_per_side=8", "candidates.refine=false", "levels=2", "frames=0:4"]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """A working folder with three small generated rooms, the shipped models and two experiments."""
    folder = tmp_path_factory.mktemp("training")
    configs = folder / "configs"
    for name in ("runs", "datasets", "experiments"):
        (configs / name).mkdir(parents=True)
    (configs / "models").symlink_to(configs_dir() / "models")
    (configs / "dagster.yaml").symlink_to(configs_dir() / "dagster.yaml")
    room = "{frames: 6, size_px: [128, 128], objects_min: 4, objects_max: 6}"
    (configs / "datasets" / "small.yaml").write_text(
        f"layout: rooms\nroot: rooms\noptions: {{count: 3, first_seed: 700000000, room: {room}}}\n"
    )
    (configs / "runs" / "small.yaml").write_text(
        "name: small\ndatasets: [small]\nscenes: [small.room_0002]\nkeyframe_stride: 4\nmin_area: 20\nstability: 0.5\n"
    )
    for name in ("rooms", "rooms-other"):
        (configs / "experiments" / f"{name}.yaml").write_text(EXPERIMENT.replace("NAME", name))
    return folder


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGASSETS_")}
    return {**kept, "DAGSTER_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def command(folder: Path, program: str, *words: str, code: int = 0) -> str:
    """Run an installed program in the deployment; its output, errors below."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return f"{done.stdout}\n{done.stderr}"


def segassets(folder: Path, *words: str, code: int = 0) -> str:
    return command(folder, "segassets", *words, code=code)


def artifact(folder: Path, asset: str, key: str) -> Path:
    return folder / ".segassets" / "artifacts" / "main" / asset / key


def loss_steps(folder: Path) -> list[int]:
    rows = pq.read_table(folder / "curves.parquet").to_pylist()
    return [row["step"] for row in rows if row["metric"] == "train/loss"]


def stopped_training(folder: Path, name: str, number: signal.Signals) -> int:
    """Train until a checkpoint of some steps is there, then send a signal; the exit code."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("segassets")), "train", name],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=(folder / f"{name}.log").open("w"),
        start_new_session=True,
    )
    work = folder / ".segassets" / "artifacts" / ".work" / "main" / "sam2_checkpoint" / name
    deadline = time.monotonic() + 300
    while not any(loss_steps(path.parent) for path in work.rglob("last.pt")):
        assert process.poll() is None, (folder / f"{name}.log").read_text()
        assert time.monotonic() < deadline, "no checkpoint after 300 s"
        time.sleep(0.02)
    os.killpg(process.pid, number)
    return process.wait(60)


def test_killed_training_goes_on_and_its_result_is_used(deployment):
    assert stopped_training(deployment, "rooms", signal.SIGKILL) == -signal.SIGKILL
    checkpoint = artifact(deployment, "sam2_checkpoint", "rooms")
    assert not checkpoint.exists()
    before = min(
        loss_steps(path.parent)[-1]
        for path in (deployment / ".segassets" / "artifacts" / ".work").rglob("last.pt")
    )
    said = segassets(deployment, "train", "rooms")
    assert "recorded as failed" in said and f"{STEPS} steps" in said
    assert "model=experiment:rooms" in said
    assert before >= 1 and loss_steps(checkpoint) == list(range(1, STEPS + 1))
    assert "nothing to make" in segassets(deployment, "train", "rooms")
    assert "no dead runs" in segassets(deployment, "doctor")
    result = json.loads(segassets(deployment, "evaluate", "rooms", "--json").partition("\n\n")[0])
    figures = result["results"]["rooms"]
    assert {"iou", "iou_start", "iou_first_mask", "dice", "mae"} <= set(figures)
    assert "dice at .5" in segassets(deployment, "thresholds", "rooms")
    threshold = json.loads(
        (artifact(deployment, "sam2_threshold_search", "rooms") / "best_threshold.json").read_text()
    )["best_threshold"]
    segassets(deployment, "run", "small", "model=experiment:rooms", *QUICK)
    tracks = artifact(deployment, "sam2_tracks", "small.room_0002")
    model = json.loads((tracks / "provenance.json").read_text())["model"]
    assert model["name"] == "experiment:rooms" and model.get("threshold", "0.5") == f"{threshold:g}"


def test_stopped_training_is_recorded_and_dagsters_own_command_goes_on(deployment):
    assert stopped_training(deployment, "rooms-other", signal.SIGINT) == 130
    assert "interrupted" in segassets(deployment, "history", "-n", "1")
    words = ["asset", "materialize", "-m", "segassets.definitions", "--select", "sam2_checkpoint"]
    unknown = command(deployment, "dagster", *words, "--partition", "rooms-tohre", code=1)
    assert "segassets experiments sync" in unknown
    assert "2 files in all" in segassets(deployment, "experiments", "sync")
    command(deployment, "dagster", *words, "--partition", "rooms-other")
    assert loss_steps(artifact(deployment, "sam2_checkpoint", "rooms-other")) == list(range(1, STEPS + 1))
    compared = segassets(deployment, "experiments", "compare", "--page", "page")
    assert "rooms-other" in compared and (deployment / "page" / "report.html").is_file()


LAUNCH = """
mutation ($assets: [AssetKeyInput!], $partitions: [String!]) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $partitions}) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""


@pytest.mark.timeout(900)
def test_a_backfill_over_experiments(tmp_path):
    """As from the UI's dialog: two experiments, each trained and evaluated in runs of their own."""
    made = make_training_deployment(tmp_path / "deployment")
    names = ["shapes", add_experiment(made, "shapes-longer", steps=5).stem]
    with servers(made) as address, DagsterInstance.from_config(str(made.home)) as instance:
        register(instance, EXPERIMENTS, names)
        assets = [{"path": [asset.name]} for asset in EXPERIMENT_ASSETS[:2]]
        told = ask(address, LAUNCH, assets=assets, partitions=names)["launchPartitionBackfill"]
        assert told["__typename"] == "LaunchBackfillSuccess", told
        last = AssetKey(EXPERIMENT_ASSETS[1].name)
        wait_for(lambda: instance.get_materialized_partitions(last) == set(names), 600, "two evaluations")
        event = instance.get_latest_materialization_event(AssetKey("sam2_checkpoint"))
        metadata = event.asset_materialization.metadata
        assert "loss_curve" in metadata and metadata["steps"].value in (4, 5)
