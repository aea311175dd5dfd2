"""One training: every field a YAML in `configs/experiments/` may hold. Imports no torch."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, MissingInput, did_you_mean
from segassets.evaluation.prompts import EvaluationConfig
from segassets.learning.clip_config import AugmentConfig, ClipData
from segassets.learning.promptable_config import FromNothingConfig
from segassets.learning.training_config import (
    CheckpointConfig,
    LoggingConfig,
    LossConfig,
    ModuleConfig,
    OptimizerConfig,
    PromptConfig,
    ScheduleConfig,
    TrainerConfig,
)
from segassets.learning.views_config import ViewsConfig
from segassets.learning.vis_config import VisConfig
from segassets.learning.vis_rooms_config import VisRoomsConfig
from segassets.storage.keys import check_scene_key
from segassets.strict import StrictModel, parse
from segassets.yaml_files import parse_yaml, read_yaml

Recipe = Literal["sam2", "from_nothing", "depth_from_rooms", "words_from_rooms", "vis", "vis_from_rooms"]
ALL_OBJECTS = 100  # of a clip, for a network that is to find them all


class DataConfig(StrictModel):
    """Clips to learn from and clips to judge by."""

    train: list[ClipData] = Field([], description="Sources of training clips, mixed.")
    val: list[ClipData] = Field([], description="Sources of validation clips; empty for none (and no best).")
    workers: int = Field(
        0, ge=0, description="Processes that load clips; 0 loads them in the training's own."
    )


class Experiment(StrictModel):
    """One file of `configs/experiments/`."""

    name: str = Field(description="Name of the experiment; that of its file.")
    description: str = Field("", description="One line about it.")
    recipe: Recipe = Field(
        "sam2",
        description="How it learns: sam2's own training network and loss, or a small network from random values on "
        "generated rooms (only the from_nothing section counts then), or the nano networks for depth and for words on "
        "views of those (only the views section counts); vis: a SeqFormer on clips; vis_from_rooms: a small SeqFormer "
        "on generated rooms (only the section of that name counts).",
    )
    model: str = Field(
        "nano", description="Name of a model in configs/models/: architecture and first weights."
    )
    image_size: int | None = Field(
        None, ge=32, le=4096, description="Side of the square input in px; empty for the model's own."
    )
    seed: int = Field(
        0, ge=0, description="Of everything drawn: clips, prompts, augmentation, new parameters."
    )
    data: DataConfig = Field(DataConfig(), description="Clips.")
    augment: AugmentConfig = Field(AugmentConfig(), description="Changes drawn for every training clip.")
    prompts: PromptConfig = Field(PromptConfig(), description="What the network is told.")
    loss: LossConfig = Field(LossConfig(), description="What it is held to.")
    modules: ModuleConfig = Field(ModuleConfig(), description="Which of its parts learn.")
    optimizer: OptimizerConfig = Field(OptimizerConfig(), description="How they learn.")
    schedule: ScheduleConfig = Field(ScheduleConfig(), description="Learning rate over time.")
    trainer: TrainerConfig = Field(TrainerConfig(), description="How long and on what.")
    checkpoints: CheckpointConfig = Field(CheckpointConfig(), description="What is kept.")
    logging: LoggingConfig = Field(LoggingConfig(), description="Curves and pictures.")
    from_nothing: FromNothingConfig | None = Field(None, description="Of the recipe of that name.")
    views: ViewsConfig | None = Field(
        None, description="Of the recipes depth_from_rooms and words_from_rooms."
    )
    vis: VisConfig = Field(VisConfig(), description="Of the recipe of that name.")
    vis_from_rooms: VisRoomsConfig | None = Field(None, description="Of the recipe of that name.")
    evaluation: EvaluationConfig = Field(
        EvaluationConfig(), description="How its checkpoint is evaluated afterwards."
    )

    @property
    def finds_instances(self) -> bool:
        """Whether it trains a network that finds instances by itself, and not one that follows prompts."""
        return self.recipe.startswith("vis")

    @model_validator(mode="before")
    @classmethod
    def _all_objects(cls, data: Any) -> Any:
        """An object left out of a clip would be taught as background: `vis` takes all where nothing else is said."""
        if not isinstance(data, dict) or data.get("recipe") != "vis":
            return data
        found = copy.deepcopy(data)
        clips = found.get("data")
        for side in ("train", "val"):
            for source in (clips.get(side) or ()) if isinstance(clips, dict) else ():
                if isinstance(source, dict):
                    source.setdefault("max_objects", ALL_OBJECTS)
        return found

    @model_validator(mode="after")
    def _has_its_sections(self) -> Experiment:
        if self.recipe in ("sam2", "vis") and not self.data.train:
            raise ValueError("'data.train': expected at least one source of clips")
        section = {"depth_from_rooms": "views", "words_from_rooms": "views"}.get(self.recipe, self.recipe)
        if section not in ("sam2", "vis") and getattr(self, section) is None:
            raise ValueError(f"'{section}': this recipe needs that section (it may be empty: {{}})")
        return self

    @field_validator("name")
    @classmethod
    def _is_key(cls, value: str) -> str:
        try:
            return check_scene_key(value)
        except BadConfig as error:
            raise ValueError(str(error)) from None

    @field_validator("image_size")
    @classmethod
    def _whole_features(cls, value: int | None) -> int | None:
        if value is not None and value % 32:
            raise ValueError("expected a multiple of 32")
        return value


def list_experiments() -> list[str]:
    """Names of all experiments of `configs/experiments/`, sorted."""
    return sorted(path.stem for path in experiments_dir().glob("*.yaml"))


def experiments_dir() -> Path:
    """The folder of the experiments; it need not exist."""
    return configs_dir() / "experiments"


def load_experiment(name_or_path: str | Path, overrides: Iterable[str] = ()) -> Experiment:
    """An experiment with values of the command line over those of its file.

    Args:
        name_or_path: a name of `configs/experiments/`, or the path of such a file.
        overrides: `key.path=value` texts, the value in YAML; items of lists by their number
            (`data.train.0.frames=4`), or of all of them by `*` (`data.train.*.frames=4`).

    Raises:
        MissingInput: there is no such experiment (names the nearest).
        BadConfig: the file or an override is wrong (names the key).
    """
    path = _path_of(str(name_or_path))
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise BadConfig(f"{path}: expected keys and values, found {type(data).__name__}")
    if data.get("name") != path.stem:
        raise BadConfig(
            f"{path}: 'name': expected '{path.stem}' as the file is called, found {data.get('name')!r}"
        )
    parse(Experiment, data, str(path))  # so that an error of the file is not blamed on the command line
    if not (texts := list(overrides)):
        return parse(Experiment, data, str(path))
    return parse(Experiment, override(data, texts), f"{path} with {' '.join(texts)}")


def override(data: dict[str, Any], texts: Iterable[str]) -> dict[str, Any]:
    """A copy of nested values with `key.path=value` texts laid over it.

    Raises:
        BadConfig: a text without `=`, or a list item that is not there.
    """
    found = copy.deepcopy(data)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BadConfig(f"expected key.path=value, found {text!r}")
        _set(found, name.strip().split("."), parse_yaml(value, text) if value.strip() else None, text)
    return found


def _set(node: Any, keys: Sequence[str], value: Any, text: str) -> None:
    first, *rest = keys
    if isinstance(node, list):
        if first != "*" and not (first.isdigit() and int(first) < len(node)):
            raise BadConfig(f"{text!r}: expected a number below {len(node)} or * where {first!r} is")
        places: list[Any] = list(range(len(node))) if first == "*" else [int(first)]
    elif isinstance(node, dict):
        places = [first]
    else:
        raise BadConfig(f"{text!r}: there is nothing under {first!r}")
    for place in places:
        if not rest:
            node[place] = value
            continue
        if isinstance(node, dict) and node.get(place) is None:
            node[place] = {}
        _set(node[place], rest, value, text)


def _path_of(name_or_path: str) -> Path:
    if name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    if name_or_path not in (names := list_experiments()):
        raise MissingInput(
            f"experiment: there is no '{name_or_path}' in {experiments_dir()}.{did_you_mean(name_or_path, names)}"
        )
    return experiments_dir() / f"{name_or_path}.yaml"
