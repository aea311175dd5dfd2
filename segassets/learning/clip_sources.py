"""From a `ClipData` to its training scenes: which scenes, which masks, which of their rows teach which object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

import segassets.api as results
from segassets.datasets.annotations import annotation_table
from segassets.datasets.categories import refuse_empty_categories, required_categories
from segassets.datasets.config import load_dataset
from segassets.datasets.frames import frames_table
from segassets.datasets.load import dataset_keys, open_scene_of
from segassets.datasets.scene import OBJECT_LEVEL, Scene
from segassets.datasets.selection import select_scenes
from segassets.errors import BadConfig, BadInput
from segassets.learning.clip_categories import kept_categories, one_meaning, refuse_empty
from segassets.learning.clip_config import ClipData
from segassets.learning.clip_scenes import TrainingScene, refuse_foreign_sizes
from segassets.masks.schemas import MASKS
from segassets.masks.table import read_table


def open_training_scenes(
    data: ClipData, store_root: str | None = None, tag: str = "main"
) -> list[TrainingScene]:
    """The scenes of a source, with the masks that teach; pictures stay where they are.

    Args:
        store_root, tag: where artifacts lie when `data` names no other place.

    Raises:
        BadConfig: an unknown dataset, scene or category; an artifact without a place to read it from.
        BadInput: masks that do not fit their frames, a category that has no mask, one id with two names.
        MissingInput, StaleInput: as the store says.
    """
    config = load_dataset(data.dataset)
    keys = select_scenes(data.scenes, {data.dataset: dataset_keys(config)})
    if data.masks == "annotations":
        found = [_annotated(open_scene_of(config, key)) for key in keys]
    else:
        root = data.root or store_root
        if root is None:
            raise BadConfig(
                f"'masks': {data.masks!r} of dataset {data.dataset!r} is an artifact: set 'root' to the output root "
                "it lies under, or masks: annotations"
            )
        place = results.open(root, data.tag or tag)
        found = [_stored(place.scene(key), data.masks) for key in keys]
    names = one_meaning({item.key: item.categories for item in found})
    kept = kept_categories(data, names)
    scenes = [_scene(item, data, kept) for item in found]
    if data.empty_categories == "refuse":
        refuse_empty(data, scenes, kept, names)
        if kept is None and data.masks == "annotations":
            ids = [scene.row_category for scene in scenes]
            refuse_empty_categories(data.dataset, names, ids, required_categories(config))
    return scenes


@dataclass
class _Found:
    """A scene's footage and its whole mask table, before anything is chosen.

    Attributes:
        speaks: the frames its masks speak about: "all", those "annotated", or those with "rows" alone.
        pictures: True for a set of single pictures.
        origin: how errors name the masks.
    """

    key: str
    frames: pa.Table
    root: str
    masks: pa.Table
    categories: dict[int, str]
    origin: str
    speaks: Literal["all", "annotated", "rows"]
    pictures: bool = False
    excluded: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse_foreign_sizes(self.key, self.masks, self.frames, self.origin)

    def taught(self) -> np.ndarray:
        """The frames the masks speak about, ascending."""
        spoken = np.full(self.frames.num_rows, self.speaks == "all")
        spoken[self.masks.column("frame").to_numpy()] = True
        if self.speaks == "annotated":
            spoken |= self.frames.column("annotated").to_numpy().astype(bool)
        return np.flatnonzero(spoken).astype(np.int32)


def _annotated(scene: Scene) -> _Found:
    if scene.annotations is None:
        raise BadInput(
            f"scene {scene.key}: expected annotations to learn from, its dataset has none for it; choose other "
            "scenes, or an artifact such as masks: sam2_tracks"
        )
    read = annotation_table(scene)
    if read.excluded.get("bad_rle"):
        first = next((note for note in read.notes if note.startswith("bad_rle")), "bad_rle")
        raise BadInput(
            f"scene {scene.key}: {first} ({read.excluded['bad_rle']} such annotations); correct the file"
        )
    return _Found(
        scene.key, frames_table(scene), scene.root, read.table, scene.categories, "its annotations", "annotated",
        scene.sizes_may_change, dict(read.excluded),
    )  # fmt: skip


def _stored(scene: results.SceneResults, asset: str) -> _Found:
    path = scene.artifact(asset).path / "masks.parquet"
    if not path.is_file():
        raise BadConfig(f"'masks': {asset!r} of scene {scene.key} has no mask table; try sam2_tracks")
    masks, facts = read_table(path, MASKS), scene.facts()
    tracked = bool((masks.column("track_id").to_numpy() > 0).any())
    return _Found(
        scene.key, scene.frames(), facts["root"], masks, scene.categories(), f"the masks of {asset}",
        "annotated" if asset == "coco_masks" else "all" if tracked else "rows",
    )  # fmt: skip


def _scene(found: _Found, data: ClipData, kept: list[int] | None) -> TrainingScene:
    """The scene with the rows that teach, each with the id of its object."""
    masks, excluded = found.masks, found.excluded
    taught = found.taught()

    def keep(condition: np.ndarray, reason: str) -> None:
        nonlocal masks
        if not condition.all():
            excluded[reason] = excluded.get(reason, 0) + int((~condition).sum())
            masks = masks.filter(pa.array(condition))

    keep(masks.column("source").to_numpy(zero_copy_only=False) != "annotation_crowd", "crowd")
    if data.level != "all":
        whole = masks.column("level").to_numpy() <= OBJECT_LEVEL
        keep(whole if data.level == "objects" else ~whole, "other_level")
    if kept is not None:
        keep(np.isin(masks.column("category_id").to_numpy(), kept), "other_category")
    identities = masks.column("track_id").to_numpy()
    pictures = found.pictures or (data.merge == "instance" and len(identities) > 0 and not identities.any())
    if data.merge == "category":
        keep(masks.column("category_id").to_numpy() >= 0, "without_category")
    elif not pictures:
        keep(identities > 0, "without_identity")
    masks = masks.sort_by([("frame", "ascending"), ("mask_id", "ascending")]).combine_chunks()
    by = "category_id" if data.merge == "category" else "mask_id" if pictures else "track_id"
    return TrainingScene(
        key=found.key,
        frames=found.frames,
        root=found.root,
        taught=taught,
        by_picture=pictures,
        row_frame=masks.column("frame").to_numpy().astype(np.int32),
        row_object=masks.column(by).to_numpy().astype(np.int64),
        row_category=masks.column("category_id").to_numpy().astype(np.int32),
        counts=pa.concat_arrays(masks.column("rle_counts").chunks or [pa.array([], pa.string())]),
        categories=found.categories,
        excluded=excluded,
    )
