"""Text from the command line or the environment as the value a field takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

import pydantic

from segassets.errors import BadConfig
from segassets.strict import union_arms
from segassets.yaml_files import parse_yaml

_NOTHING = ("", "null", "none", "~")


def parse_value(text: str, annotation: Any, where: str) -> Any:
    """`text` read for a field of type `annotation`.

    A field of text keeps it (`frames=10:50:2`, `tag=2024`); a list may be written `2,4,6`; the rest is YAML.

    Raises:
        BadConfig: it is not YAML.
    """
    arms = union_arms(annotation)
    if text.strip().lower() in _NOTHING and type(None) in arms:
        return None
    if text.lstrip().startswith(("[", "{", '"', "'")):
        return parse_yaml(text, where)
    if any(arm is str or get_origin(arm) is Literal for arm in arms) and not _is_scalar_choice(text, arms):
        return text
    item = next((get_args(arm)[0] for arm in arms if get_origin(arm) in (list, tuple, set)), None)
    if item is not None:
        return [parse_value(part.strip(), item, where) for part in text.split(",") if part.strip()]
    return parse_yaml(text, where)


def parse_options(model: type[pydantic.BaseModel], texts: Iterable[str], where: str) -> dict[str, Any]:
    """`key=value` texts as values for the fields of `model`; unknown keys are left to its validation.

    Raises:
        BadConfig: a text without `=`.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadConfig(f"{where}: expected key=value, found {text!r}")
        field = model.model_fields.get(name)
        values[name] = value if field is None else parse_value(value, field.annotation, where)
    return values


def _is_scalar_choice(text: str, arms: list[Any]) -> bool:
    """Whether another arm (a number, true/false) reads `text` better than the textual one."""
    value = parse_yaml(text, "value") if text.strip() else text
    return any(isinstance(arm, type) and arm is not str and isinstance(value, arm) for arm in arms)
