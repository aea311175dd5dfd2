"""Experiments as files: all load, presets say what their documents say; overrides and combinations."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from segassets.datasets.config import load_dataset
from segassets.errors import BadConfig, MissingInput
from segassets.learning.combinations import generate_experiments
from segassets.learning.experiment import list_experiments, load_experiment, override
from segassets.learning.presets import loss_values, prompt_probabilities
from segassets.learning.train import identity_of
from segassets.learning.training_config import LossConfig, PromptConfig
from segassets.models.registry import list_models


@pytest.mark.parametrize("name", list_experiments())
def test_every_experiment_loads_and_names_what_is_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGASSETS_DATA", "/nowhere")
    experiment = load_experiment(name)
    assert experiment.model in list_models() and experiment.description
    for source in (*experiment.data.train, *experiment.data.val):
        load_dataset(source.dataset)


# what the documents of the two training systems say of each
@pytest.mark.parametrize(
    ("name", "image_size", "frames"),
    [
        ("cholecseg8k", 512, 8),
        ("endovis17", 384, 10),
        ("endovis18", 384, 10),
        ("floorplan_set1", 1024, 1),
        ("floorplan_set2", 640, 1),
    ],
)
def test_presets_of_datasets(name: str, image_size: int, frames: int) -> None:
    experiment = load_experiment(name)
    assert experiment.image_size == image_size
    assert {source.frames for source in experiment.data.train} == {frames}


def test_best_is_the_documents_best() -> None:
    best = load_experiment("best")
    assert (best.optimizer.learning_rate, best.optimizer.weight_decay, best.optimizer.amsgrad) == (
        4e-6,
        0.01,
        True,
    )
    assert (best.trainer.accumulate, best.trainer.precision) == (16, "16-mixed")
    assert (best.schedule.type, best.schedule.warmup_fraction) == ("cosine", 0.15)


@pytest.mark.parametrize(
    ("preset", "mask", "dice", "iou", "temperature"),
    [
        ("focal-main", 20, 1, 1, 1.0),
        ("dice-main", 1, 10, 10, 1.0),
        ("equal", 10, 10, 10, 1.0),
        ("dice-only", 0, 20, 1, 0.7),
        ("bce", 1, 0, 0, 1.0),
    ],
)
def test_loss_presets(preset: str, mask: float, dice: float, iou: float, temperature: float) -> None:
    found = loss_values(LossConfig.model_validate({"preset": preset}))
    assert (found.mask, found.dice, found.iou, found.temperature) == (mask, dice, iou, temperature)


def test_loss_overrides() -> None:
    found = loss_values(LossConfig(preset="equal", focal_gamma=2.5, mask=0.0, iou_l1=False))
    assert (found.focal_gamma, found.mask, found.dice, found.iou_l1) == (2.5, 0, 10, False)
    with pytest.raises(BadConfig, match="every weight is 0"):
        loss_values(LossConfig(preset="dice-only", dice=0, iou=0))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"type": "point"}, (1, 0)),
        ({"type": "box"}, (1, 1)),
        ({"type": "mask"}, (0, 0)),
        ({}, (0.5, 0.5)),
        ({"type": "mixed", "point_probability": 0.9}, (0.9, 0.5)),
        ({"type": "mask", "point_probability": 0.1, "box_probability": 1}, (0.1, 1)),
    ],
)
def test_prompt_probabilities(values: dict, expected: tuple) -> None:
    assert prompt_probabilities(PromptConfig.model_validate(values)) == expected


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("loss.mask=30", ("loss", "mask"), 30),
        ("loss.preset=equal", ("loss", "preset"), "equal"),
        ("optimizer.learning_rate=1.0e-5", ("optimizer", "learning_rate"), 1e-5),
        ("trainer.precision=16", ("trainer", "precision"), "16-mixed"),
        ("trainer.devices=4", ("trainer", "devices"), 4),
        ("modules.trainable=[mask_decoder]", ("modules", "trainable"), ["mask_decoder"]),
        ("trainer.clip=", ("trainer", "clip"), None),
        ("data.train.*.frames=4", ("data", "train", 0, "frames"), 4),
        ("data.val.0.batch_size=3", ("data", "val", 0, "batch_size"), 3),
    ],
)
def test_overrides(text: str, path: tuple, value: object) -> None:
    found: object = load_experiment("rooms_minute", [text]).model_dump()
    for key in path:
        found = found[key]  # type: ignore[index]
    assert found == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss.mask", "key.path=value"),
        ("loss.msak=1", "Did you mean 'mask'"),
        ("data.train.7.frames=2", "number below 1"),
        ("modules.trainable=[decoder]", "modules.trainable.0"),
        ("image_size=100", "multiple of 32"),
        ("prompts={first_frames: 2, correction_clicks: 1}", "fewer than 'first_frames'"),
    ],
)
def test_wrong_overrides_are_named(text: str, message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        load_experiment("rooms_minute", [text])


def test_unknown_experiment_names_the_nearest() -> None:
    with pytest.raises(MissingInput, match="Did you mean 'rooms_minute'"):
        load_experiment("room_minute")


def test_override_leaves_the_original() -> None:
    data = {"a": {"b": [1, {"c": 2}]}}
    assert override(data, ["a.b.1.c=5", "a.d.e=1"]) == {"a": {"b": [1, {"c": 5}], "d": {"e": 1}}}
    assert data == {"a": {"b": [1, {"c": 2}]}}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("trainer.max_minutes=9", True),
        ("trainer.max_steps=90", True),
        ("logging.examples=0", True),
        ("data.workers=2", True),
        ("optimizer.learning_rate=1.0e-3", False),
        ("trainer.accumulate=2", False),
        ("trainer.devices=2", False),
        ("seed=5", False),
    ],
)
def test_what_may_change_between_two_parts_of_a_training(text: str, same: bool) -> None:
    one, other = load_experiment("rooms_minute"), load_experiment("rooms_minute", [text])
    assert (identity_of(one, [], "") == identity_of(other, [], "")) == same


def test_combinations(tmp_path: Path) -> None:
    arguments = {"prompts": ["point", "box"], "losses": ["equal"], "modules": ["memory", "mask_decoder"]}
    paths = generate_experiments(["endovis17", "endovis18"], folder=tmp_path, **arguments)  # type: ignore[arg-type]
    assert len(paths) == len(set(paths)) == 8
    for path in paths:
        made = load_experiment(str(path))
        assert (
            made.name == path.stem
            and made.loss.preset == "equal"
            and made.prompts.type == made.evaluation.type
        )
    assert load_experiment(str(paths[1])).modules.trainable == ["mask_decoder"]
    assert generate_experiments(["endovis17", "endovis18"], folder=tmp_path, **arguments) == paths  # type: ignore[arg-type]
    paths[0].write_text(yaml.safe_dump({"name": "mine"}))
    with pytest.raises(BadConfig, match="other content"):
        generate_experiments(["endovis17", "endovis18"], folder=tmp_path, **arguments)  # type: ignore[arg-type]
    with pytest.raises(BadConfig, match="Did you mean 'box'"):
        generate_experiments(["endovis17"], prompts=["boxes"], folder=tmp_path)
