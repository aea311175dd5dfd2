"""Trainings in processes of their own, of both networks: killed and gone on with, and two devices on one CPU."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from segassets.errors import BadInput
from segassets.learning.checkpoint_folder import open_checkpoint
from segassets.learning.checkpoints import read_checkpoint
from segassets.learning.train import train_experiment
from segassets_tests.learning.made_training import SEGMENTER, make_deployment, small

REPOSITORY = Path(__file__).parents[2]
BOTH = pytest.mark.parametrize(
    "network", [{}, SEGMENTER], ids=["sam2", "seqformer"]
)  # sections of the experiment
TRAIN = """
import sys
from pathlib import Path
from segassets.learning.experiment import load_experiment
from segassets.learning.train import train_experiment

experiment = load_experiment(sys.argv[1], sys.argv[3:])
train_experiment(experiment, Path(sys.argv[2]), progress=lambda done, total, note: print(done, flush=True))
"""


def start(configs: Path, folder: Path, *overrides: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "SEGASSETS_CONFIGS": str(configs), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(configs / "experiments" / "small.yaml"), str(folder), *overrides],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def rows(folder: Path) -> list[dict]:
    return pq.read_table(folder / "curves.parquet").to_pylist()


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors


@BOTH
def test_killed_and_gone_on_with_is_the_same_curve_bit_by_bit(
    tmp_path: Path, network: dict[str, Any]
) -> None:
    configs = make_deployment(tmp_path, **network)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    finish(start(configs, whole))
    killed = start(configs, parts)
    assert killed.stdout
    for line in killed.stdout:
        if int(line) == 3:
            killed.send_signal(signal.SIGKILL)
            break
    killed.communicate(timeout=60)
    assert 0 < read_checkpoint(parts / "last.pt")["steps"] < 8 and not (parts / "record.json").exists()
    finish(start(configs, parts))
    assert rows(parts) == rows(whole)
    assert open_checkpoint(parts).figures["steps"] == 8
    assert not list(parts.glob(".*.tmp"))


@BOTH
def test_two_processes_on_one_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: dict[str, Any]
) -> None:
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path / "configs"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    words = ("trainer.devices=2", "trainer.accumulate=1")
    experiment = small(tmp_path, "trainer.max_steps=2", *words, **network)
    heard: list[int] = []
    made = train_experiment(experiment, tmp_path / "out", progress=lambda done, *_: heard.append(done))
    assert heard == [1, 2] and made.figures["steps"] == 2
    losses = [row["value"] for row in rows(made.folder) if row["metric"] == "train/loss"]
    assert len(losses) == 2
    again = small(tmp_path, "trainer.max_steps=3", *words, **network)
    train_experiment(again, tmp_path / "out", progress=lambda done, *_: heard.append(done))
    assert heard == [1, 2, 3]


def test_an_error_of_one_process_is_the_trainings_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path / "configs"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    experiment = small(tmp_path, "trainer.devices=2", "data.train.0.frames=20")
    with pytest.raises(BadInput, match=r"scene squares\.a"):
        train_experiment(experiment, tmp_path / "out")


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    configs = make_deployment(tmp_path)
    training = start(configs, tmp_path / "out", "trainer.devices=2", "trainer.max_steps=1000")
    assert training.stdout and int(training.stdout.readline()) == 1
    children = [int(pid) for pid in _children(training.pid)]
    assert len(children) == 2
    training.send_signal(signal.SIGKILL)
    training.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
