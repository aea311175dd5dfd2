"""Pictures of reports: a frame at a given width with the masks of one level, in agreeing colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from PIL import Image

from segassets.masks import rle
from segassets.media.draw import draw_instances

MAX_ENLARGEMENT = 2.0
UNMATCHED = 1_000_000  # identities of masks that belong to no track: colours of their own
_SAME = 0.5


def at_width(rgb: np.ndarray, width: int) -> np.ndarray:
    """The picture (H, W, 3) at a width; small ones are enlarged at most twice, so that ids stay legible."""
    height, current = rgb.shape[:2]
    width = min(width, round(current * MAX_ENLARGEMENT))
    if width == current:
        return rgb
    way = Image.Resampling.LANCZOS if width < current else Image.Resampling.BICUBIC
    size = (width, max(1, round(height * width / current)))
    return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).resize(size, way))


def masks_like(rows: pa.Table, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Masks of one frame, resized (nearest) to a picture's (height, width)."""
    masks = []
    for counts, height, width in zip(
        *(rows.column(name).to_pylist() for name in ("rle_counts", "height", "width")), strict=True
    ):
        mask = rle.decode(counts, height, width)
        if mask.shape != shape[:2]:
            small = Image.fromarray(mask).resize((shape[1], shape[0]), Image.Resampling.NEAREST)
            mask = np.asarray(small)
        masks.append(mask)
    return masks


def overlay(
    picture: np.ndarray,
    rows: pa.Table | None,
    identities: Sequence[int] | None = None,
    *,
    names: Mapping[int, str] | None = None,
    labels: bool = True,
    alpha: float = 0.35,
) -> np.ndarray:
    """The picture with the masks of one frame.

    Args:
        rows: masks of the frame; None or none leaves the picture as it is.
        identities: what colour and label follow; default the track ids.
        names: words instead of the number, by identity.
    """
    if rows is None or rows.num_rows == 0:
        return picture
    ids = rows.column("track_id").to_pylist() if identities is None else list(identities)
    pairs = list(zip(ids, masks_like(rows, picture.shape), strict=True))
    return draw_instances(picture, pairs, labels=(dict(names or {}) if labels else False), alpha=alpha)


def same_as_tracks(rows: pa.Table, tracks: pa.Table | None) -> list[int]:
    """Per mask of a frame the track it overlaps most (IoU >= .5, one to one), else UNMATCHED + mask_id."""
    found = [UNMATCHED + mask_id for mask_id in rows.column("mask_id").to_pylist()]
    if tracks is None or tracks.num_rows == 0 or rows.num_rows == 0:
        return found
    height, width = rows.column("height")[0].as_py(), rows.column("width")[0].as_py()
    iou = rle.iou_matrix(
        rows.column("rle_counts").to_pylist(), tracks.column("rle_counts").to_pylist(), height, width
    )
    ids = tracks.column("track_id").to_pylist()
    while iou.size and iou.max() >= _SAME:
        row, column = np.unravel_index(int(iou.argmax()), iou.shape)
        found[int(row)] = ids[int(column)]
        iou[row], iou[:, column] = 0, 0
    return found


def faded(picture: np.ndarray) -> np.ndarray:
    """The picture as a pale ground, for a panel that has nothing to show."""
    return (picture.astype(np.float32) * 0.25 + 190).clip(0, 255).astype(np.uint8)
