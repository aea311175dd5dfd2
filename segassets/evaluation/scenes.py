"""Scenes with true masks, and what of them is judged and shown: one `Target` for each object or category of a clip."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa

from segassets.datasets.annotations import annotation_table
from segassets.datasets.config import load_dataset
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.load import dataset_keys, open_scene_of
from segassets.datasets.scene import OBJECT_LEVEL, scene_fingerprint
from segassets.errors import BadConfig, BadInput, did_you_mean
from segassets.evaluation.prompting import split_components
from segassets.evaluation.prompts import EvaluationConfig
from segassets.masks import rle

_IDENTIFYING = ["frame", "track_id", "level", "category_id", "rle_counts"]
MaskOf = dict[int, str]  # frame -> RLE counts


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


@dataclass(frozen=True)
class Shown:
    """One object to prompt: its mask on the frame on which it is shown."""

    frame: int
    number: int
    rle_counts: str


@dataclass
class Target:
    """One thing that is judged.

    Attributes:
        object_id: true track (negative: mask_id of a mask without a track); 0 for a whole category.
        truth: its masks; a frame without one has none of it.
        frames: annotated frames on which it is judged, ascending.
        shown: what is prompted for it, each object once; empty when it is never shown.
    """

    object_id: int
    category_id: int
    truth: MaskOf
    frames: list[int]
    shown: list[Shown] = field(default_factory=list)

    @cached_property
    def judged_frames(self) -> frozenset[int]:
        """`frames`, to look up."""
        return frozenset(self.frames)


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


def clips_of(scene: TrueScene, config: EvaluationConfig) -> list[range]:
    """The frames of each clip, in order; the last clip may be shorter."""
    frames = min(len(scene.source), config.max_frames or len(scene.source))
    length = 1 if scene.unrelated else config.clip_length or max(frames, 1)
    return [range(start, min(start + length, frames)) for start in range(0, frames, length)]


class Truth:
    """The judged annotations of a scene, by frame.

    Raises:
        BadInput: a mask is of another size than its frame; names scene, frame and mask.
        BadConfig: a category that the scene does not know.
    """

    def __init__(self, scene: TrueScene, config: EvaluationConfig) -> None:
        self.scene, self.config = scene, config
        chosen = category_ids(scene.categories, config.categories, "categories")
        self.background = category_ids(scene.categories, config.background, None) or set()
        self._wanted = chosen
        self.rows: dict[int, list[tuple[int, int, str]]] = defaultdict(list)  # (object, category, counts)
        names = ("frame", "track_id", "mask_id", "level", "category_id", "height", "width", "source")
        columns = [scene.truth.column(name).to_pylist() for name in (*names, "rle_counts")]
        for frame, track, mask, level, category, height, width, source, counts in zip(*columns, strict=True):
            if source == "annotation_crowd" or not self._judged_level(level) or not self.judged(category):
                continue
            if (height, width) != scene.source.size_hw(frame):
                expected = " x ".join(map(str, scene.source.size_hw(frame)))
                raise BadInput(
                    f"scene {scene.key}, frame {frame}, mask {mask}: expected a mask of the frame's size "
                    f"{expected} (height x width), found {height} x {width}; make `coco_masks` again"
                )
            self.rows[frame].append((track or -mask, category, counts))
        annotated = scene.source.table.column("annotated").to_pylist()
        self.annotated = sorted({frame for frame, known in enumerate(annotated) if known} | set(self.rows))

    def _judged_level(self, level: int) -> bool:
        wanted = self.config.level
        return wanted == "all" or (level <= OBJECT_LEVEL) == (wanted == "objects")

    def judged(self, category: int) -> bool:
        """Whether a category is among those to judge."""
        if self.config.exclude_background and category in self.background:
            return False
        return self._wanted is None or category in self._wanted

    def targets(self, clip: range) -> list[Target]:
        """What is judged in a clip, by object and category."""
        frames = [frame for frame in self.annotated if frame in clip]
        if not frames:
            return []
        by_object = self.config.objects == "instance"
        found = [
            target
            for (key, category), masks in sorted(self._masks(frames, by_object).items())
            if (target := self._target(key, category, masks, frames)) is not None
        ]
        if not by_object and not self.config.variable_categories:
            here = {target.category_id for target in found}
            absent = [
                category
                for category in sorted(self.scene.categories)
                if category not in here and self.judged(category)
            ]
            found += [Target(0, category, {}, frames) for category in absent]
        return found

    def _masks(self, frames: Sequence[int], by_object: bool) -> dict[tuple[int, int], MaskOf]:
        """Masks of each (object, category), or of each category as (0, category)."""
        texts: dict[tuple[int, int], dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        for frame in frames:
            for key, category, counts in self.rows.get(frame, ()):
                texts[key if by_object else 0, category][frame].append(counts)
        return {
            name: {frame: self._union(frame, found) for frame, found in by_frame.items()}
            for name, by_frame in texts.items()
        }

    def _union(self, frame: int, counts: list[str]) -> str:
        return counts[0] if len(counts) == 1 else rle.union(counts, *self.scene.source.size_hw(frame))

    def _target(self, key: int, category: int, masks: MaskOf, frames: Sequence[int]) -> Target | None:
        """The target of some masks; None where it is not to be judged."""
        first, height_width = min(masks), self.scene.source.size_hw(min(masks))
        area = int(rle.areas([masks[first]], *height_width)[0])
        linked = key >= 0  # a mask without a track is an object of its own frame alone
        late = linked and first != frames[0]
        if area == 0 or area < self.config.min_area_fraction * height_width[0] * height_width[1]:
            return None
        if late and self.config.late_objects == "ignore":
            return None
        judged = [frame for frame in frames if frame >= first] if linked else [first]
        shown = (
            [] if late and self.config.late_objects == "miss" else self._shown(key, category, masks, frames)
        )
        return Target(key, category, masks, judged, shown)

    def _shown(self, key: int, category: int, masks: MaskOf, frames: Sequence[int]) -> list[Shown]:
        first = min(masks)
        if key or self.config.split == "whole":
            return [Shown(first, 0, masks[first])]
        if self.config.split == "components":
            mask = rle.decode(masks[first], *self.scene.source.size_hw(first))
            parts = rle.encode_batch(np.stack(split_components(mask)))
            return [Shown(first, number, counts) for number, counts in enumerate(parts)]
        objects = {item: own for (item, of), own in self._masks(frames, True).items() if of == category}
        shown = [Shown(min(own), number, own[min(own)]) for number, own in enumerate(objects.values())]
        if self.config.late_objects == "prompt":
            return shown
        return [item for item in shown if item.frame == frames[0]]


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


@lru_cache(maxsize=64)
def decode_cached(counts: str, height: int, width: int) -> np.ndarray:
    """Boolean (H, W), not to be written to: the first masks of objects are compared with every later frame."""
    mask = rle.decode(counts, height, width)
    mask.flags.writeable = False
    return mask
