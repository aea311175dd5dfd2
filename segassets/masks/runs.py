"""Run lengths in plain numpy: the check every foreign RLE passes before compiled code reads it.

Encoding of the counts text (COCO): each run is stored as a signed difference to the run two before it (from the fourth
run on), in groups of 5 bits, low first, bit 0x20 marks a continuation, plus 48.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segassets.errors import BadInput

_SLICE = 128  # masks parsed at a time: their arrays stay in the processor's cache, memory stays bounded
_SIGNED = np.array([(low & 0x0F) - (low & 0x10) for low in range(64)], np.int64)  # a number's highest group
_MAX_GROUPS = 7  # 35 bits: more than any picture needs, and far from overflow


@dataclass(frozen=True)
class Runs:
    """Run lengths of many masks, flat: pairs of a background and a foreground run.

    Attributes:
        background, foreground: int64 (P,); the last foreground run of a mask that ends in background is 0.
        starts: int64 (N,), the first pair of each mask.
    """

    background: np.ndarray
    foreground: np.ndarray
    starts: np.ndarray

    def areas(self) -> np.ndarray:
        """Foreground pixels int64 (N,)."""
        return np.add.reduceat(self.foreground, self.starts) if len(self.starts) else np.zeros(0, np.int64)

    def totals(self) -> np.ndarray:
        """All pixels int64 (N,)."""
        pairs = self.background + self.foreground
        return np.add.reduceat(pairs, self.starts) if len(self.starts) else np.zeros(0, np.int64)


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
        nothing = np.zeros(0, np.int64)
        return Runs(nothing, nothing, nothing)
    symbols = np.frombuffer(b"".join(texts), np.uint8) - np.uint8(48)  # below 48 wraps round to above 63
    ends = np.cumsum(sizes)
    _refuse(_owner(np.flatnonzero(symbols > 63), ends) + first, "a character outside the RLE alphabet")
    last = np.flatnonzero(symbols < 0x20)  # the last group of each number: no continuation bit
    _refuse(np.flatnonzero(symbols[ends - 1] >= 0x20) + first, "counts that end inside a number")
    groups = last.copy()
    groups[0] += 1
    groups[1:] -= last[:-1]
    _refuse(_owner(last[groups > _MAX_GROUPS], ends) + first, "a run length too large for any picture")
    first_number = np.concatenate([[0], np.searchsorted(last, ends - 1) + 1])
    return _undo_differences(_numbers(symbols, last, groups), first_number)


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
    negative = np.flatnonzero((runs.background < 0) | (runs.foreground < 0))
    _refuse(np.searchsorted(runs.starts, negative, side="right") - 1 + first, "a negative run length")
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
    values = _SIGNED[symbols[last]]
    longer = np.flatnonzero(groups > 1)
    for group in range(1, int(groups.max())):
        values[longer] = values[longer] << 5 | (symbols[last[longer] - group] & 0x1F)
        longer = longer[groups[longer] > group + 1]
    return values


def _undo_differences(values: np.ndarray, starts: np.ndarray) -> Runs:
    """Each run is a difference to the run two before it, from position 3 on: two running sums per mask."""
    sizes = np.diff(starts)
    pairs = (sizes + 1) // 2  # an odd count of runs is filled up, so that two plain strides cover all masks
    heads = np.cumsum(pairs) - pairs
    runs = np.zeros(2 * int(pairs.sum()), np.int64)
    runs[np.arange(len(values)) + np.repeat(2 * heads - starts[:-1], sizes)] = values
    foreground = np.cumsum(runs[1::2])
    foreground -= np.repeat(foreground[heads] - runs[1::2][heads], pairs)
    foreground[(heads + pairs - 1)[sizes % 2 == 1]] = 0
    background = np.cumsum(runs[0::2])
    background -= np.repeat(background[heads], pairs)
    background[heads] = runs[0::2][heads]  # the first run is no part of the sum: the third is stored as it is
    return Runs(background, foreground, heads)
