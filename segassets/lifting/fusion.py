"""Tracks, depth and poses of a scene fused into one set of instances.

The frames' points are compared in cells of space (`observations`): what a track's mask covers consistently is its own,
pieces that depth tears apart become instances of their own (`pieces`), pieces of different tracks that cover the same
surface become one (`merging`). The work of a frame does not depend on how many came before it.

Without poses, or without metric depth, points of two frames have no common space: each track is then an instance that
has the points of one frame, that of its largest mask, in this camera's axes (`per_frame`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from segassets.geometry.boxes import OrientedBox, box_around
from segassets.geometry.points import PointCloud
from segassets.lifting.cells import cell_keys
from segassets.lifting.frame import FrameLift
from segassets.lifting.instances_config import InstancesConfig
from segassets.lifting.merging import groups_of_pieces
from segassets.lifting.observations import Observations, thin_on_grid
from segassets.lifting.pieces import Piece, pieces_of_tracks

_TRIM = 0.01  # share of the points outside an instance's box at each end of each axis


@dataclass(frozen=True)
class Instance:
    """One thing in space.

    Attributes:
        instance_id: the id of its first track, or a new one for a piece that was split off.
        track_ids: its tracks, ascending.
        cloud: its points, `mask_id` naming the track of each, and
        box: around them; both None where the scene has no depth.
        views: frames on which its masks cover it, ascending.
        consensus: share of the frames seeing a cell of it on which a mask of it covers the cell; mean over cells.
    """

    instance_id: int
    track_ids: list[int]
    cloud: PointCloud | None
    box: OrientedBox | None
    views: list[int]
    consensus: float


@dataclass
class Fusion:
    """Instances of a scene, what was left out (counted by reason) and whose tracks it was."""

    instances: list[Instance] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)
    excluded_tracks: dict[str, list[int]] = field(default_factory=dict)
    merged: int = 0
    split: int = 0

    def leave_out(self, reason: str, track: int) -> None:
        """Count a track that becomes no instance."""
        self.excluded[reason] += 1
        self.excluded_tracks.setdefault(reason, []).append(track)


def fuse(
    lifts: Iterable[tuple[int, FrameLift]],
    eyes: Mapping[int, np.ndarray],
    config: InstancesConfig,
    up: np.ndarray | None = None,
) -> Fusion:
    """Instances of frames whose points share the world's axes and are in metres.

    Args:
        lifts: frames in order of time, lifted with masks that bear track ids.
        eyes: frame -> (3,) where its camera stood.
        up: the world's up, (3,), for upright boxes.
    """
    seen, result, tracks = Observations(config.cell_m, config.spacing_m), Fusion(), set()
    for frame, lifted in lifts:
        seen.add(frame, lifted, eyes[frame])
        tracks |= _tracks_of(lifted)
    pieces = pieces_of_tracks(seen, config, result.excluded)
    for track in sorted(tracks - {piece.track for piece in pieces}):
        result.leave_out("track_without_depth", track)
    groups = groups_of_pieces(seen, pieces, config)
    result.merged = len(pieces) - len(groups)
    result.split = len(pieces) - len({piece.track for piece in pieces})
    ids = _stable_ids([[pieces[at] for at in group] for group in groups], max(tracks, default=0))
    for instance_id, group in ids:
        cloud = _points_of(seen, group)
        _add(result, instance_id, group, cloud, [seen.frames[at] for at in _frames_of(group)], config, up)
    return result


def per_frame(lifts: Iterable[tuple[int, FrameLift]], config: InstancesConfig) -> Fusion:
    """Instances of frames without a common space: each track at the frame on which most of its points lie."""
    best: dict[int, PointCloud] = {}
    views: dict[int, list[int]] = {}
    result, tracks = Fusion(), set()
    for frame, lifted in lifts:
        tracks |= _tracks_of(lifted)
        for track, rows in lifted.points_of.items():
            views.setdefault(track, []).append(frame)
            if track not in best or len(rows) > len(best[track]):
                best[track] = lifted.cloud.take(rows)
    for track in sorted(tracks - set(best)):
        result.leave_out("track_without_depth", track)
    nothing = np.zeros(0, np.int64)
    for track in sorted(best):
        piece = Piece(track, nothing, nothing, 1.0)
        _add(result, track, [piece], best[track], views[track], config, None)
    return result


def without_depth(views_of: Mapping[int, list[int]]) -> Fusion:
    """Instances of a scene without depth: each track, with its frames and nothing in space."""
    found = [Instance(track, [track], None, None, views_of[track], 1.0) for track in sorted(views_of)]
    return Fusion(found)


def _tracks_of(lifted: FrameLift) -> set[int]:
    return set(lifted.points_of).union(*lifted.excluded_masks.values())


def _stable_ids(groups: Sequence[Sequence[Piece]], last_track: int) -> list[tuple[int, Sequence[Piece]]]:
    """An instance bears the id of its first track; a piece whose track's id is taken gets one beyond all tracks."""
    taken: set[int] = set()
    named = []
    for group in groups:
        number = min(piece.track for piece in group)
        if number in taken:
            last_track += 1
            number = last_track
        taken.add(number)
        named.append((number, group))
    return sorted(named, key=lambda item: item[0])


def _frames_of(group: Sequence[Piece]) -> list[int]:
    return sorted({int(at) for piece in group for at in piece.frames})


def _points_of(seen: Observations, group: Sequence[Piece]) -> PointCloud:
    """Points of the pieces' tracks that lie in the pieces' cells."""
    parts = []
    for piece in group:
        cloud = seen.points[piece.track].cloud()
        inside = np.isin(cell_keys(cloud.xyz, seen.cell_m), seen.cells[piece.rows])
        parts.append(_named(cloud.take(inside), piece.track))
    whole = PointCloud.concatenate(parts)
    return whole.take(thin_on_grid(whole.xyz, seen.spacing_m))


def _named(cloud: PointCloud, track: int) -> PointCloud:
    """The points with their track's id, also where a smaller mask lay on top of it."""
    ids = np.full(len(cloud), track, np.int64)
    return PointCloud(cloud.xyz, cloud.rgb, cloud.frame, ids, cloud.unit, cloud.space)


def _add(
    result: Fusion,
    instance_id: int,
    group: Sequence[Piece],
    cloud: PointCloud,
    views: list[int],
    config: InstancesConfig,
    up: np.ndarray | None,
) -> None:
    tracks = sorted({piece.track for piece in group})
    if len(cloud) < config.least_points:
        for track in tracks:
            result.leave_out("too_few_points", track)
        return
    weights = np.array([max(len(piece.rows), 1) for piece in group], np.float64)
    consensus = float(np.average([piece.consensus for piece in group], weights=weights))
    if len(tracks) == 1:
        cloud = _named(cloud, tracks[0])
    box = box_around(cloud.xyz, up, _TRIM)
    result.instances.append(Instance(instance_id, tracks, cloud, box, sorted(set(views)), consensus))
