"""Which scenes of which datasets: the `scenes` key of a run and of a source of clips, and the keys it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic

from segassets.datasets.config import SceneRange
from segassets.errors import BadConfig, did_you_mean


def _form(value: Any) -> str:
    if isinstance(value, (dict, SceneRange)):
        return "range"
    return "all" if value == "all" else "list"


def listed(value: Any) -> Any:
    """A text of names between commas as a list; everything else, "all" included, as it is."""
    if isinstance(value, str) and value != "all":
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


SceneSelection = Annotated[
    Annotated[Literal["all"], pydantic.Tag("all")]
    | Annotated[list[str], pydantic.Tag("list")]
    | Annotated[SceneRange, pydantic.Tag("range")],
    pydantic.Discriminator(_form),
]


def select_scenes(wanted: SceneSelection, by_dataset: Mapping[str, list[str]]) -> list[str]:
    """Scene keys, each once, in the order of their datasets; a list keeps its own order.

    Args:
        by_dataset: the keys there are, by dataset.

    Raises:
        BadConfig: an unknown scene (with the nearest known), a name of several datasets, or nothing selected.
    """
    if isinstance(wanted, list):
        found = [_find(item, by_dataset) for item in wanted]
    elif isinstance(wanted, SceneRange):
        found = [key for keys in by_dataset.values() for key in _within(wanted, keys)]
    else:
        found = [key for keys in by_dataset.values() for key in keys]
    if not found:
        names = ", ".join(by_dataset) or "no datasets"
        raise BadConfig(f"'scenes' selects nothing: {wanted!r} of {names}")
    return list(dict.fromkeys(found))


def _find(item: str, by_dataset: Mapping[str, list[str]]) -> str:
    """The key that `item` is, or is the name of, in one dataset."""
    keys = [key for keys in by_dataset.values() for key in keys]
    if item in keys:
        return item
    named = [key for key in keys if _name(key) == item]
    if len(named) > 1:
        raise BadConfig(f"'scenes': {item!r} is a scene of several datasets; write one of {', '.join(named)}")
    if not named:
        known = keys if "." in item else [_name(key) for key in keys]
        raise BadConfig(f"'scenes': no scene {item!r}.{did_you_mean(item, known)}")
    return named[0]


def _within(wanted: SceneRange, keys: list[str]) -> list[str]:
    """Keys whose names lie between both ends, as text, ends included."""
    start, end = wanted.start, wanted.end
    return sorted(
        (
            key
            for key in keys
            if (start is None or _name(key) >= start) and (end is None or _name(key) <= end)
        ),
        key=_name,
    )


def _name(key: str) -> str:
    """The scene's name in its dataset; a dataset that is one scene is known by its own name."""
    dataset, _, name = key.partition(".")
    return name or dataset
