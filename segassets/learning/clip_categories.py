"""Categories of a source of clips: one meaning per id, the ones asked for, none of them empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from segassets.errors import BadConfig, BadInput, did_you_mean
from segassets.learning.clip_config import ClipData
from segassets.learning.clip_scenes import TrainingScene


def one_meaning(by_scene: Mapping[str, Mapping[int, str]]) -> dict[int, str]:
    """Category id to name over all scenes.

    Raises:
        BadInput: an id has two names, or a name two ids; names both scenes.
    """
    names: dict[int, tuple[str, str]] = {}
    ids: dict[str, tuple[int, str]] = {}
    for scene, categories in by_scene.items():
        for number, name in categories.items():
            other, first = names.setdefault(number, (name, scene))
            if other != name:
                raise BadInput(
                    f"category {number} is {other!r} in scene {first} and {name!r} in scene {scene}; give both scenes "
                    "one table of categories, or train on them as two sources"
                )
            same, first = ids.setdefault(name, (number, scene))
            if same != number:
                raise BadInput(
                    f"category {name!r} has id {same} in scene {first} and {number} in scene {scene}; give both "
                    "scenes one table of categories, or train on them as two sources"
                )
    return {number: name for number, (name, _) in names.items()}


def kept_categories(data: ClipData, names: Mapping[int, str]) -> list[int] | None:
    """Ids of the categories asked for; None for all.

    Raises:
        BadConfig: a name the scenes do not know, with the nearest they do.
    """
    if data.categories is None:
        return None
    ids = {name: number for number, name in names.items()}
    kept = []
    for item in data.categories:
        if isinstance(item, str) and item in ids:
            kept.append(ids[item])
        elif isinstance(item, int) or item.isdigit():
            kept.append(int(item))
        else:
            hint = did_you_mean(item, ids)
            raise BadConfig(f"'categories': dataset {data.dataset!r} has no category {item!r}.{hint}")
    return kept


def refuse_empty(
    data: ClipData, scenes: Iterable[TrainingScene], kept: list[int] | None, names: Mapping[int, str]
) -> None:
    """Raises BadInput naming the categories asked for that have no mask in any scene."""
    if kept is None:
        return
    scenes = list(scenes)
    present = {int(number) for scene in scenes for number in np.unique(scene.row_category)}
    empty = [number for number in kept if number not in present]
    if empty:
        named = ", ".join(f"{names.get(number, 'no name')!r} ({number})" for number in empty)
        raise BadInput(
            f"dataset {data.dataset!r}: categories without a mask in the {len(scenes)} scenes chosen: {named}; leave "
            "them out of 'categories', or choose scenes that have them"
        )
