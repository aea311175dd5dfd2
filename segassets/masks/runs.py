"""Run lengths in plain numpy: the check every foreign RLE passes before compiled code reads it.

Encoding of the counts text (COCO): each run is stored as a signed difference to the run two before it (from the fourth
run on), in groups of 5 bits, low first, bit 0x20 marks a continuation, plus 48.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segassets.errors import BadInput

_SLICE = 2048  # masks parsed at a time: memory stays bounded whatever the table's length
_MAX_GROUPS = 7  # 35 bits: more than any picture needs, and far from overflow


@dataclass(frozen=True)
class Runs:
    """Run lengths of many masks, flat.

    Attributes:
        lengths: int64 (R,), background first in every mask.
        starts: int64 (N + 1,), mask i owns lengths[starts[i]:starts[i + 1]].
    """

    lengths: np.ndarray
    starts: np.ndarray

    def areas(self) -> np.ndarray:
        """Foreground pixels int64 (N,)."""
        position = np.arange(len(self.lengths)) - np.repeat(self.starts[:-1], np.diff(self.starts))
        return _sum_by_mask(np.where(position % 2 == 1, self.lengths, 0), self.starts)

    def totals(self) -> np.ndarray:
        """All pixels int64 (N,)."""
        return _sum_by_mask(self.lengths, self.starts)


def _sum_by_mask(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    sums = np.concatenate([[0], np.cumsum(values)])
    return sums[starts[1:]] - sums[starts[:-1]]


def parse_counts(counts: Sequence[str], first: int = 0) -> Runs:
    """Run lengths of compressed counts; `first` is the number of the first mask in errors.

    Raises:
        BadInput: a text is empty, holds a character outside the alphabet, or ends inside a number; names its position.
    """
    texts = [text.encode("utf-8") for text in counts]  # bytes beyond ASCII fall outside the alphabet
    sizes = np.array([len(text) for text in texts], np.int64)
    if (sizes == 0).any():
        raise BadInput(f"mask {int(np.argmin(sizes)) + first}: expected RLE counts, found an empty text")
    if not texts:
        return Runs(np.zeros(0, np.int64), np.zeros(1, np.int64))
    symbols = np.frombuffer(b"".join(texts), np.uint8).astype(np.int64) - 48
    owner = np.repeat(np.arange(len(texts)), sizes)
    _refuse(owner[(symbols < 0) | (symbols > 63)] + first, "a character outside the RLE alphabet")
    final = (symbols & 0x20) == 0  # the last group of each number
    _refuse(np.flatnonzero(~final[np.cumsum(sizes) - 1]) + first, "counts that end inside a number")
    values, number_owner = _numbers(symbols, final, owner, first)
    starts = np.concatenate([[0], np.cumsum(np.bincount(number_owner, minlength=len(texts)))])
    return Runs(_undo_differences(values, starts), starts)


def check_counts(counts: Sequence[str], heights: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Areas int64 (N,) of counts that fit their frames.

    Raises:
        BadInput: a run is negative or the runs of a mask do not sum to height x width; names the mask's position.
    """
    areas = [
        _check_slice(counts[at : at + _SLICE], heights[at : at + _SLICE], widths[at : at + _SLICE], at)
        for at in range(0, len(counts), _SLICE)
    ]
    return np.concatenate(areas) if areas else np.zeros(0, np.int64)


def _check_slice(counts: Sequence[str], heights: np.ndarray, widths: np.ndarray, first: int) -> np.ndarray:
    """check_counts of masks that are numbered from `first`."""
    runs = parse_counts(counts, first)
    position = np.repeat(np.arange(len(counts)), np.diff(runs.starts)) + first
    _refuse(position[runs.lengths < 0], "a negative run length")
    expected = np.asarray(heights, np.int64) * np.asarray(widths, np.int64)
    totals = runs.totals()
    wrong = np.flatnonzero(totals != expected)
    if len(wrong):
        at = int(wrong[0])
        raise BadInput(
            f"mask {at + first}: expected RLE runs that sum to {int(expected[at])} "
            f"({int(heights[at])} x {int(widths[at])} pixels), found {int(totals[at])}"
        )
    return runs.areas()


def _refuse(positions: np.ndarray, what: str) -> None:
    if len(positions):
        raise BadInput(f"mask {int(positions[0])}: expected sound RLE counts, found {what}")


def _numbers(
    symbols: np.ndarray, final: np.ndarray, owner: np.ndarray, first_mask: int
) -> tuple[np.ndarray, np.ndarray]:
    """Signed numbers and the mask each belongs to, from 6-bit symbols."""
    number = np.concatenate([[0], np.cumsum(final)[:-1]])
    first = np.flatnonzero(np.concatenate([[True], final[:-1]]))
    group = np.arange(len(symbols)) - first[number]
    _refuse(owner[group >= _MAX_GROUPS] + first_mask, "a run length too large for any picture")
    values = np.bincount(number, weights=(symbols & 0x1F) << (5 * group), minlength=len(first)).astype(np.int64)
    last = np.flatnonzero(final)
    negative = (symbols[last] & 0x10) != 0
    values -= np.where(negative, np.int64(1) << (5 * (group[last] + 1)), 0)
    return values, owner[last]


def _undo_differences(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Each run is a difference to the run two before it, from position 3 on: two running sums per mask."""
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    position = np.arange(len(values)) - starts[owner]
    chain = np.where(position == 0, 0, np.where(position % 2 == 1, 1, 2)) + 3 * owner
    order = np.argsort(chain, kind="stable")
    sums = np.cumsum(values[order])
    ordered_chain = chain[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered_chain[1:] != ordered_chain[:-1]]))
    before = np.concatenate([[0], sums[begins[1:] - 1]]) if len(begins) else np.zeros(0, np.int64)
    lengths = np.empty_like(values)
    lengths[order] = sums - np.repeat(before, np.diff(np.concatenate([begins, [len(values)]])))
    return lengths
