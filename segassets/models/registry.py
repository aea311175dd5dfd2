"""Models by name: the files of `configs/models/`. Imports no model."""

from __future__ import annotations

from pathlib import Path

import yaml

from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, MissingInput, did_you_mean
from segassets.models.spec import ModelSpec
from segassets.strict import parse


def list_models() -> list[str]:
    """Names of all models, sorted."""
    return sorted(path.stem for path in (configs_dir() / "models").glob("*.yaml"))


def load_spec(name_or_path: str) -> ModelSpec:
    """The description of a model.

    Args:
        name_or_path: a name of `configs/models/`, or the path of such a file.

    Raises:
        BadConfig: there is no such model (names the nearest), or its file is wrong (names the key).
    """
    path = _path_of(name_or_path)
    try:
        data = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise BadConfig(f"{path}: not YAML: {error}") from error
    spec = parse(ModelSpec, data, str(path))
    if spec.name != path.stem:
        raise BadConfig(f"{path}: 'name': expected '{path.stem}' as the file is called, found '{spec.name}'")
    return spec


def weights_state(spec: ModelSpec) -> str:
    """ "here", "download" (comes from the hub on first use), or what is missing and how to get it."""
    from segassets.models.sam2.weights import find_weights

    try:
        return "here" if spec.source.kind == "random" or find_weights(spec) else "download"
    except MissingInput as error:
        return str(error)


def _path_of(name_or_path: str) -> Path:
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if path.is_file():
            return path
        raise BadConfig(f"model: no file {path}")
    if name_or_path not in (names := list_models()):
        folder = configs_dir() / "models"
        raise BadConfig(
            f"model: there is no '{name_or_path}' in {folder}.{did_you_mean(name_or_path, names)}"
        )
    return configs_dir() / "models" / f"{name_or_path}.yaml"
