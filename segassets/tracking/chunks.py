"""A running track on disk: finished frames in chunk tables, the tracker's state beside the latest one.

A chunk counts once its state file exists; a kill loses at most the frames since then. The final table is the chunks in
order, copied row group by row group, so its size never has to fit in memory.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import safe_open
from safetensors.torch import save_file

from segassets.masks.schemas import MASKS
from segassets.masks.table import MaskRows, empty_masks, validate_masks, write_table
from segassets.storage.atomic import disk_errors
from segassets.tracking.records import TrackRecord
from segassets.tracking.render import TrackedMask
from segassets.tracking.tracker import Cohort, FrameMasks, StreamingTracker


class ChunkStore:
    """Chunks and state of one track run.

    Args:
        folder: a folder that outlives a kill.
        scene: scene key.
    """

    def __init__(self, folder: Path, scene: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.scene = scene
        self.next_mask_id = 1
        self.chunks = 0

    def save(self, tracker: StreamingTracker, final: Sequence[FrameMasks], next_frame: int) -> None:
        """Write the finished frames as a chunk, then the state from which to go on at `next_frame`."""
        table = self._rows(final, tracker.records)
        validate_masks(table, where=f"tracks of {self.scene}, chunk {self.chunks}")
        self._replace(self._chunk(self.chunks), lambda path: write_table(table, MASKS, path))
        self.chunks += 1
        tensors, plain = _snapshot(tracker)
        plain |= {"next_frame": next_frame, "next_mask_id": self.next_mask_id, "chunks": self.chunks}
        self._replace(
            self._state(self.chunks),
            lambda path: save_file(tensors, path, metadata={"state": json.dumps(plain)}),
        )
        self._state(self.chunks - 1).unlink(missing_ok=True)

    def resume(self, tracker: StreamingTracker) -> int:
        """Bring `tracker` to its last complete chunk; returns the frame to go on with (0 = from the start)."""
        states = sorted(self.folder.glob("state_*.safetensors"))
        if not states:
            return 0
        with safe_open(states[-1], "pt") as stored:
            plain = json.loads(stored.metadata()["state"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no iterator)
        _restore(tracker, tensors, plain)
        self.next_mask_id, self.chunks = plain["next_mask_id"], plain["chunks"]
        return plain["next_frame"]

    def write_final(self, path: Path) -> int:
        """All chunks as one mask table at `path`; returns its rows."""
        rows = 0
        with pq.ParquetWriter(path, MASKS, compression="zstd") as writer:
            for index in range(self.chunks):
                table = pq.read_table(self._chunk(index)).cast(MASKS)
                rows += table.num_rows
                writer.write_table(table)
            if not self.chunks:
                writer.write_table(empty_masks())
        return rows

    def _rows(self, final: Iterable[FrameMasks], records: dict[int, TrackRecord]) -> pa.Table:
        rows = MaskRows(self.scene, self.next_mask_id)
        for view in final:
            ids = {track: rows.next_mask_id + offset for offset, track in enumerate(sorted(view.masks))}
            for track in sorted(view.masks):
                mask, record = view.masks[track], records[track]
                record.count_mask(view.source_frame, mask.score)
                rows.add(
                    frame=view.frame,
                    source_frame=view.source_frame,
                    height=view.height,
                    width=view.width,
                    rle_counts=mask.rle_counts,
                    source="track",
                    mask_id=ids[track],
                    track_id=track,
                    parent_id=ids.get(record.parent, 0),
                    level=record.level,
                    category_id=record.category_id,
                    score=mask.score,
                    stability=mask.stability,
                    predicted_iou=mask.predicted_iou,
                )
        self.next_mask_id = rows.next_mask_id
        return rows.to_table()

    def _chunk(self, index: int) -> Path:
        return self.folder / f"chunk_{index:06d}.parquet"

    def _state(self, index: int) -> Path:
        return self.folder / f"state_{index:06d}.safetensors"

    def _replace(self, path: Path, write: Any) -> None:
        staging = path.with_suffix(".tmp")
        with disk_errors(path):
            write(staging)
            staging.replace(path)


def _snapshot(tracker: StreamingTracker) -> tuple[dict[str, Any], dict[str, Any]]:
    tensors: dict[str, Any] = {}
    cohorts = []
    for index, cohort in enumerate(tracker.cohorts):
        arrays, plain = cohort.memory.to_arrays()
        tensors |= {f"{index}.{name}": array for name, array in arrays.items()}
        cohorts.append({"tracks": cohort.tracks, "memory": plain})
    state = {
        "records": [record.to_dict() for record in tracker.records.values()],
        "pending": [asdict(view) for view in tracker.pending],
        "cohorts": cohorts,
        "next_track": tracker.next_track,
        "counts": dict(tracker.counts),
    }
    return tensors, state


def _restore(tracker: StreamingTracker, tensors: dict[str, Any], state: dict[str, Any]) -> None:
    tracker.records = {values["track_id"]: TrackRecord(**values) for values in state["records"]}
    tracker.pending = deque(_view(values) for values in state["pending"])
    tracker.next_track = state["next_track"]
    tracker.counts = Counter(state["counts"])
    tracker.cohorts = []
    for index, cohort in enumerate(state["cohorts"]):
        prefix = f"{index}."
        own = {name.removeprefix(prefix): item for name, item in tensors.items() if name.startswith(prefix)}
        tracker.cohorts.append(Cohort(cohort["tracks"], tracker.model.restore(own, cohort["memory"])))


def _view(values: dict[str, Any]) -> FrameMasks:
    masks = {int(track): TrackedMask(**mask) for track, mask in values.pop("masks").items()}
    return FrameMasks(**values, masks=masks)
