"""SA-V's JSON of masklets: `masklet[annotated frame][object]` is a mask; null or an empty one where it is absent.

A frame that is null as a whole was not annotated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segassets.datasets.files import Root
from segassets.datasets.json_files import read_json
from segassets.datasets.scene import AnnotationRow, Exclusion, FrameRecord
from segassets.datasets.segmentations import refuse_other_sizes, to_counts
from segassets.errors import BadInput
from segassets.masks import rle

_USUAL = 4  # masks at 6 frames a second of 24


@dataclass(frozen=True)
class Masklets:
    """One file.

    Attributes:
        location: the file.
        every: frames of the video from one entry to the next.
        entries: by annotated frame: a mask per object, or None.
        ids: of the objects, from 0.
        stability: like `entries`; None when the file has none.
    """

    location: str
    every: int
    entries: list[list[dict[str, Any] | None] | None]
    ids: list[int]
    stability: list[list[float]] | None
    environment: str | None

    def of_frame(self, source_frame: int) -> list[dict[str, Any] | None] | None:
        """The masks of a frame of the video; None when it is not annotated."""
        row, rest = divmod(source_frame, self.every)
        return self.entries[row] if rest == 0 and row < len(self.entries) else None


def read_masklets(
    root: Root, note: str, key: str, frame: FrameRecord, total: int, every: int | None
) -> Masklets:
    """The masklets of a file, checked against its video.

    Args:
        key: scene key, for messages.
        frame: any frame of the video.
        total: frames of the video.
        every: frames from one entry to the next; found from the numbers of both when not given.

    Raises:
        BadInput: the file is no such JSON, or is for another video; names file and frame.
    """
    location, document = root.location(note), read_json(root, note)
    entries: Any = document.get("masklet", document.get("masks"))
    ids = _ids(entries, document, location)
    video = frame.uri.partition("#")[0]
    size = (document.get("video_height") or frame.height, document.get("video_width") or frame.width)
    if (int(size[0]), int(size[1])) != (frame.height, frame.width):
        raise BadInput(
            f"scene {key}: {location} is for {int(size[0])} x {int(size[1])} (height x width), the video {video} is "
            f"{frame.height} x {frame.width}"
        )
    every = every or (1 if len(entries) == total else _USUAL)
    last = (len(entries) - 1) * every
    if last >= total:
        claimed = document.get("video_frame_count")
        of = f" (the JSON speaks of {int(claimed)} frames)" if claimed else ""
        raise BadInput(
            f"scene {key}: {location} has masks up to frame {last}, the video {video} only frames 0 to {total - 1}"
            f"{of}; get the whole video, or correct the option `every`"
        )
    scores = document.get("masklet_stability_score")
    return Masklets(location, every, entries, ids, scores, document.get("video_environment"))


def _ids(entries: Any, document: dict[str, Any], location: str) -> list[int]:
    """Ids of the objects, once the masks are known to be of the same objects on every frame."""
    if not isinstance(entries, list) or not all(item is None or isinstance(item, list) for item in entries):
        raise BadInput(f"{location}: expected 'masklet', a list of masks per annotated frame")
    counts = {at: len(of_frame) for at, of_frame in enumerate(entries) if of_frame is not None}
    expected = next(iter(counts.values()), 0)
    for at, found in counts.items():
        if found != expected:
            raise BadInput(
                f"{location}: expected {expected} masks (null where absent) on every frame, found {found} on annotated "
                f"frame {at}"
            )
    ids = document.get("masklet_id") or list(range(expected))
    if len(ids) != expected:
        raise BadInput(
            f"{location}: expected a 'masklet_id' for each of {expected} masklets, found {len(ids)}"
        )
    return ids


def masklet_rows(
    documents: Sequence[Masklets], frames: Sequence[FrameRecord]
) -> Iterator[AnnotationRow | Exclusion]:
    """Rows of all files of a video; track ids are the masklets' ids + 1, those of a later file follow.

    Raises:
        BadInput: a mask of another size than the video; names file, masklet and frame.
    """
    size = (frames[0].height, frames[0].width)
    empty = rle.encode(np.zeros(size, bool))
    first_track = 1
    for item in documents:
        found = [
            (position, frame.source_frame, at, mask)
            for position, frame in enumerate(frames)
            for at, mask in enumerate(item.of_frame(frame.source_frame) or ())
            if mask
        ]
        where = [f"{item.location}: masklet {item.ids[at]} in frame {source}" for _, source, at, _ in found]
        segmentations = [mask for *_, mask in found]
        refuse_other_sizes(segmentations, where, *size)
        counts, excluded = to_counts(segmentations, where, *size)
        yield from excluded
        for (position, source, at, _), text, name in zip(found, counts, where, strict=True):
            if text is not None and text != empty:
                stability = item.stability[source // item.every][at] if item.stability else None
                track = first_track + item.ids[at]
                yield AnnotationRow(position, text, track_id=track, where=name, stability=stability)
        first_track += max(item.ids, default=-1) + 1
