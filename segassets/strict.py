"""Base of every model people write in YAML: unknown keys are refused, with the nearest known one."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

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
        known = {field for owner in _models_at(model, path[:-1]) for field in owner.model_fields}
        return f"{where}: unknown key '{name}'.{did_you_mean(path[-1], known)}"
    if problem["type"] == "missing":
        return f"{where}: missing key '{name}'"
    return f"{where}: '{name}': {message}, found {problem['input']!r}" if name else f"{where}: {message}"


def _written_path(model: type[pydantic.BaseModel], loc: Sequence[Any]) -> tuple[str, ...]:
    """The keys as the user wrote them: without the names pydantic gives to the arms of a union."""
    path: list[str] = []
    kinds: list[Any] = [model]
    for depth, part in enumerate(loc):
        inside = _inside(kinds, part)
        is_last = depth == len(loc) - 1
        if is_last or any(_is_section(kind) for kind in inside):
            path.append(str(part))
            kinds = inside
    return tuple(path)


def section_at(model: type[pydantic.BaseModel], path: Sequence[Any]) -> type[pydantic.BaseModel] | None:
    """The model that holds the keys under `path`; None where `path` leads to a plain value."""
    return next(iter(_models_at(model, path)), None)


def _models_at(model: type[pydantic.BaseModel], path: Sequence[Any]) -> list[type[pydantic.BaseModel]]:
    """All models that may hold the keys under `path`: several where a field is a union of models."""
    kinds: list[Any] = [model]
    for part in path:
        kinds = _inside(kinds, part)
    return [kind for kind in kinds if _is_model(kind)]


def _inside(kinds: Sequence[Any], part: Any) -> list[Any]:
    """The types a value may have under `part` (a key, or an index) of values of `kinds`."""
    found: list[Any] = []
    for kind in kinds:
        if _is_model(kind) and part in kind.model_fields:
            found += union_arms(kind.model_fields[part].annotation)
        elif get_origin(kind) is dict:
            found += union_arms(get_args(kind)[1])
        elif get_origin(kind) in (list, tuple, set) and str(part).isdigit():
            found += union_arms(get_args(kind)[0])
    return found


def union_arms(annotation: Any) -> list[Any]:
    """The alternatives of a union, annotations removed."""
    if get_origin(annotation) is Annotated:
        return union_arms(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [arm for part in get_args(annotation) for arm in union_arms(part)]
    return [annotation]


def _is_section(kind: Any) -> bool:
    return _is_model(kind) or get_origin(kind) in (dict, list, tuple, set)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)
