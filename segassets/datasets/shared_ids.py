"""Several instances under one id, as a small palette of colours makes them: told apart by where they are.

The pieces (connected components) of an id are linked from frame to frame by overlap. Groups of pieces that are there at
the same time, on enough frames, are instances of their own; a piece that shows briefly stays with its neighbour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from segassets.masks import rle

_EIGHT = np.ones((3, 3), int)
MIN_SHARE = 0.02  # of the id's pixels: a smaller piece, or group of pieces, is no instance
_SPECK = 0.002  # of the id's pixels on a frame: joined to the nearest piece before anything else
_MIN_OVERLAP = 0.5  # of the smaller of two pieces on neighbouring frames: the same thing
_MAX_GAP = 3  # frames over which a piece is still looked for


@dataclass
class _Piece:
    """A connected component on one frame."""

    frame: int
    mask: np.ndarray
    group: int

    @property
    def centre(self) -> np.ndarray:
        return np.array(ndimage.center_of_mass(self.mask))


@dataclass(frozen=True)
class SplitId:
    """What became of an id.

    Attributes:
        parts: by instance, frame -> counts; one when nothing was told apart.
        unclear: frames on which an instance still is in several pieces of some size.
    """

    parts: list[dict[int, str]]
    unclear: int


def _in_pieces(counts: str, height: int, width: int) -> bool:
    """Whether a mask consists of several pieces of some size."""
    sizes = sorted(int(piece.sum()) for piece in _pieces(rle.decode(counts, height, width)))
    return len(sizes) > 1 and sizes[-2] >= MIN_SHARE * sum(sizes)


def split_id(masks: Mapping[int, str], height: int, width: int, min_together: int = 3) -> SplitId:
    """Tell the instances of one id apart.

    Args:
        masks: frame -> counts of the id's pixels.
        min_together: frames on which two groups must both be there to be two instances (fewer in shorter videos).
    """
    pieces = [
        _Piece(frame, mask, -1)
        for frame in sorted(masks)
        for mask in _pieces(rle.decode(masks[frame], height, width))
    ]
    _link(pieces)
    groups: dict[int, list[_Piece]] = {}
    for piece in pieces:
        groups.setdefault(piece.group, []).append(piece)
    instances = _instances(list(groups.values()), min(min_together, len(masks)))
    parts = [_merged(members, height, width) for members in instances]
    unclear = sum(_in_pieces(counts, height, width) for part in parts for counts in part.values())
    return SplitId(parts, unclear)


def _pieces(mask: np.ndarray) -> list[np.ndarray]:
    """Components, specks joined to the nearest."""
    labels, count = ndimage.label(mask, _EIGHT)
    if count <= 1:
        return [mask] if count else []
    sizes = np.bincount(labels.reshape(-1), minlength=count + 1)[1:]
    large = np.flatnonzero(sizes >= _SPECK * sizes.sum()) + 1
    centres = np.array(ndimage.center_of_mass(mask, labels, range(1, count + 1)))
    owner = np.zeros(count + 1, int)
    for label in range(1, count + 1):
        distance = np.linalg.norm(centres[large - 1] - centres[label - 1], axis=1)
        owner[label] = label if label in large else int(large[distance.argmin()])
    joined = owner[labels]
    return [joined == label for label in large]


def _link(pieces: Sequence[_Piece]) -> None:
    """Gives every piece its group: pieces that overlap on neighbouring frames are of one."""
    parent = list(range(len(pieces)))

    def root(at: int) -> int:
        while parent[at] != at:
            at = parent[at]
        return at

    by_frame: dict[int, list[int]] = {}
    for at, piece in enumerate(pieces):
        by_frame.setdefault(piece.frame, []).append(at)
    frames = sorted(by_frame)
    for before, frame in pairwise(frames):
        if frame - before > _MAX_GAP:
            continue
        for at in by_frame[frame]:
            for other in by_frame[before]:
                one, two = pieces[at].mask, pieces[other].mask
                if (one & two).sum() >= _MIN_OVERLAP * min(one.sum(), two.sum()):
                    parent[root(at)] = root(other)
    for at, piece in enumerate(pieces):
        piece.group = root(at)


def _instances(groups: list[list[_Piece]], min_together: int) -> list[list[_Piece]]:
    """Groups joined to instances, the largest first."""
    sizes = {id(members): sum(int(piece.mask.sum()) for piece in members) for members in groups}
    smallest = MIN_SHARE * sum(sizes.values())
    groups = sorted(groups, key=lambda members: (-sizes[id(members)], members[0].frame))
    instances: list[list[_Piece]] = []
    for members in groups:
        frames = {piece.frame for piece in members}
        together = [len(frames & {piece.frame for piece in other}) for other in instances]
        large = sizes[id(members)] >= smallest
        if not instances or (large and min(together) >= min_together):
            instances.append(list(members))
            continue
        apart = [at for at, count in enumerate(together) if count < min_together]
        nearest = min(
            apart or range(len(instances)),
            key=lambda at: (together[at] > 0, _distance(members, instances[at])),
        )
        instances[nearest] += members
    return instances


def _distance(members: Sequence[_Piece], others: Sequence[_Piece]) -> float:
    """Pixels between the pieces of two groups that are nearest in time."""
    pairs = ((abs(a.frame - b.frame), at, to) for at, a in enumerate(members) for to, b in enumerate(others))
    _, at, to = min(pairs)
    return float(np.linalg.norm(members[at].centre - others[to].centre))


def _merged(members: Sequence[_Piece], height: int, width: int) -> dict[int, str]:
    masks: dict[int, np.ndarray] = {}
    for piece in members:
        known = masks.get(piece.frame)
        masks[piece.frame] = piece.mask if known is None else known | piece.mask
    frames = sorted(masks)
    return dict(zip(frames, rle.encode_batch(np.array([masks[frame] for frame in frames])), strict=True))
