"""Annotation files in JSON: parsed once a process while they do not change; errors name the place."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson

from segassets.datasets.files import Root
from segassets.errors import BadInput

T = TypeVar("T")
_KEPT = 4  # indexes in memory: the image set at work with all its splits
_cache: dict[tuple, Any] = {}


def indexed(root: Root, name: str, build: Callable[[dict[str, Any], str], T]) -> T:
    """`build(document, location)` of a JSON file, remembered while the file's size and time stay the same.

    Raises:
        MissingInput: there is no such file.
        BadInput: not JSON, or not an object.
    """
    location = root.location(name)
    key = (build.__module__, build.__qualname__, location, json.dumps(root.identities([name]), default=str))
    if key not in _cache:
        document = read_json(root, name)
        with no_collection():
            index = build(document, location)
        while len(_cache) >= _KEPT:
            _cache.pop(next(iter(_cache)), None)
        _cache[key] = index
    return _cache[key]


def read_json(root: Root, name: str) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        MissingInput: there is no such file.
        BadInput: not JSON (where it breaks off is named), or a bare list of annotations.
    """
    location = root.location(name)
    try:
        with no_collection():
            document = _parsed(root.read(name))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{location}: expected JSON, found an error: {error}; is the file complete?"
        ) from error
    if isinstance(document, list):
        raise BadInput(
            f"{location}: expected an object with images, annotations and categories, found a bare list of "
            f"{len(document)} items; wrap it: {{'images': [{{'id', 'file_name', 'height', 'width'}}], "
            "'annotations': [...], 'categories': [{'id', 'name'}]}"
        )
    if not isinstance(document, dict):
        raise BadInput(f"{location}: expected a JSON object, found {type(document).__name__}")
    return document


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except (
        orjson.JSONDecodeError
    ):  # json knows NaN and Infinity, which many writers emit, and says where it failed
        return json.loads(data)


def records(document: dict[str, Any], name: str, location: str) -> list[dict[str, Any]]:
    """A list of objects under a key of the document.

    Raises:
        BadInput: the key is missing or holds something else; lists what is there.
    """
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        there = ", ".join(document) or "(nothing)"
        raise BadInput(f"{location}: expected a list of objects under {name!r}, found keys {there}")
    return found


def value(record: dict[str, Any], name: str, what: str) -> Any:
    """A required value of a record.

    Raises:
        BadInput: it is not there.
    """
    if record.get(name) is None:
        raise BadInput(f"{what}: expected {name!r}, found keys {', '.join(record) or '(none)'}")
    return record[name]


@contextmanager
def no_collection() -> Iterator[None]:
    """Garbage collection off: it would walk millions of new lists again and again and find nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
