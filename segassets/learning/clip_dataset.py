"""Clips as sam2's `VideoDatapoint`: pictures and masks read when a clip is asked for, each frame once."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from segassets.datasets.frames import FrameSource
from segassets.learning.clip_config import AugmentConfig
from segassets.learning.clip_transforms import VideoDatapoint, clip_transforms, drawn_from
from segassets.learning.clips import Clip, ClipIndex, TrainingScene

from training.utils.data_utils import Frame, Object  # isort: skip - after clip_transforms has prepared sam2

_OPEN_SCENES = 8


class ClipDraw(NamedTuple):
    """One draw of a clip: which one, and the seed of everything random about it."""

    clip: int
    seed: int


@dataclass
class ClipDatapoint(VideoDatapoint):
    """sam2's datapoint, and the name of the source it came from."""

    source: str = ""


class ClipDataset(Dataset[ClipDatapoint]):
    """The clips of one source after sam2's transforms.

    Item `i`, or `ClipDraw(i, seed)`: frames float32 (3, S, S) normalised, each with one uint8 mask (S, S) for
    every object of the clip; an absent object's mask is empty. `video_id` is the number of the scene in the
    source, `object_id` the track (or category, or mask) id, `frame_index` the source frame. The same draw
    gives the same tensors in any process. Only the masks of the chosen objects on the clip's frames are
    decoded; at most eight scenes are open at a time.

    Args:
        image_size: side of the square the frames are resized to, in pixels.
        augment: how clips are varied; None for validation.
        seed: of the items asked for by a plain number.
        name: of the source, kept with every clip; its dataset's when not given.
    """

    def __init__(
        self,
        index: ClipIndex,
        image_size: int,
        augment: AugmentConfig | None = None,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        self.index, self.image_size, self.augment, self.seed = index, image_size, augment, seed
        self.name = name or Path(index.data.dataset).stem
        self._transforms = clip_transforms(image_size, augment)
        self._open: OrderedDict[str, FrameSource] = OrderedDict()
        self._process = 0

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, item: int | ClipDraw) -> ClipDatapoint:
        draw = item if isinstance(item, ClipDraw) else ClipDraw(item, _mixed(self.seed, item))
        datapoint: VideoDatapoint = self.raw(draw)
        with drawn_from(draw.seed):
            for transform in self._transforms:
                datapoint = transform(datapoint)
        nothing = torch.zeros(self.image_size, self.image_size, dtype=torch.uint8)
        for frame in datapoint.frames:
            for item_ in frame.objects:
                item_.segment = nothing if item_.segment is None else item_.segment
        return datapoint  # type: ignore[return-value]

    def raw(self, draw: ClipDraw) -> ClipDatapoint:
        """The clip before any transform: PIL pictures, masks uint8 (H, W), None where an object is absent."""
        rng = np.random.default_rng(draw.seed)
        clip = self.index[draw.clip]
        objects = self._choose(clip, rng)
        frames = self._direction(clip, objects, rng)
        pictures, masks = self._read(clip.scene, frames, objects)
        content = [
            Frame(
                data=pictures[frame],
                objects=[
                    Object(number, int(clip.scene.source_frames[frame]), masks[frame].get(number))
                    for number in objects
                ],
            )
            for frame in frames
        ]
        size = tuple(int(side) for side in clip.scene.sizes_hw[frames[0]])
        return ClipDatapoint(content, clip.number, size, self.name)

    def _choose(self, clip: Clip, rng: np.random.Generator) -> list[int]:
        """At most `max_objects`, drawn anew each time; one of them on the first frame where there is any."""
        first, late = clip.objects()
        if not self.index.data.late_objects:
            late = late[:0]
        order = np.concatenate([rng.permutation(first)[:1], rng.permutation(np.concatenate([first, late]))])
        _, at = np.unique(order, return_index=True)
        return [int(number) for number in order[np.sort(at)][: self.index.data.max_objects]]

    def _direction(self, clip: Clip, objects: list[int], rng: np.random.Generator) -> list[int]:
        """The frames, backwards now and then, where one of the objects is on the last frame to begin with."""
        backwards = self.augment is not None and rng.random() < self.index.data.reverse_probability
        if backwards and np.isin(clip.scene.objects_on(clip.frames[-1]), objects).any():
            return clip.frames[::-1]
        return clip.frames

    def _read(
        self, scene: TrainingScene, frames: list[int], objects: list[int]
    ) -> tuple[dict[int, Image.Image], dict[int, dict[int, torch.Tensor]]]:
        """Picture and masks of each different frame, decoded once, in order of time."""
        source = self._source(scene)
        pictures, masks = {}, {}
        for frame in sorted(set(frames)):
            pictures[frame] = Image.fromarray(source.read(frame))
            found = scene.masks(frame, objects)
            masks[frame] = {number: torch.from_numpy(mask.astype(np.uint8)) for number, mask in found.items()}
        return pictures, masks

    def _source(self, scene: TrainingScene) -> FrameSource:
        """The scene's pictures; video files are never shared with the process this one was forked from."""
        if self._process != os.getpid():
            self._open, self._process = OrderedDict(), os.getpid()
        source = self._open.pop(scene.key, None) or scene.open()
        self._open[scene.key] = source
        if len(self._open) > _OPEN_SCENES:
            self._open.popitem(last=False)[1].close()
        return source

    def close(self) -> None:
        """Close the video files this process opened; the dataset stays usable."""
        if self._process == os.getpid():
            for source in self._open.values():
                source.close()
        self._open = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_open": OrderedDict(), "_process": 0}


def _mixed(*numbers: int) -> int:
    """One seed of several numbers, 32 bits."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
