"""Scenes to train on: footage, the masks that teach (kept as run lengths), and the frames they speak about."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa

from segassets.datasets.files import Root
from segassets.datasets.frames import FrameSource
from segassets.datasets.scene import split_uri
from segassets.errors import BadInput
from segassets.masks import rle


@dataclass
class TrainingScene:
    """One scene of a source of clips.

    Rows are in order of frame; nothing is decoded before it is asked for.

    Attributes:
        key: scene key.
        frames: table of schema FRAMES.
        root: what the pictures' uris are relative to.
        taught: frames (index in the selection) the masks speak about, ascending, int32.
        by_picture: True for an image set: objects have no identity from one frame to the next.
        row_frame, row_object, row_category: (R,) frame, object and category id of each mask.
        counts: (R,) compressed run lengths, text.
        categories: category id to name.
        excluded: rows left out, counted by reason.
    """

    key: str
    frames: pa.Table
    root: str
    taught: np.ndarray
    by_picture: bool
    row_frame: np.ndarray
    row_object: np.ndarray
    row_category: np.ndarray
    counts: pa.Array
    categories: dict[int, str]
    excluded: dict[str, int] = field(default_factory=dict)

    def open(self) -> FrameSource:
        """The pictures; to be closed by who opened them."""
        return FrameSource(self.frames, self.root)

    @cached_property
    def sizes_hw(self) -> np.ndarray:
        """(height, width) of each frame, int32 (F, 2)."""
        return np.stack([self.frames.column(name).to_numpy() for name in ("height", "width")], 1)

    @cached_property
    def source_frames(self) -> np.ndarray:
        """Index of each frame in the whole footage."""
        return self.frames.column("source_frame").to_numpy()

    def rows_of(self, frame: int) -> slice:
        """The rows of one frame."""
        first, end = np.searchsorted(self.row_frame, (frame, frame + 1))
        return slice(int(first), int(end))

    def objects_on(self, frame: int) -> np.ndarray:
        """Ids of the objects that have a mask on a frame, ascending."""
        return np.unique(self.row_object[self.rows_of(frame)])

    def masks(self, frame: int, objects: Sequence[int]) -> dict[int, np.ndarray]:
        """Boolean (H, W) of those of the objects that are on the frame; only they are decoded."""
        rows = self.rows_of(frame)
        height, width = (int(side) for side in self.sizes_hw[frame])
        found: dict[int, list[str]] = {}
        for at in np.flatnonzero(np.isin(self.row_object[rows], objects)) + rows.start:
            found.setdefault(int(self.row_object[at]), []).append(self.counts[int(at)].as_py())
        united = [
            parts[0] if len(parts) == 1 else rle.union(parts, height, width) for parts in found.values()
        ]
        return dict(zip(found, rle.decode_batch(united, height, width), strict=True))

    def digest(self) -> str:
        """SHA-256 of what is taught: frames, sizes of the picture files, objects and masks.

        Times and places of the files are not part of it, so that a copy elsewhere is the same data.
        """
        found = hashlib.sha256(self.key.encode())
        facts = [self.frames.column(name).to_pylist() for name in ("source_frame", "uri", "height", "width")]
        files = list(dict.fromkeys(split_uri(uri)[0] for uri in facts[1]))
        root = Root(self.root, follow_links=True)
        sizes = [identity[1:2] for identity in root.identities(files)]
        found.update(json.dumps([facts, sizes, sorted(self.categories.items())]).encode())
        for column in (self.taught, self.row_frame, self.row_object, self.row_category):
            found.update(np.ascontiguousarray(column, np.int64).tobytes())
        for text in self.counts:
            found.update(text.as_py().encode() + b"\n")
        return found.hexdigest()


def refuse_foreign_sizes(key: str, masks: pa.Table, frames: pa.Table, origin: str) -> None:
    """Raises BadInput where a mask is not of its frame's size, or of no frame at all; names scene and frame."""
    at = masks.column("frame").to_numpy()
    if not len(at):
        return
    if at.max() >= frames.num_rows or at.min() < 0:
        raise BadInput(
            f"scene {key}: {origin} speak of frame {int(at.max())}, the scene has {frames.num_rows} frames; make "
            "them again for this selection of frames"
        )
    found, wanted = (
        np.stack([table.column(name).to_numpy() for name in ("height", "width")], 1)
        for table in (masks, frames)
    )
    wrong = np.flatnonzero((found != wanted[at]).any(1))
    if len(wrong):
        row = int(wrong[0])
        (height, width), (tall, wide) = found[row].tolist(), wanted[at[row]].tolist()
        uri = frames.column("uri")[int(at[row])].as_py()
        raise BadInput(
            f"scene {key}, frame {int(at[row])} ({uri}): expected masks of {tall} x {wide} (height x width) like the "
            f"frame, found one of {height} x {width} among {origin} ({len(wrong)} such masks); make them again, or "
            "give the dataset the pictures they were drawn on"
        )


def total(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Sums of several counts by reason."""
    found: Counter[str] = Counter()
    for item in counts:
        found.update(item)
    return dict(found)
