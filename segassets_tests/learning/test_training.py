"""A small training from start to finish in this process: what it leaves, what it refuses, how it goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image

from segassets.errors import BadConfig, BadInput, MissingInput, OutOfSpace, StaleInput
from segassets.learning.checkpoint_folder import TrainedCheckpoint, open_checkpoint
from segassets.learning.checkpoints import read_checkpoint, save_checkpoint
from segassets.learning.experiment import Experiment
from segassets.learning.train import train_experiment
from segassets.models.registry import load_spec
from segassets.models.sam2.build import build_sam2_network, build_sam2_video_predictor
from segassets.models.weights import read_weights
from segassets_tests.learning.made_training import SIZE, small


def curve(folder: Path, metric: str) -> dict[int, float]:
    rows = pq.read_table(folder / "curves.parquet").to_pylist()
    return {row["step"]: row["value"] for row in rows if row["metric"] == metric}


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path / "configs"))
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedCheckpoint:
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGASSETS_CONFIGS", str(root / "configs"))
        heard: list[tuple[int, int, str]] = []
        found = train_experiment(small(root), root / "out", progress=lambda *report: heard.append(report))
        assert [done for done, _, _ in heard] == list(range(1, 9)) and {total for _, total, _ in heard} == {8}
        return found


def test_what_it_leaves(trained: TrainedCheckpoint) -> None:
    folder = trained.folder
    names = {path.name for path in folder.iterdir()}
    best = [path.name for path in trained.best]
    assert names == {
        "last.pt", "model.yaml", "experiment.yaml", "record.json", "curves.parquet", "examples", "tensorboard", *best,
    }  # fmt: skip
    assert len(best) == 1 and len(trained.examples) == 1
    assert np.asarray(Image.open(trained.examples[0])).shape[2] == 3
    assert list(trained.tensorboard.glob("events.*"))
    record = json.loads((folder / "record.json").read_text())
    assert (
        record["start"]["model"] == "tiny" and record["versions"]["torch"] == torch.__version__.split("+")[0]
    )
    assert len(record["data"]["train"][0]["identity"]) == 64
    resolved = Experiment.model_validate(yaml.safe_load((folder / "experiment.yaml").read_text()))
    assert resolved.trainer.max_steps == 8


def test_curves_and_figures(trained: TrainedCheckpoint) -> None:
    loss = curve(trained.folder, "train/loss")
    assert sorted(loss) == list(range(1, 9)) and all(np.isfinite(value) for value in loss.values())
    assert sorted(curve(trained.folder, "val/loss")) == [0, 4, 8]
    rates = curve(trained.folder, "learning_rate")
    assert (
        rates[1] == pytest.approx(5e-4)
        and rates[2] == pytest.approx(1e-3)
        and rates[8] == pytest.approx(1e-4)
    )
    figures = trained.figures
    assert figures["steps"] == 8 and figures["parameters_trained"] == figures["parameters"] > 1e5
    assert figures["samples_per_s"] > 0 and figures["objects_per_s"] >= figures["samples_per_s"]
    assert figures["peak_memory_bytes"] > 1e8 and 0 <= figures["waiting_for_data_share"] < 1
    assert figures["best_val_loss"] == pytest.approx(
        min(v for s, v in curve(trained.folder, "val/loss").items() if s)
    )


def test_it_learned(trained: TrainedCheckpoint) -> None:
    val = curve(trained.folder, "val/loss")
    assert val[8] < val[0]


def test_the_graphs_tracker_loads_it(trained: TrainedCheckpoint) -> None:
    spec = load_spec(str(trained.model_file))
    assert spec.image_size == SIZE and Path(spec.source.path).resolve() == trained.best[0]  # type: ignore[union-attr]
    network = build_sam2_network(spec)
    stored = read_weights(trained.best[0])
    assert all(torch.equal(value, stored[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("which", ["last", "best"])
def test_checkpoints_are_in_sam2s_layout(trained: TrainedCheckpoint, which: str) -> None:
    path = trained.last if which == "last" else trained.best[0]
    content = torch.load(path, weights_only=True)
    predictor = build_sam2_video_predictor(load_spec(str(trained.model_file)))
    missing, unexpected = predictor.load_state_dict(content["model"])  # as sam2's own build_sam does
    assert not missing and not unexpected
    if which == "last":
        assert {"model", "optimizer", "epoch", "steps", "time_elapsed", "best_meter_values", "scaler"} <= set(
            content
        )


def test_opened_again(trained: TrainedCheckpoint, tmp_path: Path) -> None:
    assert open_checkpoint(trained.folder) == trained and trained.other_versions == []
    copy = tmp_path / "copy"
    shutil.copytree(trained.folder, copy)
    record = json.loads((copy / "record.json").read_text())
    record["versions"]["torch"] = "1.0"
    (copy / "record.json").write_text(json.dumps(record))
    assert [words.split(",")[0] for words in open_checkpoint(copy).other_versions] == [
        "torch 1.0 when it was trained"
    ]


def _climb(folder: Path) -> None:
    record = json.loads((folder / "record.json").read_text())
    record["best"] = ["../last.pt"]
    (folder / "record.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda f: (f / "record.json").unlink(), MissingInput, r"record.json is missing \(one was begun"),
        (lambda f: (f / "record.json").write_text("{}"), BadInput, "train again"),
        (_climb, BadInput, "'../last.pt' is no file of the folder"),
        (lambda f: (f / "last.pt").unlink(), MissingInput, "last.pt: missing"),
        (lambda f: (f / "last.pt").write_bytes(b"x"), StaleInput, "changed after the training"),
        (lambda f: (f / "model.yaml").write_text("x"), StaleInput, "model.yaml"),
    ],
)
def test_what_was_changed_is_refused(
    trained: TrainedCheckpoint, tmp_path: Path, spoil, kind, message
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained.folder, copy)
    spoil(copy)
    with pytest.raises(kind, match=message):
        open_checkpoint(copy)


def test_stopped_and_gone_on_with_is_the_same_curve(trained: TrainedCheckpoint, deployment: Path) -> None:
    experiment = small(deployment)
    folder = deployment / "out"
    stop = RuntimeError("stop")

    def interrupt(done: int, total: int, note: str) -> None:
        if done == 5:
            raise stop

    with pytest.raises(RuntimeError, match="stop"):
        train_experiment(experiment, folder, progress=interrupt)
    assert read_checkpoint(folder / "last.pt")["steps"] == 4 and not (folder / "record.json").exists()
    train_experiment(experiment, folder, progress=lambda *report: None)
    for metric in ("train/loss", "val/loss", "gradient_norm", "val/mean_iou"):
        assert curve(folder, metric) == curve(trained.folder, metric)
    once, twice = read_weights(trained.last), read_weights(folder / "last.pt")
    assert all(torch.equal(value, twice[name]) for name, value in once.items())


def test_finished_is_finished_and_can_be_made_longer(trained: TrainedCheckpoint, deployment: Path) -> None:
    folder = deployment / "out"
    shutil.copytree(trained.folder, folder)
    heard: list[int] = []
    again = train_experiment(small(deployment), folder, progress=lambda done, *_: heard.append(done))
    assert heard == [] and again.figures["steps"] == 8
    longer = small(deployment, "trainer.max_steps=9")
    train_experiment(longer, folder, progress=lambda done, *_: heard.append(done))
    assert heard == [9]


@pytest.mark.parametrize(
    ("changed", "what"), [({"optimizer": {"learning_rate": 0.1}}, "experiment"), ({"data": {"train": [
        {"dataset": "squares", "scenes": ["b"], "frames": 3}]}}, "experiment and data")],
)  # fmt: skip
def test_another_experiments_folder_is_refused(
    trained: TrainedCheckpoint, deployment: Path, changed: dict, what: str
) -> None:
    folder = deployment / "out"
    shutil.copytree(trained.folder, folder)
    experiment = small(deployment, **changed)
    with pytest.raises(StaleInput, match=f"another {what}.*resume=False"):
        train_experiment(experiment, folder)
    assert open_checkpoint(folder).figures == trained.figures  # the finished training is as it was
    made = train_experiment(experiment, folder, resume=False, progress=lambda *report: None)
    assert made.figures["steps"] == 8


def test_a_loss_that_is_not_a_number(deployment: Path) -> None:
    experiment = small(deployment, optimizer={"learning_rate": 1e30}, schedule={"warmup_steps": 0},
                       trainer={"clip": None})  # fmt: skip
    with pytest.raises(BadInput) as caught:
        train_experiment(experiment, deployment / "out", progress=lambda *report: None)
    said = str(caught.value)
    assert "training step 2" in said and "scene squares.a, frames" in said and "learning_rate" in said
    assert "last.pt holds step 1, the last good one" in said
    assert read_checkpoint(deployment / "out" / "last.pt")["steps"] == 1
    assert not (deployment / "out" / "record.json").exists()


def test_start_weights_of_another_architecture(deployment: Path) -> None:
    experiment = small(deployment)
    save_checkpoint(deployment / "start.pt", {"model": {"image_encoder.a": torch.ones(2)}})
    path = deployment / "configs" / "models" / "tiny.yaml"
    spec = yaml.safe_load(path.read_text()) | {
        "source": {"kind": "file", "path": str(deployment / "start.pt")}
    }
    path.write_text(yaml.safe_dump(spec))
    with pytest.raises(BadInput, match=r"start\.pt: a checkpoint of another architecture"):
        train_experiment(experiment, deployment / "out")


@pytest.mark.parametrize(
    ("overrides", "kind", "message"),
    [
        (["trainer.accelerator=gpu", "trainer.devices=640"], BadConfig, "expected 640 GPUs"),
        (["trainer.accelerator=cpu", "trainer.devices=6400"], BadConfig, "processes on this machine's CPU"),
        (["data.train.0.frames=20"], BadInput, "scene squares.a.*20 frames"),
        (["logging.wandb=true"], MissingInput, "pip install"),
    ],
)
def test_refused_before_it_begins(deployment: Path, overrides: list[str], kind: type, message: str) -> None:
    if "wandb" in overrides[0]:
        pytest.importorskip("lightning")
        try:
            import wandb  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("wandb is installed")
    with pytest.raises(kind, match=message):
        train_experiment(small(deployment, *overrides), deployment / "out")


def test_full_disk_while_saving(deployment: Path, small_disk: Path) -> None:
    with pytest.raises(OutOfSpace, match="free some room"):
        train_experiment(small(deployment), small_disk / "out", progress=lambda *report: None)
    assert not [path for path in (small_disk / "out").iterdir() if path.suffix in (".pt", ".tmp")]


@pytest.mark.parametrize(
    "overrides",
    [
        ["data.val=[]", "trainer.max_steps=2"],
        [
            "data.train.0.frames=1",
            "data.val.0.frames=1",
            "prompts.correction_clicks=1",
            "trainer.max_steps=2",
        ],
        ["trainer={accelerator: cpu, epochs: 1}", "prompts.type=box", "modules.trainable=[mask_decoder]"],
        ["trainer.max_minutes=0.0001", "logging.tensorboard=false", "trainer.activation_checkpointing=true"],
        ["trainer.precision=16", "trainer.max_steps=1", "loss.preset=dice-only", "prompts.type=point"],
    ],
)
def test_other_ways_to_train(deployment: Path, overrides: list[str]) -> None:
    made = train_experiment(small(deployment, *overrides), deployment / "out", progress=lambda *report: None)
    assert made.last.is_file() and load_spec(str(made.model_file))
    if "data.val=[]" in overrides:
        assert made.best == [] and made.chosen == made.last
    if "trainer.max_minutes=0.0001" in overrides:
        assert made.figures["steps"] == 1 and not made.tensorboard.exists()
    if "epochs: 1" in overrides[0]:
        assert made.figures["steps"] == 6  # eight frames hold six clips of three
