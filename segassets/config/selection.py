"""Which scenes a run is about: from `datasets` and `scenes` of its settings to scene keys."""

from __future__ import annotations

from segassets.config.settings import Settings
from segassets.datasets.load import dataset_of, list_scenes
from segassets.datasets.selection import select_scenes
from segassets.errors import BadConfig, MissingInput


def selected_scenes(settings: Settings) -> list[str]:
    """Keys of the scenes, in the order of their datasets; a list keeps its own order.

    Raises:
        BadConfig: an unknown dataset or scene (with the nearest known), or a selection without scenes.
        MissingInput: a dataset's footage cannot be listed; says why.
    """
    return select_scenes(settings.scenes, _listed(settings))


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
