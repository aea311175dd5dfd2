"""From names to scenes: every scene key of the configured datasets, and the scene behind a key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from segassets.datasets.config import DatasetConfig, list_datasets, load_dataset
from segassets.datasets.layouts import make_layout
from segassets.datasets.scene import Scene
from segassets.errors import BadConfig, SegassetsError, did_you_mean
from segassets.storage.keys import check_scene_key


@dataclass
class SceneListing:
    """Scene keys by dataset, and by dataset why it could not be listed (its root is missing, say)."""

    by_dataset: dict[str, list[str]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        return [key for keys in self.by_dataset.values() for key in keys]


def list_scenes(datasets: Iterable[str] | None = None) -> SceneListing:
    """The scenes that the datasets' configs choose; a dataset in trouble does not hide the others.

    Args:
        datasets: names or YAML files; all of configs/datasets/ when not given.
    """
    listing = SceneListing()
    for name in list_datasets() if datasets is None else datasets:
        try:
            config = load_dataset(name)
            listing.by_dataset[config.name] = dataset_keys(config)
        except SegassetsError as error:
            listing.problems[str(name)] = str(error)
    return listing


def dataset_keys(config: DatasetConfig) -> list[str]:
    """Scene keys of one dataset, in its order."""
    return [check_scene_key(config.key_of(name)) for name in make_layout(config).chosen_names()]


def all_scene_keys(datasets: Iterable[str] | None = None) -> list[str]:
    """Keys of all scenes that can be listed; `list_scenes` also tells what could not."""
    return list_scenes(datasets).keys


def dataset_of(key: str) -> str:
    """Name of the dataset a scene key belongs to: the part before the first dot.

    Raises:
        BadConfig: there is no such dataset; suggests the nearest.
    """
    name = check_scene_key(key).partition(".")[0]
    known = list_datasets()
    if name not in known:
        raise BadConfig(f"scene {key!r}: no dataset {name!r} in configs/datasets.{did_you_mean(name, known)}")
    return name


def open_scene(key: str) -> Scene:
    """The scene of a key, its frames selected; annotations are read when asked for.

    Raises:
        BadConfig: no such dataset or scene.
        BadInput: the footage is not what its layout says; names scene, file, frame.
        MissingInput: the dataset's root is not there.
    """
    return open_scene_of(load_dataset(dataset_of(key)), key)


def open_scene_of(config: DatasetConfig, key: str) -> Scene:
    """The scene of a key in a given dataset."""
    _, _, name = key.partition(".")
    return make_layout(config).load(name or config.name)
