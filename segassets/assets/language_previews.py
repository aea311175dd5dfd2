"""Pictures of language codes: masks in the colour that their three numbers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from segassets.datasets.frames import FrameSource

_CELL_PX = 240


def codes_preview(source: FrameSource, masks: pa.Table, codes_dim3: np.ndarray) -> np.ndarray | None:
    """Up to three frames, their masks filled with their codes as colours, RGB uint8 (H, W, 3); None without masks.

    Args:
        codes_dim3: (N, 3) in -1..1, of the N masks.
    """
    import numpy as np

    from segassets.media.draw import contact_sheet
    from segassets.media.preview import thumbnail
    from segassets.reports.sampling import spaced

    frame_of = masks.column("frame").to_numpy()
    present = np.unique(frame_of).tolist()
    if not present:
        return None
    colours = np.rint((codes_dim3 + 1) * 127.5).astype(np.uint8)
    pictures, labels = [], []
    for frame, rgb in source.iterate([present[at] for at in spaced(len(present), 3)]):
        rows = np.flatnonzero(frame_of == frame)
        small = thumbnail(rgb, _CELL_PX)
        pictures.append(_filled(small, masks.take(rows), colours[rows]))
        labels.append(f"frame {frame}: {len(rows)} masks")
    return contact_sheet(
        pictures, columns=len(pictures), labels=labels, cell_px=max(96, max(one.shape[1] for one in pictures))
    )


def _filled(rgb: np.ndarray, masks: pa.Table, colours: np.ndarray) -> np.ndarray:
    """The picture with its masks three quarters covered, smaller ones on top."""
    import numpy as np

    from segassets.masks import rle

    drawn = rgb.copy()
    area = masks.column("area").to_numpy()
    rows = masks.select(["height", "width", "rle_counts"]).to_pylist()
    for at in np.argsort(-area, kind="stable"):
        row = rows[at]
        mask = rle.decode(row["rle_counts"], row["height"], row["width"])
        at_y = np.arange(rgb.shape[0]) * row["height"] // rgb.shape[0]
        at_x = np.arange(rgb.shape[1]) * row["width"] // rgb.shape[1]
        inside = mask[np.ix_(at_y, at_x)]
        drawn[inside] = (0.25 * rgb[inside] + 0.75 * colours[at]).astype(np.uint8)
    return drawn
