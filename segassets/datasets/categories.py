"""Categories over files and scenes: ids that change between files are refused, categories without a mask named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa

from segassets.datasets.config import DatasetConfig
from segassets.datasets.layouts import layout_class
from segassets.errors import BadConfig, BadInput, did_you_mean

Required = Literal["all"] | Sequence[str]
Masks: TypeAlias = pa.Table | np.ndarray  # a mask table, or its column of category ids alone


def required_categories(config: DatasetConfig) -> Required:
    """The categories that must have masks in what a training reads of a dataset."""
    if config.required_categories is not None:
        return config.required_categories
    return "all" if layout_class(config.layout).requires_categories else []


def same_categories(of_files: Mapping[str, Mapping[int, str]]) -> dict[int, str]:
    """All categories of files that belong together.

    Args:
        of_files: category id to name, by file.

    Raises:
        BadInput: an id has two names, or a name two ids; names both files.
    """
    names: dict[int, tuple[str, str]] = {}
    ids: dict[str, tuple[int, str]] = {}
    for file, categories in of_files.items():
        for number, name in categories.items():
            known, first = names.setdefault(number, (name, file))
            if known != name:
                raise BadInput(
                    f"{file}: category {number} is {name!r}, but {known!r} in {first}; give the files the same "
                    "categories"
                )
            other, first = ids.setdefault(name, (number, file))
            # within a file a name may stand twice, as Roboflow writes it
            if categories.get(other) != name and of_files[first].get(number) != name:
                raise BadInput(
                    f"{file}: category {name!r} has id {number}, but id {other} in {first}; give the files the "
                    "same categories"
                )
    return {number: name for number, (name, _) in sorted(names.items())}


def empty_categories(
    categories: Mapping[int, str], masks: Iterable[Masks], required: Required = "all"
) -> list[str]:
    """Names of the categories that must occur but have no mask in any of the tables, in order of their ids.

    Args:
        categories: id to name, of all scenes that were chosen.
        masks: mask tables (MASKS) of these scenes, or their category ids.
        required: names (or ids as text) that must occur, or all.

    Raises:
        BadConfig: `required` names a category that does not exist; suggests the nearest.
    """
    names = {name: number for number, name in categories.items()}
    if required != "all":
        for wanted in required:
            if wanted not in names and wanted not in map(str, categories):
                raise BadConfig(f"required_categories: no category {wanted!r}.{did_you_mean(wanted, names)}")
    seen: set[int] = set()
    for table in masks:
        ids = table.column("category_id").to_numpy() if isinstance(table, pa.Table) else table
        seen.update(np.unique(ids).tolist())
    return [
        name
        for number, name in sorted(categories.items())
        if number not in seen and (required == "all" or name in required or str(number) in required)
    ]


def refuse_empty_categories(
    dataset: str, categories: Mapping[int, str], masks: Sequence[Masks], required: Required = "all"
) -> None:
    """Raises BadInput when a category that must occur has no mask; names every such category.

    Args:
        dataset: name, for the message.
        masks: one table per chosen scene; else as for `empty_categories`.
    """
    empty = empty_categories(categories, masks, required)
    if empty:
        raise BadInput(
            f"dataset {dataset!r}: no mask of {len(empty)} of its {len(categories)} categories in the "
            f"{len(masks)} chosen scenes: {', '.join(empty)}; choose scenes where they occur, or list the "
            "categories that must occur under `required_categories` of the dataset"
        )
