"""Categories of a source of clips: one meaning per id, the ones asked for, none of them empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from segassets.datasets.categories import same_categories
from segassets.errors import BadConfig, BadInput, did_you_mean
from segassets.learning.clip_config import ClipData
from segassets.learning.clip_scenes import TrainingScene


def one_meaning(by_scene: Mapping[str, Mapping[int, str]]) -> dict[int, str]:
    """Category id to name over all scenes; within one scene several ids may have one name.

    Raises:
        BadInput: an id has two names, or a name other ids in another scene; names both scenes.
    """
    try:
        return same_categories({f"scene {scene}": categories for scene, categories in by_scene.items()})
    except BadInput as error:
        raise BadInput(f"{error}, or train on them as two sources") from None


def kept_categories(data: ClipData, names: Mapping[int, str]) -> list[int] | None:
    """Ids of the categories asked for; None for all.

    Raises:
        BadConfig: a name the scenes do not know, with the nearest they do.
    """
    if data.categories is None:
        return None
    ids: dict[str, list[int]] = {}
    for number, name in names.items():
        ids.setdefault(name, []).append(number)
    kept = []
    for item in data.categories:
        if isinstance(item, str) and item in ids:
            kept += ids[item]
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
    taught = {names.get(number) for number in present} - {None}
    empty = [number for number in kept if number not in present and names.get(number) not in taught]
    if empty:
        named = ", ".join(f"{names.get(number, 'no name')!r} ({number})" for number in empty)
        raise BadInput(
            f"dataset {data.dataset!r}: categories without a mask in the {len(scenes)} scenes chosen: {named}; leave "
            "them out of 'categories', or choose scenes that have them"
        )
