"""The streaming tracker: one frame at a time, every object of every level in batches, memory bounded by the rings.

On each frame: encode once, step all active tracks, let the keyframe's candidates support tracks or found new ones,
follow the new ones backwards over the ring of encoded frames, retire what left or lost its support. A frame's masks are
final, and leave the tracker, once no later track can reach back to it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segassets.masks import rle
from segassets.models.streaming import Memory, StepOutput, VideoTracker
from segassets.tracking.config import TrackingConfig
from segassets.tracking.records import LEFT_VIEW, UNSUPPORTED, TrackRecord
from segassets.tracking.render import TrackedMask, to_masks
from segassets.tracking.support import Candidate, match, overlaps_any


@dataclass
class FrameMasks:
    """The masks of one frame, by track."""

    frame: int
    source_frame: int
    height: int
    width: int
    masks: dict[int, TrackedMask] = field(default_factory=dict)


@dataclass
class Cohort:
    """Tracks that step through the network together; `tracks[i]` is object i of the memory."""

    tracks: list[int]
    memory: Any


class StreamingTracker:
    """Identities over a stream of frames.

    Args:
        model: the network.
        config: thresholds and bounds.
    """

    def __init__(self, model: VideoTracker, config: TrackingConfig) -> None:
        self.model = model
        self.config = config
        self.records: dict[int, TrackRecord] = {}
        self.cohorts: list[Cohort] = []
        self.pending: deque[FrameMasks] = deque()
        self.next_track = 1
        self.counts: Counter[str] = Counter()
        self._ring: deque[tuple[Any, FrameMasks]] = deque(maxlen=self.reach)

    @property
    def reach(self) -> int:
        """Frames a new track may reach back."""
        longest = self.config.max_propagate
        return self.config.backward_frames if longest is None else min(self.config.backward_frames, longest)

    def advance(self, view: FrameMasks, rgb: np.ndarray, candidates: Sequence[Candidate]) -> list[FrameMasks]:
        """Take the next frame (an empty `view` that says which, its picture, its candidates); return final frames."""
        features = self.model.encode(rgb, view.frame)
        for cohort in self.cohorts:
            output = self.model.step(features, cohort.memory)
            self._keep(view, cohort.tracks, self._rendered(view, output))
        if candidates:
            self._take_candidates(features, view, candidates)
        self._retire(view.frame)
        self._merge_cohorts()
        self._ring.append((features, view))
        self.pending.append(view)
        return [self.pending.popleft() for _ in range(len(self.pending) - self.reach)]

    def rewind(self, view: FrameMasks, rgb: np.ndarray) -> None:
        """Put a frame that is still pending back into the ring after a restart; frames come in order."""
        self._ring.append((self.model.encode(rgb, view.frame), view))

    def finish(self) -> list[FrameMasks]:
        """The frames that were still open when the footage ended."""
        left = list(self.pending)
        self.pending.clear()
        self._ring.clear()
        self.cohorts.clear()
        return left

    @property
    def active(self) -> int:
        """Tracks being followed."""
        return sum(len(cohort.tracks) for cohort in self.cohorts)

    # --- one frame ---------------------------------------------------------------------------------------------------

    def _rendered(self, view: FrameMasks, output: StepOutput) -> list[TrackedMask | None]:
        threshold = self.config.mask_threshold or self.model.threshold
        return to_masks(output, view.height, view.width, self.config.min_area, threshold)

    def _keep(self, view: FrameMasks, tracks: Sequence[int], masks: Sequence[TrackedMask | None]) -> None:
        for track, mask in zip(tracks, masks, strict=True):
            if mask is not None:
                view.masks[track] = mask
                self.records[track].seen = view.frame

    def _take_candidates(self, features: Any, view: FrameMasks, candidates: Sequence[Candidate]) -> None:
        """Support or found, whole objects before their parts, so that a part finds its parent's track."""
        ordered = sorted(candidates, key=lambda candidate: (candidate.level, candidate.mask_id))
        tracked = {track: mask.rle_counts for track, mask in view.masks.items()}
        levels = {track: self.records[track].level for track in tracked}
        owners = match(ordered, tracked, levels, view.height, view.width, self.config.iou_threshold)
        track_of: dict[int, int] = {}
        founders = []
        for candidate, owner in zip(ordered, owners, strict=True):
            if owner:
                self._support(owner, candidate, view.frame)
                track_of[candidate.mask_id] = owner
            else:
                founders.append(candidate)
        room = max(self.config.max_objects - self.active, 0)
        self.counts["over_limit"] += len(founders[room:])
        for batch in self._batches(founders[:room]):
            self._found(features, view, batch, track_of)

    def _support(self, track: int, candidate: Candidate, frame: int) -> None:
        self.records[track].support = frame
        self.records[track].prompt_mask_ids.append(candidate.mask_id)
        self.counts["supported"] += 1

    def _batches(self, founders: Sequence[Candidate]) -> list[list[Candidate]]:
        """Founders in batches of one prompt kind and one level."""
        groups: dict[tuple[int, bool], list[Candidate]] = {}
        for candidate in founders:
            groups.setdefault((candidate.level, self._by_box(candidate)), []).append(candidate)
        size = self.config.objects_per_batch
        return [group[at : at + size] for group in groups.values() for at in range(0, len(group), size)]

    def _by_box(self, candidate: Candidate) -> bool:
        if self.config.prompt == "long_tail":
            return candidate.area <= self.config.long_tail_area
        return self.config.prompt == "box"

    # --- new tracks --------------------------------------------------------------------------------------------------

    def _found(
        self, features: Any, view: FrameMasks, batch: Sequence[Candidate], track_of: dict[int, int]
    ) -> None:
        memory, output = self._prompt(features, view, batch)
        masks = self._rendered(view, output)
        kept = [index for index, mask in enumerate(masks) if mask is not None]
        self.counts["empty_prompt"] += len(batch) - len(kept)
        if not kept:
            return
        memory = memory.select(kept)
        past = self._follow_back(memory.fresh())
        tracks = []
        for position, index in enumerate(kept):
            candidate, mask = batch[index], masks[index]
            assert mask is not None
            history = [(other, found[position]) for other, found in past]
            track = self._relinked(candidate.level, history, view) or self._new_track(
                candidate, view, track_of
            )
            self._support(track, candidate, view.frame)
            self._keep(view, [track], [mask])
            self._write_back(track, candidate.level, history)
            track_of[candidate.mask_id] = track
            tracks.append(track)
        self.cohorts.append(Cohort(tracks, memory))

    def _prompt(
        self, features: Any, view: FrameMasks, batch: Sequence[Candidate]
    ) -> tuple[Memory, StepOutput]:
        if self._by_box(batch[0]):
            corners = np.array([candidate.bbox_xywh for candidate in batch], np.float32)
            corners[:, 2:] += corners[:, :2]
            size = np.array([view.width, view.height] * 2, np.float32)
            return self.model.found(features, boxes_xyxy=corners / size)
        counts = [candidate.rle_counts for candidate in batch]
        return self.model.found(features, masks=rle.decode_batch(counts, view.height, view.width))

    def _new_track(self, candidate: Candidate, view: FrameMasks, track_of: dict[int, int]) -> int:
        track = self.next_track
        self.next_track += 1
        self.counts["founded"] += 1
        self.records[track] = TrackRecord(
            track_id=track,
            level=candidate.level,
            category_id=candidate.category_id,
            parent=track_of.get(candidate.parent_id, 0),
            support=view.frame,
            seen=view.frame,
            first=view.source_frame,
            last=view.source_frame,
        )
        return track

    def _follow_back(self, memory: Any) -> list[tuple[FrameMasks, list[TrackedMask | None]]]:
        """Masks of the new objects on the frames of the ring, newest first, until none is in view."""
        past = []
        for features, view in reversed(self._ring):
            masks = self._rendered(view, self.model.step(features, memory))
            if not any(masks):
                break
            past.append((view, masks))
        return past

    def _relinked(
        self, level: int, history: Sequence[tuple[FrameMasks, TrackedMask | None]], now: FrameMasks
    ) -> int | None:
        """A track lost from view on this frame that this object turns out to be: their pasts coincide."""
        overlaps: dict[int, list[float]] = {}
        for view, mask in history:
            if mask is None:
                break
            others = [
                track for track in view.masks if self.records[track].level == level and track not in now.masks
            ]
            counts = [view.masks[track].rle_counts for track in others]
            row = rle.iou_matrix([mask.rle_counts], counts, view.height, view.width)
            for track, value in zip(others, row[0] if others else (), strict=True):
                overlaps.setdefault(track, []).append(float(value))
        means = {track: sum(values) / len(values) for track, values in overlaps.items()}
        best = max(means, key=lambda track: means[track], default=None)
        if best is None or means[best] < self.config.iou_threshold:
            return None
        self._drop(best)
        self.records[best].retired_because = None
        self.counts["relinked"] += 1
        return best

    def _write_back(
        self, track: int, level: int, history: Sequence[tuple[FrameMasks, TrackedMask | None]]
    ) -> None:
        """Store the past of a new track until it leaves view or meets a mask that another track already has."""
        for view, mask in history:
            same_level = [
                m.rle_counts for other, m in view.masks.items() if self.records[other].level == level
            ]
            if mask is None or track in view.masks:
                return
            if overlaps_any(mask.rle_counts, same_level, view.height, view.width, self.config.iou_threshold):
                return
            view.masks[track] = mask

    # --- endings -----------------------------------------------------------------------------------------------------

    def _retire(self, frame: int) -> None:
        longest = self.config.max_propagate
        for cohort in self.cohorts:
            for track in cohort.tracks:
                record = self.records[track]
                if frame - record.seen >= self.config.retire_after:
                    record.retired_because = LEFT_VIEW
                elif longest is not None and frame - record.support >= longest:
                    record.retired_because = UNSUPPORTED
        for cohort in self.cohorts:
            self._select(cohort, [t for t in cohort.tracks if self.records[t].retired_because is None])
        self.cohorts = [cohort for cohort in self.cohorts if cohort.tracks]

    def _drop(self, track: int) -> None:
        """Stop following a track's old memory."""
        for cohort in self.cohorts:
            if track in cohort.tracks:
                self._select(cohort, [other for other in cohort.tracks if other != track])
        self.cohorts = [cohort for cohort in self.cohorts if cohort.tracks]

    def _select(self, cohort: Cohort, tracks: list[int]) -> None:
        if len(tracks) == len(cohort.tracks):
            return
        if tracks:
            cohort.memory = cohort.memory.select([cohort.tracks.index(track) for track in tracks])
        cohort.tracks = tracks

    def _merge_cohorts(self) -> None:
        """Full memories step together, up to the batch size: ages no longer differ to the network."""
        full = [cohort for cohort in self.cohorts if cohort.memory.is_full]
        if len(full) < 2:
            return
        groups: list[list[Cohort]] = [[]]
        for cohort in full:
            if sum(len(c.tracks) for c in groups[-1]) + len(cohort.tracks) > self.config.objects_per_batch:
                groups.append([])
            groups[-1].append(cohort)
        merged = [
            Cohort([t for c in group for t in c.tracks], self.model.merge([c.memory for c in group]))
            if len(group) > 1
            else group[0]
            for group in groups
            if group
        ]
        self.cohorts = merged + [cohort for cohort in self.cohorts if not cohort.memory.is_full]
