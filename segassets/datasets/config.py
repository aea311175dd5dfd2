"""A dataset as a YAML file: where footage lies, how it is laid out, which scenes and frames are used."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, PrivateAttr, field_validator

from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, MissingInput, did_you_mean
from segassets.storage.atomic import write_text
from segassets.storage.keys import check_scene_key
from segassets.strict import StrictModel, parse
from segassets.yaml_files import read_yaml

LayoutName = Literal[
    "folder",
    "video",
    "coco",
    "davis",
    "ytvis",
    "multiscan",
    "multiscan_decoded",
    "hololens_rgbd",
    "class_maps",
    "coco_video",
    "roboflow",
    "sa1b",
    "sav",
    "voc",
    "cityscapes",
    "rooms",
]

_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def _check_value(check: Callable[[str], object], text: str) -> None:
    """Runs a check inside a validator, where pydantic only adds the key's name to a ValueError."""
    try:
        check(text)
    except BadConfig as error:
        raise ValueError(str(error)) from error


class SceneRange(StrictModel):
    """Scenes from `start` to `end`, both included, in the order of their names as text."""

    start: str | None = Field(None, description="First scene name; from the beginning when not given.")
    end: str | None = Field(None, description="Last scene name, included; to the end when not given.")


class SceneOverride(StrictModel):
    """What one scene has otherwise than its dataset."""

    frames: str | None = Field(None, description="Frame selection of this scene, a Python slice as text.")
    options: dict[str, Any] = Field({}, description="Options of the layout for this scene.")

    @field_validator("frames")
    @classmethod
    def _frames(cls, text: str | None) -> str | None:
        _check_value(parse_frames, text or "")
        return text


class DatasetConfig(StrictModel):
    """One dataset: any number of scenes in one layout under one root."""

    name: str = Field(description="Name of the dataset, first part of its scenes' keys; without a dot.")
    description: str = Field("", description="What it is, where to get it, its licence.")
    layout: LayoutName = Field(description="How the files lie; see docs/formats.md.")
    root: str = Field(description="Local path or fsspec URL, with ${VARIABLE} or ${VARIABLE:-default}.")
    scenes: Literal["all"] | list[str] | SceneRange = Field(
        "all", description="Scenes in use: all, a list of names, or a range {start, end}, both included."
    )
    frames: str = Field("", description="Frame selection, a Python slice as text; empty takes all.")
    overrides: dict[str, SceneOverride] = Field({}, description="By scene name: what differs for that scene.")
    options: dict[str, Any] = Field({}, description="Options of the layout.")
    required_categories: Literal["all"] | list[str] | None = Field(
        None,
        description="Categories that must have masks in what a training reads: all, or these names. Empty: all of the "
        "layouts class_maps, coco_video and roboflow, none of the others.",
    )
    follow_links: bool = Field(False, description="Read symbolic links that lead out of the root.")

    _base: Path = PrivateAttr(default_factory=Path.cwd)

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if "." in name:
            raise ValueError("expected a name without a dot (a dot separates dataset and scene in a key)")
        _check_value(check_scene_key, name)
        return name

    @field_validator("frames")
    @classmethod
    def _frames(cls, text: str) -> str:
        _check_value(parse_frames, text)
        return text

    def root_url(self) -> str:
        """The root with variables filled in; a relative path starts where the configs/ folder lies.

        Raises:
            MissingInput: an environment variable is not set.
        """
        text = expand(self.root, f"dataset {self.name!r}")
        if "://" in text:
            return text
        return str(self._base / Path(text).expanduser())

    def frames_of(self, scene: str) -> str:
        """The frame selection in force for a scene."""
        override = self.overrides.get(scene)
        return self.frames if override is None or override.frames is None else override.frames

    def options_of(self, scene: str) -> dict[str, Any]:
        """The layout's options in force for a scene."""
        override = self.overrides.get(scene)
        return self.options if override is None else {**self.options, **override.options}

    def key_of(self, scene: str) -> str:
        """The partition key of a scene; a single piece of footage is known by its dataset's name."""
        return self.name if scene == self.name else f"{self.name}.{scene}"


def parse_frames(text: str) -> slice:
    """`start:end:step` with Python's meaning as a slice; an empty text takes all frames.

    Raises:
        BadConfig: not a slice, or a step of 0.
    """
    if not text.strip():
        return slice(None)
    match = _SLICE.fullmatch(text)
    if not match:
        raise BadConfig(f"expected frames as start:end:step, such as 1200:1600:20, found {text!r}")
    start, end, step = (None if part is None else int(part) for part in match.groups())
    if step == 0:
        raise BadConfig(f"expected a step other than 0, found frames {text!r}")
    return slice(start, end, step)


def expand(text: str, where: str) -> str:
    """`text` with ${VARIABLE} and ${VARIABLE:-default} filled in from the environment.

    Raises:
        MissingInput: a variable without a default is not set.
    """

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = os.environ.get(name) or default
        if found is None:
            raise MissingInput(f"{where}: variable {name} is not set; export {name}=/path/to/data")
        return found

    return _VARIABLE.sub(value, text)


def list_datasets() -> list[str]:
    """Names of the datasets that have a file in configs/datasets/, sorted."""
    return sorted(path.stem for path in (configs_dir() / "datasets").glob("*.yaml"))


def load_dataset(name_or_path: str | os.PathLike[str]) -> DatasetConfig:
    """The dataset of a name in configs/datasets/ or of a YAML file, checked down to its layout's options.

    Raises:
        BadConfig: unknown name (with the nearest known), unknown key (likewise), or a wrong value.
    """
    path = dataset_file(os.fspath(name_or_path))
    data = read_yaml(path)
    if isinstance(data, dict):
        data.setdefault("name", path.stem)
    config = parse(DatasetConfig, data, str(path))
    if config.name != path.stem:
        raise BadConfig(f"{path}: expected name {path.stem!r} like its file, found {config.name!r}")
    in_configs = path.parent.name == "datasets" and path.parent.parent.name == "configs"
    config._base = path.parent.parent.parent if in_configs else path.parent
    from segassets.datasets.layouts import check_options  # layouts build on this module

    check_options(config, str(path))
    return config


def dataset_file(name_or_path: str) -> Path:
    """The YAML file of a dataset's name, or the path itself when it is one."""
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path).expanduser().resolve()
        if not path.is_file():
            raise MissingInput(f"expected a dataset's YAML at {path}, found nothing")
        return path
    path = configs_dir() / "datasets" / f"{name_or_path}.yaml"
    if "/" in name_or_path or not path.is_file():
        known = list_datasets()
        hint = did_you_mean(name_or_path, known)
        raise BadConfig(f"unknown dataset {name_or_path!r} in {path.parent}.{hint}")
    return path


def write_dataset_config(config: DatasetConfig, path: str | os.PathLike[str] | None = None) -> Path:
    """Writes the dataset as YAML, by default configs/datasets/<name>.yaml; a file there is not replaced.

    Raises:
        BadConfig: there is a file of this name with other contents.
    """
    target = Path(path) if path is not None else configs_dir() / "datasets" / f"{config.name}.yaml"
    data = config.model_dump(exclude_defaults=True)
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    if target.exists() and read_yaml(target) != data:
        raise BadConfig(f"{target} exists and holds another dataset; choose another name, or edit the file")
    write_text(target, text)
    return target
