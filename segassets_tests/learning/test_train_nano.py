"""The nano training script: a few seconds of it, killed and continued."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file

from segassets.models.sam2.tiny import tiny_spec

REPOSITORY = Path(__file__).parents[2]


def _run(*arguments: str, configs: Path) -> str:
    environment = os.environ | {
        "SEGASSETS_CONFIGS": str(configs),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(REPOSITORY),
    }
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "scripts" / "train_nano_sam2.py"), *arguments],
        env=environment, capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    return done.stdout


def test_render_train_and_continue(tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    (configs / "models").mkdir(parents=True)
    (configs / "datasets").mkdir()
    spec = tiny_spec().model_dump(exclude_none=True) | {"name": "nano"}
    (configs / "models" / "nano.yaml").write_text(yaml.safe_dump(spec))
    clips, weights, work = tmp_path / "clips", tmp_path / "nano.safetensors", tmp_path / "work"
    _run("render", "--clips", str(clips), "--count", "1", configs=configs)
    common = [
        "train",
        "--clips",
        str(clips),
        "--check-clips",
        str(clips),
        "--work",
        str(work),
        "--weights",
        str(weights),
    ]
    first = json.loads(_run(*common, "--minutes", "0.03", configs=configs).splitlines()[-1])
    assert first["done"]
    assert all(
        value.dtype == torch.float16 for value in load_file(weights).values() if value.is_floating_point()
    )
    second = json.loads(_run(*common, "--minutes", "0.06", configs=configs).splitlines()[-1])
    assert second["step"] > first["step"] > 0
