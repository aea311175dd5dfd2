"""The recipe that made nano: a few seconds of it, gone on with, and what it leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file

from segassets.errors import BadConfig, BadInput, OutOfSpace
from segassets.learning.checkpoints import save_checkpoint
from segassets.learning.experiment import Experiment, load_experiment
from segassets.learning.promptable_config import FromNothingConfig
from segassets.learning.promptable_loop import clip_share
from segassets.learning.timed_loop import learning_rate
from segassets.learning.timed_train import save_weights
from segassets.learning.train import train_experiment
from segassets.models.registry import load_spec
from segassets.models.sam2.build import build_sam2_network
from segassets.models.sam2.tiny import tiny_spec
from segassets.strict import parse


def _experiment(folder: Path, minutes: float, **changes: float) -> Experiment:
    model = folder / "tiny.yaml"
    model.write_text(yaml.safe_dump(tiny_spec().model_dump(exclude_none=True) | {"name": "tiny"}))
    section = {
        "minutes": minutes,
        "rooms": {"count": 1, "check_count": 1},
        "pictures": 2,
        "small_size_px": 64,
        "bf16": False,
        **changes,
    }
    values = {"name": "small", "recipe": "from_nothing", "model": str(model), "from_nothing": section}
    return parse(Experiment, values, "small.yaml")


def _silent(done: int, total: int, note: str = "") -> None:
    """Nobody listens."""


def test_trains_goes_on_and_leaves_a_model(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = train_experiment(_experiment(tmp_path, 0.02), out, progress=_silent)
    second = train_experiment(_experiment(tmp_path, 0.05), out, progress=_silent)
    assert second.figures["steps"] > first.figures["steps"] > 0
    weights = load_file(out / "weights.safetensors")
    assert all(value.dtype == torch.float16 for value in weights.values() if value.is_floating_point())
    network = build_sam2_network(load_spec(str(second.model_file)))
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value.half(), weights[name])
    curves = pq.read_table(second.curves).to_pydict()
    assert {"train/pictures", "check/box", "check/track"} <= set(curves["metric"])
    assert curves["step"] == sorted(curves["step"])
    assert not (out / "rooms").exists() and not (out / "check_rooms").exists()
    assert np.float64(1e-310) * 0.5 > 0  # what runs in this process afterwards has its tiny numbers back


def test_weights_on_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "weights.safetensors"
    with pytest.raises(OutOfSpace, match=r"weights\.safetensors"):
        save_weights(torch.nn.Linear(2000, 1000), path)
    assert list(small_disk.iterdir()) == []


def test_a_checkpoint_of_another_network_is_named(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "out" / "last.pt", {"model": {"a": torch.ones(1)}, "optimizer": {}})
    with pytest.raises(BadInput, match=r"last\.pt: a checkpoint of another architecture"):
        train_experiment(_experiment(tmp_path, 0.02), tmp_path / "out", progress=_silent)


def test_a_loss_that_is_not_a_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"the (loss|gradient) is .*learning_rate"):
        train_experiment(
            _experiment(tmp_path, 0.2, learning_rate=1e30, warmup_steps=1), tmp_path / "out", progress=_silent
        )


@pytest.mark.parametrize(
    "progress, step, rate, share",
    [
        (0.0, 0, 0.005, 0.0),
        (0.0, 400, 1.0, 0.0),
        (0.3, 400, 1.0, 0.4),
        (0.7, 400, 0.5, 0.5),
        (1.0, 400, 0.01, 0.5),
    ],
)
def test_schedule(progress: float, step: int, rate: float, share: float) -> None:
    config = FromNothingConfig()
    assert learning_rate(config, progress, step) == pytest.approx(rate * config.learning_rate)
    assert clip_share(config, progress) == pytest.approx(share)


def test_its_section_is_needed() -> None:
    with pytest.raises(BadConfig, match="from_nothing"):
        parse(Experiment, {"name": "x", "recipe": "from_nothing"}, "x.yaml")


def test_the_experiment_of_the_shipped_weights_loads() -> None:
    found = load_experiment("nano_sam2")
    assert found.recipe == "from_nothing" and found.from_nothing is not None
