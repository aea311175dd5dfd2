"""Run lengths in plain numpy: the check every foreign RLE passes before compiled code reads it.

Encoding of the counts text (COCO): each run is stored as a signed difference to the run two before it (from the fourth
run on), in groups of 5 bits, low first, bit 0x20 marks a continuation, plus 48.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segassets.errors import BadInput

_SLICE = 512  # masks parsed at a time: memory stays bounded whatever the table's length
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
        return _sum_by_mask(self.lengths * (position & 1), self.starts)

    def totals(self) -> np.ndarray:
        """All pixels int64 (N,)."""
        return _sum_by_mask(self.lengths, self.starts)


def _sum_by_mask(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, starts[:-1]) if len(values) else np.zeros(len(starts) - 1, np.int64)


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
    symbols = np.frombuffer(b"".join(texts), np.uint8) - np.uint8(48)  # below 48 wraps round to above 63
    ends = np.cumsum(sizes)
    _refuse(_owner(np.flatnonzero(symbols > 63), ends) + first, "a character outside the RLE alphabet")
    last = np.flatnonzero(symbols < 0x20)  # the last group of each number: no continuation bit
    _refuse(np.flatnonzero(symbols[ends - 1] >= 0x20) + first, "counts that end inside a number")
    groups = np.diff(last, prepend=-1)
    _refuse(_owner(last[groups > _MAX_GROUPS], ends) + first, "a run length too large for any picture")
    starts = np.concatenate([[0], np.searchsorted(last, ends - 1) + 1])
    return Runs(_undo_differences(_numbers(symbols, last, groups), starts), starts)


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


def _owner(symbols: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The mask that each symbol position belongs to."""
    return np.searchsorted(ends, symbols, side="right")


def _numbers(symbols: np.ndarray, last: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Signed numbers int64 from 6-bit symbols; `groups` symbols each, the highest of them at `last`."""
    first = last - groups + 1
    values = (symbols[first] & 0x1F).astype(np.int64)
    longer = np.flatnonzero(groups > 1)
    for group in range(1, int(groups.max())):
        values[longer] |= (symbols[first[longer] + group] & 0x1F).astype(np.int64) << (5 * group)
        longer = longer[groups[longer] > group + 1]
    negative = np.flatnonzero(symbols[last] & 0x10)
    values[negative] -= np.int64(1) << (5 * groups[negative])
    return values


def _undo_differences(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Each run is a difference to the run two before it, from position 3 on: two running sums per mask."""
    sizes = np.diff(starts)
    padded = sizes + (sizes & 1)  # with even sizes, odd and even positions are two plain strides
    before = np.cumsum(padded) - padded
    at = np.arange(len(values)) + np.repeat(before - starts[:-1], sizes)
    lengths = np.zeros(int(padded.sum()), np.int64)
    lengths[at] = values
    slots, heads = padded // 2, before // 2
    odd = np.cumsum(lengths[1::2])
    odd -= np.repeat(odd[heads] - lengths[1::2][heads], slots)
    even = np.cumsum(lengths[0::2])
    even -= np.repeat(even[heads], slots)
    even[heads] = lengths[0::2][heads]  # position 0 is no part of the sum: position 2 is stored as it is
    lengths[0::2], lengths[1::2] = even, odd
    return lengths[at]
