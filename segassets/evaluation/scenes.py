"""Scenes with true masks: opened one at a time, their categories by id or name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from segassets.datasets.annotations import annotation_table
from segassets.datasets.config import load_dataset
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.load import dataset_keys, open_scene_of
from segassets.datasets.scene import scene_fingerprint
from segassets.errors import BadConfig, did_you_mean

_IDENTIFYING = ["frame", "track_id", "level", "category_id", "rle_counts"]


@dataclass(frozen=True)
class TrueScene:
    """A scene and its annotations.

    Attributes:
        truth: mask table; crowds are no objects and not judged.
        categories: id to name.
        unrelated: pictures that are no footage: each is a clip of its own.
        fingerprint: stands for footage and annotations; made from the tables when empty.
    """

    key: str
    source: FrameSource
    truth: pa.Table
    categories: dict[int, str] = field(default_factory=dict)
    unrelated: bool = False
    fingerprint: str = ""

    def identity(self) -> str:
        """16 hex digits that change with the footage or the annotations."""
        if self.fingerprint:
            return self.fingerprint
        rows = [self.truth.select(_IDENTIFYING).to_pylist(), self.source.table.column("uri").to_pylist()]
        text = json.dumps([self.key, rows, sorted(self.categories.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def category_name(self, category_id: int) -> str:
        """The name, or the id as text where there is none."""
        return self.categories.get(category_id, str(category_id))


def open_true_scenes(
    dataset: str, names: Sequence[str] | None = None, limit: int | None = None
) -> Iterator[TrueScene]:
    """The annotated scenes of a configured dataset, opened one at a time.

    Args:
        names: scene keys, or names within the dataset; all when not given.
        limit: only the first so many.

    Raises:
        BadConfig: no such dataset or scene.
    """
    config = load_dataset(dataset)
    keys = dataset_keys(config)
    if names is not None:
        wanted = [name if name in keys else f"{config.name}.{name}" for name in names]
        for name in wanted:
            if name not in keys:
                raise BadConfig(f"dataset {dataset!r}: no scene {name!r}.{did_you_mean(name, keys)}")
        keys = wanted
    for key in keys[:limit]:
        scene = open_scene_of(config, key)
        yield TrueScene(
            key,
            FrameSource(frames_table(scene), scene.root),
            annotation_table(scene).table,
            dict(scene.categories),
            scene.sizes_may_change,
            scene_fingerprint(scene),
        )


def category_ids(
    known: dict[int, str], wanted: Sequence[int | str] | None, where: str | None
) -> set[int] | None:
    """Ids of categories given by id or name; None for None.

    Args:
        where: the config key, to refuse names that are not known; None takes what there is.

    Raises:
        BadConfig: a name is not known.
    """
    if wanted is None:
        return None
    by_name = {name.lower(): category for category, name in known.items()}
    found = set()
    for item in wanted:
        if isinstance(item, int):
            found.add(item)
        elif item.lower() in by_name:
            found.add(by_name[item.lower()])
        elif where is not None:
            raise BadConfig(f"evaluation.{where}: no category {item!r}.{did_you_mean(item, known.values())}")
    return found
