"""Base of every model people write in YAML: unknown keys are refused, with the nearest known one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, get_args

import pydantic

from segassets.errors import BadConfig, did_you_mean

M = TypeVar("M", bound=pydantic.BaseModel)


class StrictModel(pydantic.BaseModel):
    """A configuration section: immutable, no keys beyond the declared ones."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


def parse(model: type[M], data: Mapping[str, Any], where: str | Callable[[tuple[str, ...]], str]) -> M:
    """`data` as a `model`.

    Args:
        where: what the user wrote, named in the error, e.g. "configs/runs/demo.yaml"; or a function from
            the path of the wrong key to that name.

    Raises:
        BadConfig: every wrong key with its full dotted name and, for an unknown key, the nearest known.
    """
    name_of = where if callable(where) else lambda path: where
    if not isinstance(data, Mapping):
        raise BadConfig(f"{name_of(())}: expected keys and values, found {data!r}")
    try:
        return model.model_validate(data)
    except pydantic.ValidationError as error:
        lines = [_explain(model, problem, name_of) for problem in error.errors(include_url=False)]
        raise BadConfig("; ".join(dict.fromkeys(lines))) from error


def _explain(model: type[pydantic.BaseModel], problem: Any, name_of: Callable[[tuple[str, ...]], str]) -> str:
    path = _written_path(model, problem["loc"])
    name, where = ".".join(path), name_of(path)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        owner = section_at(model, path[:-1])
        return f"{where}: unknown key '{name}'.{did_you_mean(path[-1], owner.model_fields if owner else ())}"
    if problem["type"] == "missing":
        return f"{where}: missing key '{name}'"
    return f"{where}: '{name}': {message}, found {problem['input']!r}" if name else f"{where}: {message}"


def _written_path(model: type[pydantic.BaseModel], loc: Sequence[Any]) -> tuple[str, ...]:
    """The keys as the user wrote them: without the names pydantic gives to the arms of a union."""
    path: list[str] = []
    for depth, part in enumerate(loc):
        owner = section_at(model, path)
        is_key = not path or owner is not None or isinstance(part, int)
        if is_key and (owner is None or part in owner.model_fields or depth == len(loc) - 1):
            path.append(str(part))
    return tuple(path)


def section_at(model: type[pydantic.BaseModel], path: Sequence[Any]) -> type[pydantic.BaseModel] | None:
    """The model that holds the keys under `path`; None where `path` leads to a plain value."""
    current: type[pydantic.BaseModel] | None = model
    for part in path:
        field = current.model_fields.get(str(part)) if current is not None else None
        current = _model_in(field.annotation) if field is not None else None
    return current


def _model_in(annotation: Any) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    found = (_model_in(inner) for inner in get_args(annotation))
    return next((model for model in found if model is not None), None)
