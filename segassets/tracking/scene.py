"""Track one scene: frames in order through the streaming tracker, chunk by chunk, resumable after a kill."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from segassets.datasets.frames import FrameSource
from segassets.masks.schemas import TRACKS
from segassets.masks.table import boxes, write_table
from segassets.models.streaming import VideoTracker
from segassets.tracking.chunks import ChunkStore
from segassets.tracking.config import TrackingConfig
from segassets.tracking.records import tracks_table
from segassets.tracking.support import Candidate
from segassets.tracking.tracker import FrameMasks, StreamingTracker

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class TrackResult:
    """What a track run made.

    Attributes:
        masks: rows in the mask table written.
        tracks: summary table, schema TRACKS.
        stats: counts (founded, supported, relinked, over_limit, empty_prompt), frames, resumed_at, seconds.
    """

    masks: int
    tracks: pa.Table
    stats: dict[str, Any]


def track_scene(
    source: FrameSource,
    scene: str,
    candidates: pa.Table,
    model: VideoTracker,
    config: TrackingConfig,
    work_dir: Path,
    out_dir: Path,
    progress: Progress | None = None,
    unrelated: bool = False,
) -> TrackResult:
    """Follow the candidates of a scene and write `masks.parquet` and `tracks.parquet` into `out_dir`.

    Args:
        source: the scene's frames.
        candidates: mask table; rows of one frame make that frame a keyframe.
        model: the network, e.g. Sam2Tracker.
        work_dir: where chunks survive a kill; a run with the same candidates, model and config goes on from there.
        progress: called with (frames done, frames in all, a note).
        unrelated: the frames are an image set, not footage: every candidate is a track of its own picture only.

    Raises:
        BadInput: a frame cannot be read or changes size; names scene, file and frame.
        OutOfSpace: the disk is full; finished chunks are kept.
    """
    began = time.perf_counter()
    if unrelated:
        config = config.model_copy(update={"max_propagate": 0, "backward_frames": 0})
    tracker = StreamingTracker(model, config)
    chunks = ChunkStore(work_dir, scene)
    first = chunks.resume(tracker)
    _refill_ring(source, tracker)
    by_frame = candidates_by_frame(candidates)
    final: list[FrameMasks] = []
    for frame, rgb in source.iterate(range(first, len(source))):
        final += tracker.advance(_view(source, frame), rgb, by_frame.get(frame, ()))
        if progress:
            progress(frame + 1, len(source), f"{tracker.active} objects")
        if (frame + 1) % config.chunk_frames == 0:
            chunks.save(tracker, final, frame + 1)
            final = []
    chunks.save(tracker, final + tracker.finish(), len(source))
    rows = chunks.write_final(out_dir / "masks.parquet")
    summary = tracks_table(scene, tracker.records.values())
    write_table(summary, TRACKS, out_dir / "tracks.parquet")
    stats = {
        **tracker.counts,
        "frames": len(source),
        "resumed_at": first,
        "seconds": time.perf_counter() - began,
    }
    return TrackResult(rows, summary, stats)


def candidates_by_frame(table: pa.Table) -> dict[int, list[Candidate]]:
    """The rows of a mask table as candidates, by frame."""
    names = ("frame", "mask_id", "parent_id", "level", "category_id", "area", "rle_counts", "score")
    columns = [table.column(name).to_pylist() for name in names]
    found: dict[int, list[Candidate]] = defaultdict(list)
    for (frame, mask_id, parent_id, level, category_id, area, counts, score), box in zip(
        zip(*columns, strict=True), boxes(table).tolist(), strict=True
    ):
        found[frame].append(
            Candidate(mask_id, parent_id, level, category_id, area, tuple(box), counts, score or 0.0)
        )
    return dict(found)


def _view(source: FrameSource, frame: int) -> FrameMasks:
    return FrameMasks(frame, source.source_frame(frame), *source.size_hw(frame))


def _refill_ring(source: FrameSource, tracker: StreamingTracker) -> None:
    """Encode again the frames that were still open when the run was cut off."""
    views = {view.frame: view for view in tracker.pending}
    if views:
        for frame, rgb in source.iterate(sorted(views)):
            tracker.rewind(views[frame], rgb)
