"""Real networks, small and random: evaluation by name, file and checkpoint, in batches, resumed, and real footage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from segassets.errors import BadConfig, BadInput, MissingInput
from segassets.evaluation.aggregate import IMAGE_VIDEO_OVERALL
from segassets.evaluation.checkpoint import evaluate_checkpoint
from segassets.evaluation.many import checkpoint_name, evaluate_many, find_checkpoints, matches
from segassets.evaluation.prompts import EvaluationConfig
from segassets.evaluation.scenes import open_true_scenes
from segassets.masks.schemas import METRICS
from segassets.masks.table import read_table
from segassets.models.sam2.build import build_sam2_network
from segassets.models.sam2.tiny import tiny_spec
from segassets_tests.evaluation.footage import disc, scene_of
from segassets_tests.shared_data import shared_data

FRAMES = 4


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two "trained" models as a training leaves them: model.yaml beside checkpoints in sam2's own layout."""
    root = tmp_path_factory.mktemp("experiments")
    for seed, name in enumerate(("rooms-box", "rooms-mask")):
        folder = root / name
        folder.mkdir()
        spec = tiny_spec(seed)
        weights = build_sam2_network(spec).state_dict()
        torch.save({"model": weights}, folder / "last.pt")
        described = spec.model_dump(exclude_none=True) | {"name": "model"}
        described["source"] = {"kind": "file", "path": str(folder / "last.pt")}
        (folder / "model.yaml").write_text(yaml.safe_dump(described))
    return root


def scenes() -> list[Any]:
    tracks = {1: (0, {t: disc(12 + 3 * t, 20, 8) for t in range(FRAMES)})}
    return [scene_of(tracks, FRAMES, categories={0: "chair"})]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The evaluations that really ran."""
    import segassets.evaluation.checkpoint as module

    ran: list[str] = []
    measure = module.evaluate_scenes

    def counted(*arguments: Any, **named: Any) -> Any:
        ran.append(named["record"]["version"])
        return measure(*arguments, **named)

    monkeypatch.setattr(module, "evaluate_scenes", counted)
    yield ran


@pytest.mark.parametrize("kind", ["point", "box", "mask", "mixed"])
def test_a_random_network_is_measured(kind: str, tmp_path: Path) -> None:
    config = EvaluationConfig(type=kind, num_points=2, num_negative_points=1, noisy=True)  # type: ignore[arg-type]
    scores = evaluate_checkpoint(tiny_spec(), scenes(), config, tmp_path / "out", device="cpu")
    assert set(scores.figures) >= {"iou", "dice", "mae", "f", "j_and_f", "iou_first_mask"}
    assert scores.items.num_rows == FRAMES
    assert scores.record["model"] == "tiny-0"
    assert scores.record["scene_keys"] == ["made.scene"]
    assert not list(tmp_path.glob(".*")), "nothing half-written stays"


def test_an_evaluation_is_not_repeated(trained: Path, tmp_path: Path, runs: list[str]) -> None:
    model, out = trained / "rooms-box" / "model.yaml", tmp_path / "out"
    first = evaluate_checkpoint(model, scenes(), EvaluationConfig(), out, device="cpu")
    again = evaluate_checkpoint(model, scenes(), EvaluationConfig(), out, device="cpu")
    assert (len(runs), again.figures) == (1, first.figures)
    evaluate_checkpoint(model, scenes(), EvaluationConfig(seed=1), out, device="cpu")
    assert len(runs) == 2, "other settings"
    evaluate_checkpoint(
        trained / "rooms-mask" / "last.pt", scenes(), EvaluationConfig(seed=1), out, device="cpu"
    )
    assert len(runs) == 3, "other weights"
    moved = {1: (0, {t: disc(13, 20, 8) for t in range(FRAMES)})}
    evaluate_checkpoint(model, [scene_of(moved, FRAMES)], EvaluationConfig(), out, device="cpu")
    assert len(runs) == 4, "other data"
    evaluate_checkpoint(model, [scene_of(moved, FRAMES)], EvaluationConfig(), out, device="cpu", refresh=True)
    assert len(runs) == 5


def test_many_checkpoints(trained: Path, tmp_path: Path, runs: list[str]) -> None:
    models = find_checkpoints(trained)
    assert [checkpoint_name(model) for model in models] == ["rooms-box", "rooms-mask"]
    one = evaluate_many(models, scenes(), EvaluationConfig(), tmp_path, filter="*box", device="cpu")
    assert (list(one.scores), len(runs)) == (["rooms-box"], 1)
    every = evaluate_many(models, scenes(), EvaluationConfig(), tmp_path, device="cpu")
    assert (list(every.scores), len(runs)) == (["rooms-box", "rooms-mask"], 2), "the first is read back"
    table = read_table(tmp_path / "comparison.parquet", METRICS).to_pylist()
    found = {
        row["scene"]: row["value"]
        for row in table
        if (row["metric"], row["aggregation"]) == ("iou", IMAGE_VIDEO_OVERALL)
    }
    assert found == {
        name: pytest.approx(scores.figures["iou"], abs=1e-6) for name, scores in every.scores.items()
    }


def test_one_broken_checkpoint_does_not_stop_the_others(trained: Path, tmp_path: Path) -> None:
    root = tmp_path / "experiments"
    shutil.copytree(trained, root)
    (root / "rooms-box" / "last.pt").write_bytes(b"no checkpoint")
    spec = yaml.safe_load((root / "rooms-box" / "model.yaml").read_text())
    spec["source"]["path"] = str(root / "rooms-box" / "last.pt")
    (root / "rooms-box" / "model.yaml").write_text(yaml.safe_dump(spec))
    many = evaluate_many(find_checkpoints(root), scenes(), EvaluationConfig(), tmp_path / "out", device="cpu")
    assert list(many.scores) == ["rooms-mask"]
    assert "cannot be read as weights" in many.failed["rooms-box"]
    assert not (tmp_path / "out" / "rooms-box").exists()


def test_all_checkpoints_of_a_model(trained: Path) -> None:
    names = ("sam2.1-hiera-tiny", "sam2.1-hiera-small", "scene:davis.bear", "experiment:rooms_minute@main")
    assert [checkpoint_name(name) for name in names] == list(names)
    found = find_checkpoints(trained, all_of_them=True)
    assert [checkpoint_name(path) for path in found] == ["rooms-box-last", "rooms-mask-last"]


@pytest.mark.parametrize(
    ("name", "filter", "expected"),
    [
        ("endovis17-3", "endovis17", True),
        ("endovis18-3", "endovis17", False),
        ("endovis17-3", "endovis17*", True),
        ("x-endovis17-3", "endovis17*", False),
        ("nano", "", True),
    ],
)
def test_filters(name: str, filter: str, expected: bool) -> None:
    assert matches(name, filter) is expected


def test_what_is_not_there_is_named(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"matches 'oak'; known: rooms-box, rooms-mask"):
        evaluate_many(find_checkpoints(trained), scenes(), EvaluationConfig(), tmp_path, filter="oak")
    with pytest.raises(BadInput, match=r"rooms-box more than once"):
        evaluate_many([trained / "rooms-box/model.yaml"] * 2, scenes(), EvaluationConfig(), tmp_path)
    with pytest.raises(MissingInput, match=r"no model.yaml below"):
        find_checkpoints(tmp_path)
    with pytest.raises(MissingInput, match=r"no checkpoint at"):
        evaluate_checkpoint(tmp_path / "none.pt", scenes(), EvaluationConfig(), tmp_path / "out")
    (tmp_path / "alone.pt").write_bytes(b"")
    with pytest.raises(MissingInput, match=r"expected a model.yaml beside it"):
        evaluate_checkpoint(tmp_path / "alone.pt", scenes(), EvaluationConfig(), tmp_path / "out")
    with pytest.raises(BadConfig, match=r"Did you mean 'nano'"):
        evaluate_checkpoint("nanoo", scenes(), EvaluationConfig(), tmp_path / "out")


def test_real_footage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGASSETS_DATA", str(shared_data("davis16_dev").parent))
    config = EvaluationConfig(type="box", max_frames=3)
    opened = list(open_true_scenes("davis16_dev", ["davis16_dev.blackswan"]))
    scores = evaluate_checkpoint("nano", opened, config, tmp_path / "out", device="cpu")
    assert scores.items.num_rows == 3
    assert np.isfinite(list(scores.figures.values())).all()
    assert scores.figures["iou"] > 0.2
