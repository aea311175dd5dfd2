"""Pieces of different tracks that are one thing: they cover the same cells wherever both could be seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from segassets.lifting.instances_config import InstancesConfig
from segassets.lifting.observations import Observations
from segassets.lifting.pieces import Piece

_VETO = 0.5  # of the overlap asked for: two pieces of one group may not lie below it


def groups_of_pieces(seen: Observations, pieces: Sequence[Piece], config: InstancesConfig) -> list[list[int]]:
    """Positions of the pieces of each instance, in order of their first piece.

    The overlap of two pieces is the smaller of two shares: of the first's cells that the second's frames see, those
    that the second covers, and the other way round. Cells that the other's frames do not see (hidden, outside the
    picture) say nothing. Pairs are joined from the largest overlap down; a group takes in no piece that one of its
    members contradicts. Pieces of one track are two things already and never joined.
    """
    group = list(range(len(pieces)))
    overlap = _overlaps(seen, pieces, config.least_cells)
    pairs = sorted(
        ((value, pair) for pair, value in overlap.items() if value >= config.merge_overlap),
        key=lambda item: (-item[0], item[1]),
    )
    members = {number: [number] for number in group}
    for _, (first, second) in pairs:
        one, two = group[first], group[second]
        if one == two or _contradicted(members[one], members[two], pieces, overlap, config.merge_overlap):
            continue
        low, high = min(one, two), max(one, two)
        members[low] += members.pop(high)
        for number in members[low]:
            group[number] = low
    return [sorted(members[number]) for number in sorted(members)]


def _overlaps(seen: Observations, pieces: Sequence[Piece], least_cells: int) -> dict[tuple[int, int], float]:
    """Overlap of every pair (first < second) that shares a cell and sees enough of one another."""
    if not pieces:
        return {}
    columns = np.repeat(np.arange(len(pieces)), [len(piece.rows) for piece in pieces])
    rows = np.concatenate([piece.rows for piece in pieces])
    ones = np.ones(len(rows), np.int32)
    covers = sparse.csc_matrix((ones, (rows, columns)), (len(seen.cells), len(pieces)))
    shared = (covers.T @ covers).tocsr()
    frames = np.zeros((len(seen.frames), len(pieces)), np.int32)
    for at, piece in enumerate(pieces):
        frames[piece.frames, at] = 1
    share: dict[tuple[int, int], float] = {}
    for at, piece in enumerate(pieces):
        row = shared.getrow(at)
        beside = row.indices[row.indices != at]
        if len(beside) == 0:
            continue
        visible = ((seen.seen[piece.rows] @ frames[:, beside]) > 0).sum(0)
        common = shared[at, beside].toarray().ravel()
        for other, cells, inter in zip(beside.tolist(), visible.tolist(), common.tolist(), strict=True):
            share[at, other] = min(1.0, inter / cells) if cells >= least_cells else -1.0
    return {
        (first, second): min(value, share[second, first])
        for (first, second), value in share.items()
        if first < second
    }


def _contradicted(
    one: Sequence[int],
    two: Sequence[int],
    pieces: Sequence[Piece],
    overlap: dict[tuple[int, int], float],
    wanted: float,
) -> bool:
    """Whether a pair across two groups is known to be two things."""
    for first in one:
        for second in two:
            if pieces[first].track == pieces[second].track:
                return True
            value = overlap.get((min(first, second), max(first, second)))
            if value is not None and 0 <= value < _VETO * wanted:
                return True
    return False
