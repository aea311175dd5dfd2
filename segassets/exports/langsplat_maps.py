"""LangSplat's language features of a picture: a map of rows for each level, and the rows.

`<stem>_s.npy` is float32 (4, H, W), levels default, s, m, l; a value is a row of `<stem>_f.npy` (float32, N x D, rows
of length 1), or -1. Rows are in order of the levels and every row occurs, so that the largest value is N - 1.
LangSplat's small, medium and large are sub-part, part and whole here; default holds all masks, smaller ones on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segassets.errors import BadInput
from segassets.masks import rle

LEVELS = ("default", "s", "m", "l")
_OURS = {
    "default": (0, 127),
    "s": (5, 127),
    "m": (3, 4),
    "l": (0, 2),
}  # coarsest and finest of our levels in each


@dataclass(frozen=True)
class LanguageMaps:
    """One picture.

    Attributes:
        rows: (N,) which of the given masks each row stands for; a mask has a row in every level that shows it.
        maps: (4, H, W) float32.
        hidden: masks of which no pixel is left in any level.
    """

    rows: np.ndarray
    maps: np.ndarray
    hidden: int


def language_maps(
    masks: Sequence[Mapping[str, Any]], size_hw: tuple[int, int], *, fill_levels: bool = True
) -> LanguageMaps:
    """The maps of a picture's masks.

    Args:
        masks: rows of a mask table, of one frame.
        size_hw: of the maps; masks of another size are sampled.
        fill_levels: a level shows coarser masks where it has none of its own; else it shows its own alone.
    """
    order = sorted(range(len(masks)), key=lambda at: (-masks[at]["area"], masks[at]["mask_id"]))
    pixels = {at: _sampled(masks[at], size_hw) for at in order}
    maps = np.full((len(LEVELS), *size_hw), -1, np.float32)
    rows: list[np.ndarray] = []
    total = 0
    for number, level in enumerate(LEVELS):
        coarsest, finest = _OURS[level]
        shown = [
            at
            for at in order
            if (fill_levels or masks[at]["level"] >= coarsest) and masks[at]["level"] <= finest
        ]
        if level != "default":
            shown.sort(key=lambda at: masks[at]["level"])  # stable: within a level the smaller stay on top
        layer = np.full(size_hw, -1, np.int64)
        for at in shown:
            layer[pixels[at]] = at
        present = np.unique(layer[layer >= 0])
        place = np.full(len(masks) + 1, -1, np.int64)
        place[present] = total + np.arange(len(present))
        maps[number] = place[layer]
        rows.append(present)
        total += len(present)
    found = np.concatenate(rows)
    return LanguageMaps(found, maps, len(masks) - len(np.unique(found)))


def _sampled(mask: Mapping[str, Any], size_hw: tuple[int, int]) -> np.ndarray:
    pixels = rle.decode(mask["rle_counts"], mask["height"], mask["width"])
    height, width = size_hw
    if pixels.shape == size_hw:
        return pixels
    rows = ((np.arange(height) + 0.5) * (pixels.shape[0] / height)).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * (pixels.shape[1] / width)).astype(np.int64)
    return pixels[np.ix_(rows, columns)]


def write_language_maps(folder: Path, stem: str, maps: np.ndarray, features: np.ndarray) -> None:
    """Write `<stem>_s.npy` and `<stem>_f.npy`; features (N, D) are brought to length 1 exactly.

    Raises:
        BadInput: a feature without length, or that is not finite.
    """
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    bad = ~((lengths > 1e-6) & np.isfinite(lengths))[:, 0]
    if bad.any():
        raise BadInput(
            f"{folder / stem}: expected features with a length, found {int(bad.sum())} of {len(bad)} without"
        )
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{stem}_f.npy", (features / lengths).astype(np.float32), allow_pickle=False)
    np.save(folder / f"{stem}_s.npy", maps.astype(np.float32), allow_pickle=False)
