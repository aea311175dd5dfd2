"""Which scenes a run is about: from `datasets` and `scenes` of its settings to scene keys."""

from __future__ import annotations

from segassets.config.settings import Settings
from segassets.datasets.config import SceneRange
from segassets.datasets.load import dataset_of, list_scenes
from segassets.errors import BadConfig, MissingInput, did_you_mean


def selected_scenes(settings: Settings) -> list[str]:
    """Keys of the scenes, in the order of their datasets; a list keeps its own order.

    Raises:
        BadConfig: an unknown dataset or scene (with the nearest known), or a selection without scenes.
        MissingInput: a dataset's footage cannot be listed; says why.
    """
    by_dataset = _listed(settings)
    if isinstance(settings.scenes, list):
        found = [_find(item, by_dataset) for item in settings.scenes]
    elif isinstance(settings.scenes, SceneRange):
        found = [key for keys in by_dataset.values() for key in _within(settings.scenes, keys)]
    else:
        found = [key for keys in by_dataset.values() for key in keys]
    if not found:
        names = ", ".join(by_dataset) or "no datasets"
        raise BadConfig(f"'scenes' selects nothing: {settings.scenes!r} of {names}")
    return list(dict.fromkeys(found))


def _listed(settings: Settings) -> dict[str, list[str]]:
    names = settings.datasets
    if not names:
        if not isinstance(settings.scenes, list) or not settings.scenes:
            raise BadConfig(
                "'datasets' is empty: name at least one, as in datasets=rooms_demo, or give scene keys"
            )
        names = list(dict.fromkeys(dataset_of(key) for key in settings.scenes))
    listing = list_scenes(names)
    if listing.problems:
        raise MissingInput("; ".join(f"dataset {name}: {why}" for name, why in listing.problems.items()))
    return listing.by_dataset


def _find(item: str, by_dataset: dict[str, list[str]]) -> str:
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
