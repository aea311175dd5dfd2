"""Every setting there is: name, kind, default, meaning; for the command line and the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import pydantic

from segassets.config.load import SHORT_NAMES
from segassets.config.settings import Settings
from segassets.strict import union_arms

NEEDED = object()  # the default of a setting that has none


@dataclass(frozen=True)
class Setting:
    """One setting; `path` are its keys from the top, `short` its name at the top level where it has one."""

    path: tuple[str, ...]
    kind: str
    default: Any
    description: str

    @property
    def name(self) -> str:
        """Dotted name, as on the command line."""
        return ".".join(self.path)

    @property
    def short(self) -> str | None:
        """Its short name."""
        return next((short for short, name in SHORT_NAMES.items() if name == self.name), None)


def all_settings(model: type[pydantic.BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Every setting, sections in their order, their fields inside them."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, pydantic.BaseModel):
            yield from all_settings(inner, (*path, name))
            continue
        default = NEEDED if field.is_required() else field.get_default(call_default_factory=True)
        yield Setting((*path, name), _kind(inner), default, (field.description or "").rstrip("."))


def value_at(settings: Settings, path: tuple[str, ...]) -> Any:
    """The value at `path`."""
    value: Any = settings
    for key in path:
        value = getattr(value, key)
    return value


def markdown(model: type[pydantic.BaseModel] = Settings) -> str:
    """The table of the documentation: of a run, or of another configuration."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in all_settings(model):
        name = f"`{setting.name}`" + (f", `{setting.short}`" if setting.short else "")
        meaning = f"{setting.description} ({setting.kind})".replace("|", "\\|")
        needed = setting.default is NEEDED
        lines.append(f"| {name} | {'needed' if needed else f'`{text(setting.default)}`'} | {meaning} |")
    return "\n".join(lines)


def text(value: Any) -> str:
    """A value as it is written in YAML, on one line."""
    if isinstance(value, pydantic.BaseModel):
        value = value.model_dump()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {text(item)}" for key, item in value.items()) + "}"
    return str(value) if value != "" else '""'


def _kind(annotation: Any) -> str:
    """The type in words: `one of mask, box`, `list of whole numbers`."""
    return " or ".join(word for arm in union_arms(annotation) if (word := _word(arm)))


def _word(kind: Any) -> str:
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return str(choices[0]) if len(choices) == 1 else "one of " + ", ".join(map(str, choices))
    if get_origin(kind) is list:
        arms = union_arms(get_args(kind)[0])
        if all(get_origin(arm) is Literal for arm in arms):
            return "some of " + ", ".join(str(choice) for arm in arms for choice in get_args(arm))
        return (
            "list of sections"
            if any(map(_is_model, arms))
            else f"list of {' or '.join(f'{_word(arm)}s' for arm in arms)}"
        )
    if get_origin(kind) is dict:
        return "keys and values"
    if get_origin(kind) is tuple:
        return f"[{', '.join(map(_word, get_args(kind)))}]"
    if _is_model(kind):
        return "{" + ", ".join(kind.model_fields) + "}"
    names = {bool: "true or false", int: "whole number", float: "number", str: "text", type(None): "null"}
    return names.get(kind, "")


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)
