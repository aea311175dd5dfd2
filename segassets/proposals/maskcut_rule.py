"""Which side of a cut is an object, and up to a few objects of one picture, one after the other (MaskCut)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from segassets.proposals.maskcut_eigen import alike, second_eigenvector, unit_rows

_CUTS = 3  # cuts for each object there may be, where some of them give background


@dataclass(frozen=True)
class TokenMask:
    """An object on the grid of tokens.

    Attributes:
        mask: bool (h, w).
        seed: row and column of the token that stands out most.
        score: how much more its tokens are like it than the others are, 0 to 1.
        cut_value: eigenvalue of its cut, small where it stands apart.
    """

    mask: np.ndarray
    seed: tuple[int, int]
    score: float
    cut_value: float


def token_masks(
    features: np.ndarray,
    count: int = 3,
    tau: float = 0.15,
    max_cut: float = 0.95,
    seed: int = 0,
    max_border: float | None = None,
) -> list[TokenMask]:
    """Up to `count` objects of one picture, in the order they were cut.

    Args:
        features: float (h, w, C), all finite.
        tau: cosine similarity above which two tokens are alike.
        max_cut: a cut of a larger eigenvalue is none: the tokens are all the same.
        max_border: what holds a larger share of the picture's border is background: it is set aside, and cutting goes
            on (at most three times as often as there may be objects). None: every cut gives an object, as MaskCut was
            published.

    Returns:
        Their masks may overlap: what was found before is taken out of the features, not out of the result.
    """
    height, width = features.shape[:2]
    unit = unit_rows(features.reshape(height * width, -1))
    if height * width < 4:
        return []
    graph = alike(unit, tau)
    left = np.ones((height, width), bool)
    border = _border(left.shape)
    found: list[TokenMask] = []
    for _ in range(count if max_border is None else _CUTS * count):
        cut = second_eigenvector(graph, seed)
        if cut.value > max_cut or len(found) == count:
            break
        vector = cut.vector.reshape(height, width)
        mask, at = foreground(vector) if max_border is None else off_the_border(vector, left)
        taken = mask.reshape(-1)
        if not taken.any():
            break
        if max_border is None or mask[border].mean() <= max_border:
            found.append(TokenMask(mask, at, contrast(unit, taken), cut.value))
        left &= ~mask
        graph[taken] = 0  # as if their features were zero
        graph[:, taken] = 0
    return found


def foreground(vector: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The object's side of an eigenvector (h, w): its mask bool (h, w) and its seed.

    What lies above the mean is taken, unless that holds three of the four corners (an object seldom does) or not the
    token of the largest magnitude: then the other side. Of it the 4-connected part with the strongest token is kept.
    """
    inside = vector > vector.mean()
    corners = int(inside[[0, 0, -1, -1], [0, -1, 0, -1]].sum())
    strongest = np.unravel_index(int(np.abs(vector).argmax()), vector.shape)
    if corners >= 3 or not inside[strongest]:
        vector, inside = -vector, ~inside
    seed = np.unravel_index(int(np.where(inside, vector, -np.inf).argmax()), vector.shape)
    parts, _ = ndimage.label(inside)
    return parts == parts[seed], (int(seed[0]), int(seed[1]))


def off_the_border(vector: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The object's side of an eigenvector (h, w), taken as the one with less of the picture's border: mask and seed.

    Args:
        left: bool (h, w), tokens that were not taken before; only these are looked at.
    """
    middle = vector[left].mean() if left.any() else 0.0
    inside = (vector > middle) & left
    other = left & ~inside
    border = _border(left.shape)
    if inside[border].sum() > other[border].sum():
        inside = other
    if not inside.any():
        return inside, (0, 0)
    seed = np.unravel_index(int(np.where(inside, np.abs(vector - middle), -np.inf).argmax()), vector.shape)
    parts, _ = ndimage.label(inside)
    return parts == parts[seed], (int(seed[0]), int(seed[1]))


def _border(shape: tuple[int, int]) -> np.ndarray:
    """The outermost tokens, bool (h, w)."""
    border = np.ones(shape, bool)
    border[1:-1, 1:-1] = False
    return border


def contrast(unit: np.ndarray, mask: np.ndarray) -> float:
    """Mean likeness of a mask's tokens to their own mean, less that of the other tokens: 0 to 1.

    Args:
        unit: float32 (N, C), rows of length 1; mask: bool (N,).
    """
    if not mask.any() or mask.all():
        return 0.0
    mean = unit[mask].mean(0)
    likeness = unit @ (mean / max(float(np.linalg.norm(mean)), 1e-12))
    return float(np.clip(likeness[mask].mean() - max(0.0, float(likeness[~mask].mean())), 0, 1))
