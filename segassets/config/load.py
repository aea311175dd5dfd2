"""Where a run's values come from: command line, environment, YAML, what suits the model, defaults: the first wins."""

from __future__ import annotations

import copy
import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segassets.config.settings import Settings
from segassets.config.values import parse_value
from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, MissingInput, SegassetsError, did_you_mean
from segassets.models.registry import load_spec
from segassets.models.trained import is_reference
from segassets.storage.store import ArtifactStore
from segassets.strict import parse, section_at
from segassets.yaml_files import read_yaml

PREFIX = "SEGASSETS_"
MODELS = ("model", "depth_model", "embedding_model")  # settings that name one
SHORT_NAMES = {
    "levels": "candidates.levels",
    "keyframe_stride": "candidates.keyframe_stride",
    "min_area": "filtering.min_area",
    "stability": "filtering.stability",
    "max_propagate": "tracking.max_propagate",
}
# Read elsewhere; not settings of a run.
OTHER_VARIABLES = {"CONFIGS", "CACHE", "DATA", "DEBUG", "ROOMS", "SHARED_DATA", "TAGS"}


@dataclass(frozen=True)
class Layer:
    """Values from one source, as nested sections, with the words an error uses for it."""

    where: str
    values: dict[str, Any]


def load_settings(
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of one run.

    Args:
        config: a YAML file, or the name of one in `configs/runs/`; None for defaults and environment alone.
        overrides: `key.path=value` texts from the command line, the value in YAML.
        options: dotted or short names from named command-line options; None values are not given.
        environ: stands for os.environ in tests.

    Raises:
        BadConfig: an unknown key or a wrong value, with the place it was written at.
        MissingInput: there is no such configuration.
    """
    return settings_of(load_layers(config, overrides, options, environ))


def load_layers(
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[Layer]:
    """The sources of a run's values, the strongest last; arguments and errors as in `load_settings`."""
    return [
        yaml_layer(find_config(config)) if config is not None else Layer("defaults", {}),
        environment_layer(os.environ if environ is None else environ),
        override_layer(overrides, options or {}),
    ]


def settings_of(layers: Sequence[Layer]) -> Settings:
    """The settings that the layers give, one over the other, all of them over what suits the models they choose."""
    merged: dict[str, Any] = {}
    for layer in layers:
        _merge(merged, layer.values)
    chosen = [str(merged.get(name, Settings.model_fields[name].default)) for name in MODELS]
    layers = [*(model_layer(name, merged) for name in chosen), *layers]
    merged = {}
    for layer in layers:
        _merge(merged, layer.values)
    return parse(Settings, merged, lambda path: source_of(layers, path) or layers[len(MODELS)].where)


def source_of(layers: Sequence[Layer], path: Sequence[str]) -> str | None:
    """Where the value at `path` was written; None for a default."""
    return next((layer.where for layer in reversed(layers) if _has(layer.values, path)), None)


def find_config(config: str | Path) -> Path:
    """The file named by a path or by a name in `configs/runs/`.

    Raises:
        MissingInput: neither exists; lists the names there are.
    """
    path = Path(config)
    if path.is_file():
        return path
    folder = configs_dir() / "runs"
    named = folder / f"{path.name.removesuffix('.yaml')}.yaml"
    if path.parent == Path() and named.is_file():
        return named
    known = [item.stem for item in folder.glob("*.yaml")]
    raise MissingInput(f"no run configuration {config}: no such file.{did_you_mean(path.stem, known)}")


def model_layer(name: str, values: Mapping[str, Any] | None = None) -> Layer:
    """The settings that suit a model's scores, from its file; nothing for a model that is not configured, or not
    trained (whoever loads it says so).

    Args:
        name: of `configs/models/`, the path of such a file, or a trained one: `experiment:<name>`.
        values: of the run, which say where a trained model lies.
    """
    if is_reference(name):
        return Layer(f"model {name}", _settings_of_trained(name, values or {}))
    path = Path(name) if name.endswith((".yaml", ".yml")) else configs_dir() / "models" / f"{name}.yaml"
    return Layer(str(path), load_spec(name).settings if path.is_file() else {})


def _settings_of_trained(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {key: Settings.model_fields[key].default for key in ("output_root", "name", "tag")}
    where: dict[str, Any] = {key: str(values.get(key, default)) for key, default in defaults.items()}
    place = Settings.model_construct(**where)
    try:
        return load_spec(name, ArtifactStore(place.root, place.tag)).settings
    except SegassetsError:
        return {}


def yaml_layer(path: Path) -> Layer:
    """Values of a YAML file, short names resolved."""
    data = {} if (found := read_yaml(path)) is None else found
    if not isinstance(data, dict):
        raise BadConfig(f"{path}: expected keys and values, found {type(data).__name__}")
    return Layer(str(path), _resolve_short_names(data, str(path)))


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Values of `SEGASSETS_<NAME>` and `SEGASSETS_<SECTION>__<NAME>`.

    Variables that resemble no setting are left alone (other programs name theirs alike).

    Raises:
        BadConfig: a section has no such key, or a variable is one letter or two away from a setting.
    """
    values: dict[str, Any] = {}
    known = [*Settings.model_fields, *SHORT_NAMES]
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        name = variable.removeprefix(PREFIX)
        path = name.lower().split("__")
        where = f"environment variable {variable}"
        if path[0] in known:
            _set(values, path, environ[variable], where)
        elif name not in OTHER_VARIABLES and (near := difflib.get_close_matches(path[0], known, 1, 0.85)):
            raise BadConfig(f"{where}: no such setting. Did you mean {PREFIX}{near[0].upper()}?")
    return Layer("environment", values)


def override_layer(overrides: Iterable[str], options: Mapping[str, Any]) -> Layer:
    """Values of named options and of `key.path=value` texts; the latter win.

    Raises:
        BadConfig: a text without `=`, or an unknown key.
    """
    values: dict[str, Any] = {}
    for name, value in options.items():
        if value is not None:
            _set(values, name.split("."), value, f"option --{name.rsplit('.', 1)[-1].replace('_', '-')}")
    for text in overrides:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BadConfig(f"command line: expected key.path=value, found {text!r}")
        _set(values, name.strip().split("."), value, f"command line {text!r}")
    return Layer("command line", values)


def _set(values: dict[str, Any], path: list[str], value: Any, where: str) -> None:
    """Put a value, parsed for its field when it is text, at `path`, a dotted or short name."""
    if len(path) == 1 and path[0] in SHORT_NAMES:
        path = SHORT_NAMES[path[0]].split(".")
    owner = section_at(Settings, path[:-1])
    if owner is None or path[-1] not in owner.model_fields:
        depth = next(n for n in range(len(path)) if not _is_key(path[: n + 1]))
        holder = section_at(Settings, path[:depth])
        known = [*holder.model_fields, *(SHORT_NAMES if depth == 0 else ())] if holder else []
        wrong = ".".join(path[: depth + 1])
        raise BadConfig(f"{where}: unknown key '{wrong}'.{did_you_mean(path[depth], known)}")
    for section in path[:-1]:
        values = values.setdefault(section, {})
    annotation = owner.model_fields[path[-1]].annotation
    values[path[-1]] = parse_value(value, annotation, where) if isinstance(value, str) else value


def _is_key(path: list[str]) -> bool:
    owner = section_at(Settings, path[:-1])
    return owner is not None and path[-1] in owner.model_fields


def _resolve_short_names(values: dict[str, Any], where: str) -> dict[str, Any]:
    """The same values with every short name moved to the field it stands for."""
    resolved = {key: value for key, value in values.items() if key not in SHORT_NAMES}
    for short, name in SHORT_NAMES.items():
        if short not in values:
            continue
        section, field = name.split(".")
        holder = resolved.get(section) or {}
        if not isinstance(holder, dict) or holder.get(field, values[short]) != values[short]:
            raise BadConfig(f"{where}: '{short}' is short for '{name}', which has another value; keep one")
        resolved[section] = {**holder, field: values[short]}
    return resolved


def _merge(base: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Lay `above` over `base`, section by section; lists are replaced whole."""
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = copy.deepcopy(value)


def _has(values: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(values, dict) or key not in values:
            return isinstance(values, list) and key.isdigit()
        values = values[key]
    return True
