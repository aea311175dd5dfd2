"""Made scenes for evaluation tests: discs that move, and a tracker that knows where they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from segassets.evaluation.scenes import TrueScene
from segassets.masks import rle
from segassets.masks.table import MaskRows
from segassets.models.streaming import StepOutput

HEIGHT, WIDTH = 40, 60
Tracks = dict[int, tuple[int, dict[int, np.ndarray]]]  # object -> (category, frame -> mask)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    """Boolean (HEIGHT, WIDTH)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(columns - x, rows - y) <= radius


class Pictures:
    """A FrameSource whose pictures carry the number of their frame."""

    def __init__(self, frames: int, annotated: Sequence[int] | None = None) -> None:
        known = range(frames) if annotated is None else annotated
        self.table = pa.table(
            {
                "annotated": [frame in known for frame in range(frames)],
                "uri": [f"{n}.png" for n in range(frames)],
            }
        )
        self.frames = frames
        self.decoded: list[int] = []

    def __len__(self) -> int:
        return self.frames

    def size_hw(self, frame: int) -> tuple[int, int]:
        return HEIGHT, WIDTH

    def source_frame(self, frame: int) -> int:
        return 10 * frame

    def iterate(self, indices: Iterable[int] | None = None) -> Iterator[tuple[int, np.ndarray]]:
        for frame in range(self.frames) if indices is None else indices:
            self.decoded.append(frame)
            yield frame, np.full((HEIGHT, WIDTH, 3), frame % 256, np.uint8)


def scene_of(tracks: Tracks, frames: int, key: str = "made.scene", **more: Any) -> TrueScene:
    """A scene of these objects; `annotated` and columns of TrueScene may follow."""
    rows = MaskRows(key)
    for track, (category, masks) in tracks.items():
        for frame, mask in sorted(masks.items()):
            rows.add(frame=frame, source_frame=10 * frame, height=HEIGHT, width=WIDTH, track_id=max(track, 0),
                     category_id=category, rle_counts=rle.encode(mask), source="annotation")  # fmt: skip
    source: Any = Pictures(frames, more.pop("annotated", None))
    return TrueScene(key, source, rows.to_table(), **more)


class Memory:
    """Which objects the oracle follows."""

    is_full = False

    def __init__(self, tracks: list[int]) -> None:
        self.tracks = tracks

    def select(self, positions: Sequence[int]) -> Memory:
        return Memory([self.tracks[at] for at in positions])


class Oracle:
    """A VideoTracker that answers with the true mask of the object whose mask, box or click it was given.

    Args:
        inside, outside: logits it answers with.
    """

    def __init__(self, tracks: Tracks, inside: float = 10.0, outside: float = -10.0) -> None:
        self.tracks, self.inside, self.outside = tracks, inside, outside
        self.stepped = 0
        self.shown: list[tuple[int, str, int]] = []  # frame, kind of prompt, object

    def encode(self, rgb: np.ndarray, frame: int) -> int:
        return int(rgb[0, 0, 0])

    def found(
        self,
        features: int,
        masks: np.ndarray | None = None,
        boxes_xyxy: np.ndarray | None = None,
        points_xy: np.ndarray | None = None,
        labels: np.ndarray | None = None,
    ) -> tuple[Memory, StepOutput]:
        kind = "mask" if masks is not None else "box" if boxes_xyxy is not None else "point"
        hints = []
        if masks is not None:
            hints = list(masks)
        elif boxes_xyxy is not None:
            size = np.array([WIDTH, HEIGHT] * 2)
            for x0, y0, x1, y1 in np.rint(boxes_xyxy * size).astype(int):
                hint = np.zeros((HEIGHT, WIDTH), bool)
                hint[y0:y1, x0:x1] = True
                hints.append(hint)
        else:
            for points, signs in zip(
                np.rint(points_xy * np.array([WIDTH, HEIGHT])).astype(int), labels, strict=True
            ):
                hint = np.zeros((HEIGHT, WIDTH), bool)
                x, y = points[signs == 1].T
                hint[y, x] = True
                hints.append(hint)
        tracks = [self._nearest(hint, features) for hint in hints]
        self.shown += [(features, kind, track) for track in tracks]
        return Memory(tracks), self._output(tracks, features)

    def step(self, features: int, memory: Memory) -> StepOutput:
        self.stepped += len(memory.tracks)
        return self._output(memory.tracks, features)

    def _nearest(self, hint: np.ndarray, frame: int) -> int:
        def overlap(track: int) -> float:
            mask = self.tracks[track][1].get(frame)
            return 0.0 if mask is None else (mask & hint).sum() / (mask | hint).sum()

        return max(self.tracks, key=overlap)

    def _output(self, tracks: list[int], frame: int) -> StepOutput:
        nothing = np.zeros((HEIGHT, WIDTH), bool)
        masks = np.stack([self.tracks[track][1].get(frame, nothing) for track in tracks])
        logits = torch.from_numpy(np.where(masks, self.inside, self.outside)).float()
        return StepOutput(logits, torch.full((len(tracks),), 0.9), torch.ones(len(tracks)))
