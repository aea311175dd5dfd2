"""What the tracker knows of each identity: where it began, what supports it, why it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from segassets.masks.schemas import TRACKS

END_OF_FOOTAGE = "end_of_footage"
LEFT_VIEW = "left_view"
UNSUPPORTED = "unsupported"


@dataclass
class TrackRecord:
    """One identity.

    Attributes:
        support: frame (index in the selection) of its last supporting candidate.
        seen: frame of its latest mask.
        first, last: source frames of its earliest and latest mask.
        parent: track of the candidate's parent, 0 = none.
    """

    track_id: int
    level: int
    category_id: int
    parent: int
    support: int
    seen: int
    first: int
    last: int
    prompt_mask_ids: list[int] = field(default_factory=list)
    frames: int = 0
    score_sum: float = 0.0
    retired_because: str | None = None

    def count_mask(self, source_frame: int, score: float) -> None:
        """Take one stored mask into the summary."""
        self.frames += 1
        self.score_sum += score
        self.first = min(self.first, source_frame)
        self.last = max(self.last, source_frame)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `TrackRecord(**values)` is the inverse."""
        return asdict(self)


def tracks_table(scene: str, records: Iterable[TrackRecord]) -> pa.Table:
    """The summary of all tracks that have at least one mask, schema TRACKS, by track_id."""
    rows = [
        {
            "scene": scene,
            "track_id": record.track_id,
            "level": record.level,
            "source_frame_born": record.first,
            "source_frame_last": record.last,
            "frames": record.frames,
            "prompt_mask_ids": record.prompt_mask_ids,
            "mean_score": record.score_sum / record.frames,
            "retired_because": record.retired_because or END_OF_FOOTAGE,
        }
        for record in sorted(records, key=lambda record: record.track_id)
        if record.frames
    ]
    return pa.Table.from_pylist(rows, schema=TRACKS)
