"""What of a scene is judged and shown: one `Target` for each object or category of a clip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from segassets.datasets.scene import OBJECT_LEVEL
from segassets.errors import BadInput
from segassets.evaluation.prompting import split_components
from segassets.evaluation.prompts import EvaluationConfig
from segassets.evaluation.scenes import TrueScene, category_ids
from segassets.masks import rle

MaskOf = dict[int, str]  # frame -> RLE counts


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


@lru_cache(maxsize=64)
def decode_cached(counts: str, height: int, width: int) -> np.ndarray:
    """Boolean (H, W), not to be written to: the first masks of objects are compared with every later frame."""
    mask = rle.decode(counts, height, width)
    mask.flags.writeable = False
    return mask
