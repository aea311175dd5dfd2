"""Categories of YTVIS and LV-VIS files: all taken as one, or tubes given the categories an attribution names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import orjson

from segassets.datasets.json_files import value
from segassets.datasets.ytvis_tubes import TubeFile, read_tube_file
from segassets.errors import BadInput, MissingInput
from segassets.exports.convert.coco_file import write_json


def class_agnostic(
    input_json: Path, output_json: Path, category_id: int = 1, category_name: str = "object"
) -> dict[str, Any]:
    """Rewrite a file so that every annotation is of one category; nothing else changes.

    Returns:
        videos, annotations, categories_before.

    Raises:
        MissingInput, BadInput: no such file, or not a sound YTVIS document.
    """
    file = read_tube_file(input_json)
    for items in file.annotations.values():
        for item in items:
            item["category_id"] = category_id
    document = file.document | {"categories": [{"id": category_id, "name": category_name}]}
    write_json(Path(output_json), document)
    return {**_counts(file), "categories_before": len(file.categories)}


def attribute(
    input_json: Path,
    attribution_json: Path,
    output_json: Path,
    categories_from: Path,
    *,
    without: Literal["drop", "refuse"] = "drop",
) -> dict[str, Any]:
    """Give tubes categories: a class-agnostic file turned back into one with categories.

    Args:
        attribution_json: {"annotation id": category id, ...}, or a list of {"id", "category_id", "score"}; a score
            is multiplied into the tube's.
        categories_from: a YTVIS or LV-VIS file whose categories (with LV-VIS's partitions) the ids are of.
        without: tubes that the attribution does not name: leave out and count, or refuse.

    Returns:
        videos, annotations, dropped, by_category (name to tubes).

    Raises:
        MissingInput, BadInput: a file is not there or unsound, or the attribution names an unknown tube or category.
    """
    file, categories = read_tube_file(input_json), read_tube_file(categories_from)
    given = _read_attribution(Path(attribution_json))
    known = {item["id"] for items in file.annotations.values() for item in items}
    for identity, (category, _) in given.items():
        if identity not in known:
            raise BadInput(
                f"{attribution_json}: expected ids of annotations of {input_json}, found {identity}"
            )
        if category not in categories.categories:
            raise BadInput(
                f"{attribution_json}: annotation {identity}: expected a category of {categories_from}, found {category}"
            )
    if without == "refuse" and len(given) < len(known):
        unnamed = min(known - set(given))
        raise BadInput(
            f"{attribution_json}: expected a category for every tube, found none for annotation {unnamed}"
        )
    kept = []
    for item in file.document["annotations"]:
        if item["id"] in given:
            category, score = given[item["id"]]
            item["category_id"] = category
            if score is not None:
                item["score"] = float(item.get("score", 1.0)) * score
            kept.append(item)
    write_json(
        Path(output_json),
        file.document | {"annotations": kept, "categories": categories.document["categories"]},
    )
    by_category = Counter(categories.categories[item["category_id"]] for item in kept)
    return {
        "videos": len(file.videos),
        "annotations": len(kept),
        "dropped": len(known) - len(kept),
        "by_category": dict(by_category.most_common()),
    }


def _counts(file: TubeFile) -> dict[str, int]:
    return {
        "videos": len(file.videos),
        "annotations": sum(len(items) for items in file.annotations.values()),
    }


def _read_attribution(path: Path) -> dict[int, tuple[int, float | None]]:
    """Annotation id -> (category id, score or None)."""
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise MissingInput(f"no attribution at {path}") from None
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{path}: expected JSON, found an error: {error}") from None
    try:
        if isinstance(found, Mapping):
            return {int(key): (int(category), None) for key, category in found.items()}
        if isinstance(found, Sequence):
            return dict(_entry(item, f"{path}: entry {number}") for number, item in enumerate(found))
    except (TypeError, ValueError) as error:
        raise BadInput(f"{path}: expected annotation ids and category ids, found {error}") from None
    raise BadInput(f"{path}: expected an object or a list, found {type(found).__name__}")


def _entry(item: dict[str, Any], where: str) -> tuple[int, tuple[int, float | None]]:
    if not isinstance(item, Mapping):
        raise BadInput(f"{where}: expected an object with id and category_id, found {type(item).__name__}")
    score = item.get("score")
    key, category = value(dict(item), "id", where), value(dict(item), "category_id", where)
    return int(key), (int(category), None if score is None else float(score))
