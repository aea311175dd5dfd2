"""Op configs made from the stages' own pydantic models: one definition of every field, its default and its meaning.

Dagster wants subclasses of `dg.Config`, the stages know no Dagster; here the former are derived from the latter, with
the defaults of a deployment (run YAML and environment) shown in the UI's launchpad.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import dagster as dg
import pydantic

from segassets.strict import parse


def op_config(name: str, models: Mapping[str, pydantic.BaseModel] | pydantic.BaseModel) -> type[dg.Config]:
    """A config class with the fields of the given models, whose values are its defaults.

    Args:
        name: class name, shown in the UI.
        models: one instance, or several whose fields are laid side by side.
    """
    instances = [models] if isinstance(models, pydantic.BaseModel) else list(models.values())
    fields: dict[str, Any] = {}
    for instance in instances:
        for field_name, field in type(instance).model_fields.items():
            fields[field_name] = _field(f"{name}_{field_name}", field, getattr(instance, field_name))
    return pydantic.create_model(name, __base__=dg.Config, **fields)


def _field(name: str, field: pydantic.fields.FieldInfo, value: Any) -> tuple[Any, Any]:
    """(type, field) with `value` as default; a nested model becomes a nested config."""
    field = copy.copy(field)
    field.default_factory = None
    if isinstance(value, pydantic.BaseModel):
        nested = op_config(name, value)
        field.default = nested(**value.model_dump())
        return nested, field
    field.default = value
    return _known_to_dagster(field), field


def _known_to_dagster(field: pydantic.fields.FieldInfo) -> Any:
    """The annotation; an optional choice becomes optional text, with its words in the description."""
    choices = [arm for arm in get_args(field.annotation) if get_origin(arm) is Literal]
    if not choices:
        return field.annotation
    words = ", ".join(str(word) for word in get_args(choices[0]))
    field.description = f"{field.description} One of: {words}."
    return str | None


def stage_config(model: type[pydantic.BaseModel], config: dg.Config, where: str) -> Any:
    """The stage's own model back from an op config (which may hold fields of other models as well).

    Raises:
        BadConfig: values the model refuses, by name.
    """
    values = config.model_dump()
    return parse(model, {name: values[name] for name in model.model_fields if name in values}, where)
