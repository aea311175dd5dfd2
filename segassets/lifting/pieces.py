"""Tracks in space, cut where depth tears them apart: each piece is one connected surface, or an instance of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from segassets.lifting.cells import cell_centres
from segassets.lifting.instances_config import InstancesConfig
from segassets.lifting.observations import Observations

_TOGETHER = 0.5  # share of the smaller piece's frames on which the other is seen too
_STEEP = 2.0  # a gap runs along the line of sight when it is so much longer along it than across


@dataclass(frozen=True)
class Piece:
    """A part of a track that is one thing.

    Attributes:
        track: its track.
        rows: (M,) its cells, ascending positions in `Observations.cells`.
        frames: (K,) positions of the frames on which its mask covers some of them.
        consensus: mean over its cells of the share of frames that see the cell and have it covered.
    """

    track: int
    rows: np.ndarray
    frames: np.ndarray
    consensus: float


def pieces_of_tracks(seen: Observations, config: InstancesConfig, excluded: Counter[str]) -> list[Piece]:
    """Pieces of all tracks, in order of track id, the largest piece of a track first.

    Cells that a mask covers too rarely (it spilled over an edge) are dropped; what is left is joined over gaps of
    `gap_m`. A smaller component becomes a piece of its own where it is seen together with a larger one and the gap
    between them runs along the line of sight: the mask then covered a thing and another behind it. Beside one another,
    something hides what joins them; where they are never seen together, the same thing moved or showed another side,
    unless it would have leapt farther than `leap_m`: then the track passed from one thing to another.

    Args:
        excluded: counts `cells_without_consensus` and `cells_of_small_pieces`.
    """
    found = []
    for track, claims in seen.claims_of().items():
        rows, share = _consensus(seen, claims)
        kept = share >= config.consensus
        excluded["cells_without_consensus"] += int((~kept).sum())
        rows, share = rows[kept], share[kept]
        if len(rows) == 0:
            continue
        own = claims.tocsr()[rows]
        centres = cell_centres(seen.cells[rows], seen.cell_m)
        parts = _components(centres, config.gap_m + seen.cell_m)
        large = [part for part in parts if len(part) >= config.least_share * len(rows)]
        excluded["cells_of_small_pieces"] += len(rows) - sum(map(len, large))
        for members in _joined(large, own, centres, seen.eyes, config.gap_m, config.leap_m):
            frames = np.unique(own[members].indices)
            found.append(Piece(track, rows[members], frames, float(share[members].mean())))
    return found


def _consensus(seen: Observations, claims: sparse.csc_matrix) -> tuple[np.ndarray, np.ndarray]:
    """The track's cells, and the share of its frames that see a cell and cover it."""
    covered = np.asarray(claims.sum(1)).ravel()
    rows = np.flatnonzero(covered)
    present = (np.diff(claims.indptr) > 0).astype(np.int32)
    return rows, covered[rows] / (seen.seen[rows] @ present)


def _components(centres: np.ndarray, reach_m: float) -> list[np.ndarray]:
    """Rows of each component of cells that lie within reach of one another, the largest first."""
    pairs = cKDTree(centres).query_pairs(reach_m, output_type="ndarray")
    ones = np.ones(len(pairs), np.int8)
    graph = sparse.coo_matrix((ones, (pairs[:, 0], pairs[:, 1])), (len(centres), len(centres)))
    count, label = csgraph.connected_components(graph, directed=False)
    parts = [np.flatnonzero(label == number) for number in range(count)]
    return sorted(parts, key=lambda part: (-len(part), part[0]))


def _joined(
    parts: Sequence[np.ndarray],
    own: sparse.csr_matrix,
    centres: np.ndarray,
    eyes: Sequence[np.ndarray],
    gap_m: float,
    leap_m: float,
) -> list[np.ndarray]:
    """Components put together again where nothing says that they are two things."""
    groups: list[np.ndarray] = []
    for part in parts:
        for at, other in enumerate(groups):
            if not _torn(part, other, own, centres, eyes, gap_m, leap_m):
                groups[at] = np.union1d(other, part)
                break
        else:
            groups.append(part)
    return groups


def _torn(
    part: np.ndarray,
    other: np.ndarray,
    own: sparse.csr_matrix,
    centres: np.ndarray,
    eyes: Sequence[np.ndarray],
    gap_m: float,
    leap_m: float,
) -> bool:
    """Whether the gap between two components runs along the line of sight on most frames that see both of them; or,
    where none do, is farther than a thing moves unseen."""
    frames = np.unique(own[part].indices)
    together = np.intersect1d(frames, own[other].indices)
    distance, nearest = cKDTree(centres[other]).query(centres[part])
    at = int(np.argmin(distance))
    if len(together) < _TOGETHER * len(frames):
        return bool(distance[at] > leap_m)
    start, end = centres[part[at]], centres[other[nearest[at]]]
    behind = 0
    for frame in together:
        sight = (start + end) / 2 - eyes[frame]
        along = abs(float((end - start) @ sight)) / max(float(np.linalg.norm(sight)), 1e-9)
        across = np.sqrt(max(float(distance[at]) ** 2 - along**2, 0.0))
        behind += along > max(gap_m, _STEEP * across)
    return behind > len(together) / 2
