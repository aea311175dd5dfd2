"""Maps of ids, a number a pixel, as runs: the masks of all ids and their pieces from one pass over the pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pycocotools import _mask as coco
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from segassets.errors import BadInput

_TOGETHER = 32  # maps whose pieces are looked for in one go


@dataclass(frozen=True)
class IdRuns:
    """Runs of equal ids over the column-major pixels of a map, background (0) left out.

    Attributes:
        starts, ends: int64 (R,), half-open, ascending.
        values: integer (R,), the id of each.
    """

    height: int
    width: int
    starts: np.ndarray
    ends: np.ndarray
    values: np.ndarray

    @cached_property
    def ids(self) -> np.ndarray:
        """The ids that occur, ascending."""
        return np.unique(self.values)

    def counts(self) -> dict[int, str]:
        """Compressed COCO counts of each id's pixels, by id in ascending order."""
        order = np.argsort(self.values, kind="stable")
        edges = np.stack([self.starts, self.ends], axis=1)[order]
        groups = np.split(edges, np.searchsorted(self.values[order], self.ids[1:]))
        return {int(key): self._encoded(group) for key, group in zip(self.ids, groups, strict=False)}

    def _encoded(self, edges: np.ndarray) -> str:
        runs = np.diff(np.concatenate([[0], edges.reshape(-1), [self.height * self.width]]))
        if runs[-1] == 0:
            runs = runs[:-1]
        size = [self.height, self.width]
        encoded = coco.frUncompressedRLE([{"size": size, "counts": runs.tolist()}], *size)
        return encoded[0]["counts"].decode("ascii")

    def in_pieces(self, min_share: float) -> set[int]:
        """Ids with two or more pieces (8-connected) that each have at least `min_share` of the id's pixels."""
        starts, ends, values = self._perhaps_in_pieces()
        if not len(starts):
            return set()
        first, second = _neighbours(starts, ends, values, self.height)
        links = coo_matrix((np.ones(len(first), bool), (first, second)), shape=(len(starts),) * 2)
        count, piece = connected_components(links, directed=False)
        sizes = np.bincount(piece, ends - starts, count)
        owner = np.zeros(count, np.int64)
        owner[piece] = np.searchsorted(self.ids, values)
        total = np.bincount(owner, sizes, len(self.ids))
        large = np.bincount(owner, sizes >= min_share * total[owner], len(self.ids))
        return set(self.ids[large > 1].tolist())

    def _perhaps_in_pieces(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Column runs of the ids that are not plainly one piece: a run a column, each touching the next."""
        starts, ends, values = self._by_column()
        order = np.argsort(values, kind="stable")
        one, other = order[:-1], order[1:]
        apart = (starts[other] > ends[one] + self.height) | (ends[other] < starts[one] + self.height)
        apart |= starts[other] // self.height != starts[one] // self.height + 1
        broken = np.unique(values[one[apart & (values[one] == values[other])]])
        kept = np.isin(values, broken)
        return starts[kept], ends[kept], values[kept]

    def _by_column(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The runs cut where a column ends: what comes after is at the top of the next."""
        columns = (self.ends - 1) // self.height - self.starts // self.height + 1
        owner = np.repeat(np.arange(len(columns)), columns)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(columns) - columns, columns)
        borders = (self.starts[owner] // self.height + within) * self.height
        starts = np.maximum(self.starts[owner], borders)
        ends = np.minimum(self.ends[owner], borders + self.height)
        return starts, ends, self.values[owner]


def id_runs(ids: np.ndarray) -> IdRuns:
    """The runs of a map (H, W).

    Raises:
        BadInput: not a map of integers.
    """
    ids = np.asarray(ids)
    if ids.ndim != 2 or ids.size == 0 or not np.issubdtype(ids.dtype, np.integer):
        raise BadInput(f"expected a map (height, width) of integers, found {ids.dtype} {ids.shape}")
    height, width = ids.shape
    changes = np.ones(
        ids.shape, bool
    )  # found row by row, as the pixels lie in memory, then put in column order
    np.not_equal(ids[1:], ids[:-1], out=changes[1:])
    np.not_equal(ids[0, 1:], ids[-1, :-1], out=changes[0, 1:])
    rows, columns = np.divmod(np.flatnonzero(changes), width)
    starts = np.sort(columns * height + rows)
    ends = np.append(starts[1:], ids.size)
    values = ids[starts % height, starts // height]
    there = values != 0
    return IdRuns(height, width, starts[there], ends[there], values[there])


def frames_in_pieces(maps: Sequence[IdRuns], min_share: float) -> Counter[int]:
    """By id the number of maps on which it is `in_pieces`; many maps at a time, laid side by side."""
    found: Counter[int] = Counter()
    for first in range(0, len(maps), _TOGETHER):
        group = maps[first : first + _TOGETHER]
        height, step = group[0].height, group[0].width + 1  # an empty column keeps neighbours apart
        shifts = np.arange(len(group)) * height * step
        wide = IdRuns(
            height,
            step * len(group),
            np.concatenate([runs.starts + shift for runs, shift in zip(group, shifts, strict=True)]),
            np.concatenate([runs.ends + shift for runs, shift in zip(group, shifts, strict=True)]),
            np.concatenate([runs.values.astype(np.int64) | at << 32 for at, runs in enumerate(group)]),
        )
        found.update(code & 0xFFFFFFFF for code in wide.in_pieces(min_share))
    return found


def _neighbours(
    starts: np.ndarray, ends: np.ndarray, values: np.ndarray, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs of one id that touch, corners included, in neighbouring columns.

    Runs that follow each other within a column are of different ids, or apart.
    """
    columns = starts // height
    low = np.searchsorted(ends, starts + height, side="left")  # a corner is enough
    high = np.searchsorted(starts, ends + height, side="right")
    number = np.maximum(high - low, 0)
    first = np.repeat(np.arange(len(starts)), number)
    second = np.arange(len(first)) - np.repeat(np.cumsum(number) - number, number) + np.repeat(low, number)
    touch = (values[first] == values[second]) & (columns[second] == columns[first] + 1)
    return first[touch], second[touch]
