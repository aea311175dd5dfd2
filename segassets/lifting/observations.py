"""What the frames of a scene saw: which cells of space, and which of them a track's mask covered."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from segassets.geometry.points import PointCloud
from segassets.lifting.cells import cell_keys
from segassets.lifting.frame import FrameLift

_THIN_FROM = 4000  # points of a track before they are thinned for the first time


class TrackPoints:
    """Points of one track, thinned now and then so that memory follows the surface, not the frames."""

    def __init__(self, spacing_m: float) -> None:
        self._spacing_m = spacing_m
        self._parts: list[PointCloud] = []
        self._count, self._limit = 0, _THIN_FROM

    def add(self, cloud: PointCloud) -> None:
        """Take in one frame's points."""
        self._parts.append(cloud.take(thin_on_grid(cloud.xyz, self._spacing_m)))
        self._count += len(self._parts[-1])
        if self._count > self._limit:
            self._count = len(self.cloud())
            self._limit = max(_THIN_FROM, 2 * self._count)

    def cloud(self) -> PointCloud:
        """All points so far, at most one for each cube of the spacing."""
        whole = PointCloud.concatenate(self._parts)
        self._parts = [whole.take(thin_on_grid(whole.xyz, self._spacing_m))]
        return self._parts[0]


def thin_on_grid(xyz: np.ndarray, spacing_m: float) -> np.ndarray:
    """Rows (ascending) of the first point in each cube of the world's grid."""
    _, first = np.unique(cell_keys(xyz, spacing_m), return_index=True)
    return np.sort(first)


@dataclass
class Observations:
    """Collected frame by frame with `add`, then asked.

    Args:
        cell_m: edge of a cell.
        spacing_m: edge of the cubes that hold at most one point of a track.
    """

    cell_m: float
    spacing_m: float

    def __post_init__(self) -> None:
        self.frames: list[int] = []
        self.eyes: list[np.ndarray] = []  # (3,) where the camera stood
        self.points: dict[int, TrackPoints] = defaultdict(lambda: TrackPoints(self.spacing_m))
        self._seen: list[np.ndarray] = []
        self._claims: list[tuple[int, int, np.ndarray]] = []  # track, position of the frame, keys

    def add(self, frame: int, lifted: FrameLift, eye: np.ndarray) -> None:
        """Take in one frame, lifted with masks that bear track ids; `eye` (3,) is the camera's place."""
        keys, cell_of = np.unique(cell_keys(lifted.cloud.xyz, self.cell_m), return_inverse=True)
        for track, rows in lifted.points_of.items():
            self._claims.append((track, len(self.frames), keys[np.unique(cell_of[rows])]))
            self.points[track].add(lifted.cloud.take(rows))
        self.frames.append(frame)
        self.eyes.append(eye)
        self._seen.append(keys)

    @cached_property
    def cells(self) -> np.ndarray:
        """Keys int64 (C,), ascending, of the cells that some mask covered."""
        return np.unique(np.concatenate([keys for *_, keys in self._claims] or [np.zeros(0, np.int64)]))

    @cached_property
    def seen(self) -> sparse.csr_matrix:
        """(C, F): 1 where a frame saw a cell."""
        found = [np.flatnonzero(np.isin(self.cells, keys, assume_unique=True)) for keys in self._seen]
        columns = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
        rows = np.concatenate(found) if found else np.zeros(0, np.int64)
        ones = np.ones(len(rows), np.int32)
        return sparse.csr_matrix((ones, (rows, columns)), (len(self.cells), len(self.frames)))

    def claims_of(self) -> dict[int, sparse.csc_matrix]:
        """By track: (C, F) with 1 where its mask covered a cell on a frame."""
        by_track: dict[int, list[tuple[int, np.ndarray]]] = defaultdict(list)
        for track, position, keys in self._claims:
            by_track[track].append((position, np.searchsorted(self.cells, keys)))
        shape = (len(self.cells), len(self.frames))
        found = {}
        for track, parts in sorted(by_track.items()):
            rows = np.concatenate([rows for _, rows in parts])
            columns = np.repeat([position for position, _ in parts], [len(rows) for _, rows in parts])
            found[track] = sparse.csc_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape)
        return found
