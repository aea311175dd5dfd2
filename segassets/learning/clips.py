"""Every clip that can be cut from the scenes of a source, and what was left out and why.

A clip is a run of frames the masks speak about, `frame_stride` apart. A window without any object is no clip.
Pictures of an image set are clips of one frame each.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from segassets.errors import BadInput
from segassets.learning.clip_config import ClipData
from segassets.learning.clip_scenes import TrainingScene, total
from segassets.learning.clip_sources import open_training_scenes

__all__ = ["Clip", "ClipIndex", "TrainingScene", "open_clips", "open_training_scenes"]

_NOT_THE_DATA = ("batch_size", "probability", "root", "tag", "max_objects", "reverse_probability")


@dataclass(frozen=True)
class Clip:
    """One clip.

    Attributes:
        number: position of the scene in its source.
        frames: frames of the scene in order of time; the last may be repeated.
    """

    scene: TrainingScene
    number: int
    frames: list[int]

    def objects(self) -> tuple[np.ndarray, np.ndarray]:
        """Ids of the objects on the first frame, and of those that only appear later; each ascending."""
        first = self.scene.objects_on(self.frames[0])
        rest = [self.scene.objects_on(frame) for frame in dict.fromkeys(self.frames[1:])]
        return first, np.setdiff1d(np.concatenate([first, *rest]), first)


class ClipIndex:
    """The clips of one source.

    Args:
        scenes: of `open_training_scenes(data)`.

    Attributes:
        excluded: masks, windows and videos left out, counted by reason.
        unused_frames: frames the masks speak about that no clip holds.

    Raises:
        BadInput: a video shorter than a clip (when those are refused), or no clip at all.
    """

    def __init__(self, data: ClipData, scenes: list[TrainingScene]) -> None:
        self.data, self.scenes = data, scenes
        self.excluded = total(scene.excluded for scene in scenes)
        self.unused_frames = 0
        self._refuse_short()
        parts = [self._windows(scene) for scene in scenes]
        self._scene = np.repeat(np.arange(len(scenes), dtype=np.int32), [len(part) for part in parts])
        self._start = np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)
        if not len(self._start):
            raise BadInput(self._nothing())

    def __len__(self) -> int:
        return len(self._start)

    def __getitem__(self, number: int) -> Clip:
        at = int(self._scene[number])
        scene = self.scenes[at]
        return Clip(scene, at, scene.taught[self._positions(scene, int(self._start[number]))].tolist())

    @cached_property
    def lengths(self) -> np.ndarray:
        """Frames of each clip, int32; only clips of one length can share a batch."""
        of_scene = np.array([len(self._positions(scene, 0)) for scene in self.scenes], np.int32)
        return of_scene[self._scene]

    def identity(self) -> str:
        """SHA-256 of the data: the choice of clips, and of every scene its frames and masks."""
        choice = {name: value for name, value in self.data.model_dump().items() if name not in _NOT_THE_DATA}
        choice["dataset"] = Path(self.data.dataset).stem
        facts = [json.dumps(choice, sort_keys=True), *(scene.digest() for scene in self.scenes)]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()

    def summary(self) -> dict[str, Any]:
        """Counts for people and records: scenes, clips, frames, masks, and what was left out."""
        return {
            "dataset": self.data.dataset,
            "scenes": len(self.scenes),
            "scenes_with_clips": len(np.unique(self._scene)),
            "clips": len(self),
            "frames": sum(len(scene.taught) for scene in self.scenes),
            "unused_frames": self.unused_frames,
            "masks": sum(len(scene.counts) for scene in self.scenes),
            "clips_by_length": {str(k): v for k, v in sorted(Counter(self.lengths.tolist()).items())},
            "excluded": dict(sorted(self.excluded.items())),
        }

    def _length(self, scene: TrainingScene) -> int:
        """Annotated frames of what clips are cut from: a video, or one picture of a set."""
        return 1 if scene.by_picture else len(scene.taught)

    def _positions(self, scene: TrainingScene, start: int) -> np.ndarray:
        """Positions in `scene.taught` of the clip that begins at `start`."""
        offsets = np.arange(0, self.data.span, self.data.frame_stride)
        last = self._length(scene) - 1
        if last + 1 < self.data.span:  # a short video: one clip, from its beginning
            offsets = (
                offsets[offsets <= last] if self.data.short_videos == "shorten" else np.minimum(offsets, last)
            )
        return start + offsets

    def _windows(self, scene: TrainingScene) -> np.ndarray:
        """Starts of the scene's clips, as positions in `scene.taught`."""
        count, length = len(scene.taught), self._length(scene)
        short = length < self.data.span
        if short and self.data.short_videos == "skip":
            self._leave_out("short_video", count if scene.by_picture else 1)
            self.unused_frames += count
            return np.zeros(0, np.int64)
        if scene.by_picture:
            starts = np.arange(count)
        else:
            starts = np.zeros(1, int) if short else np.arange(0, count - self.data.span + 1, self.data.step)
        if not count:
            self._leave_out("scene_without_masks", 1)
            return np.zeros(0, np.int64)
        seen = np.isin(scene.taught, scene.row_frame)
        windows = starts[:, None] + self._positions(scene, 0)
        visible = seen[windows].any(1) if self.data.late_objects else seen[windows[:, 0]]
        self._leave_out("window_without_objects", int((~visible).sum()))
        self.unused_frames += count - len(np.unique(windows[visible]))
        return starts[visible]

    def _leave_out(self, reason: str, number: int) -> None:
        if number:
            self.excluded[reason] = self.excluded.get(reason, 0) + number

    def _refuse_short(self) -> None:
        if self.data.short_videos != "refuse":
            return
        short = [scene for scene in self.scenes if len(scene.taught) and self._length(scene) < self.data.span]
        if not short:
            return
        scene, data = short[0], self.data
        wanted = f"a clip of {data.frames} frames" + (
            f", {data.frame_stride} apart, spans {data.span}" if data.frame_stride > 1 else ""
        )
        others = f" (and {len(short) - 1} other scenes)" if len(short) > 1 else ""
        if scene.by_picture:
            raise BadInput(
                f"scene {scene.key}: {wanted}, found single pictures without identities from one to the next{others}; "
                "set frames: 1, or short_videos: repeat_last to repeat each picture (or merge: category, where every "
                "category of a video is one object)"
            )
        raise BadInput(
            f"scene {scene.key}: {wanted}, found {len(scene.taught)} frames with annotations (of "
            f"{scene.frames.num_rows}){others}; set short_videos to skip, shorten or repeat_last, or ask for fewer "
            "frames"
        )

    def _nothing(self) -> str:
        left_out = ", ".join(f"{reason} {number}" for reason, number in sorted(self.excluded.items()))
        return (
            f"dataset {self.data.dataset!r}: expected clips of {self.data.frames} frames, found none in its "
            f"{len(self.scenes)} scenes (left out: {left_out or 'nothing; they have no masks'}); look at 'scenes', "
            "'masks', 'level', 'categories' and 'short_videos'"
        )


def open_clips(data: ClipData, store_root: str | None = None, tag: str = "main") -> ClipIndex:
    """The clips of a source; see `open_training_scenes`."""
    return ClipIndex(data, open_training_scenes(data, store_root, tag))
