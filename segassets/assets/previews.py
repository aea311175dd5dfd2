"""The pictures that the UI shows of a materialization: a few frames, with outlines where there are masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from segassets.datasets.frames import FrameSource
    from segassets.lifting.embeddings import MaskVectors, TrackVectors
    from segassets.lifting.stored_instances import StoredInstances

_CELL_PX = 240
_MOST_MASKS = 80
_MOST_CROPS = 12


def frames_preview(source: FrameSource, count: int = 3) -> np.ndarray | None:
    """First, middle and last frame side by side, RGB uint8 (H, W, 3); None without frames."""
    from segassets.media.draw import contact_sheet
    from segassets.media.preview import thumbnail
    from segassets.reports.sampling import spaced

    chosen = spaced(len(source), count)
    if not chosen:
        return None
    pictures = [thumbnail(rgb, _CELL_PX) for _, rgb in source.iterate(chosen)]
    labels = [f"frame {frame}" for frame in chosen]
    return contact_sheet(pictures, columns=count, labels=labels, cell_px=_cell(pictures))


def masks_preview(source: FrameSource, masks: pa.Table, by_track: bool = False) -> np.ndarray | None:
    """Up to three frames that have masks, evenly spread, with outlines, RGB uint8 (H, W, 3).

    Args:
        by_track: colours follow track_id, so that an instance keeps its colour through time.
    """
    from segassets.media.draw import contact_sheet

    chosen = _frames_with(masks)
    if not chosen:
        return frames_preview(source)
    pictures, labels = _drawn(source, masks, chosen, by_track)
    return contact_sheet(pictures, columns=len(pictures), labels=labels, cell_px=_cell(pictures))


def judged_preview(source: FrameSource, truth: pa.Table, predicted: pa.Table) -> np.ndarray | None:
    """Up to three frames that have true masks, those above, below them what was predicted; as `masks_preview`."""
    from segassets.media.draw import contact_sheet

    chosen = _frames_with(truth)
    if not chosen:
        return masks_preview(source, predicted, by_track=True)
    named = any(truth.column("track_id").to_pylist())
    pictures, labels = _drawn(source, truth, chosen, by_track=named)
    below, words = _drawn(source, predicted, chosen, by_track=True)
    labels = [*(f"{label}, true" for label in labels), *(f"{label}, found" for label in words)]
    return contact_sheet([*pictures, *below], columns=len(pictures), labels=labels, cell_px=_cell(pictures))


def _frames_with(masks: pa.Table) -> list[int]:
    """Up to three frames that have masks, evenly spread."""
    from segassets.reports.sampling import spaced

    present = sorted(set(masks.column("frame").to_pylist()))
    return [present[at] for at in spaced(len(present), 3)]


def _drawn(
    source: FrameSource, masks: pa.Table, frames: list[int], by_track: bool
) -> tuple[list[np.ndarray], list[str]]:
    """Those frames with the outlines of their masks, and a label for each."""
    import pyarrow.compute as pc

    from segassets.media.draw import draw_instances
    from segassets.media.preview import thumbnail
    from segassets.reports.words import several

    pictures, labels = [], []
    for frame, rgb in source.iterate(frames):
        rows = masks.filter(pc.equal(masks.column("frame"), frame))
        small = thumbnail(rgb, 2 * _CELL_PX)
        shown = _instances(rows, small.shape[:2], by_track) if rows.num_rows else []
        pictures.append(thumbnail(draw_instances(small, shown, labels=False), _CELL_PX))
        labels.append(f"frame {frame}: {several(rows.num_rows, 'mask')}")
    return pictures, labels


def instances_preview(source: FrameSource, stored: StoredInstances, masks: pa.Table) -> np.ndarray | None:
    """A frame with its instances outlined and numbered, beside all of them from above where they share a space."""
    from segassets.lifting.instance_pictures import instances_from_above, instances_on_frame
    from segassets.media.draw import contact_sheet

    if not stored.rows:
        return frames_preview(source)
    frame, drawn = instances_on_frame(source, stored, masks)
    above = instances_from_above(stored, drawn.shape[0])
    pictures, labels = [drawn], [f"frame {frame}"]
    if above is not None:
        pictures.append(above)
        labels.append("from above")
    return contact_sheet(pictures, columns=2, labels=labels)


def likeness_preview(source: FrameSource, found: MaskVectors, tracks: TrackVectors) -> np.ndarray | None:
    """Some tracks' largest masks as the network was shown them, each with its nearest neighbour's id."""
    import numpy as np
    import pyarrow.compute as pc

    from segassets.masks import rle
    from segassets.media.draw import contact_sheet
    from segassets.models.embedding.crops import masked_crop

    if not len(tracks.track_ids):
        return frames_preview(source)
    likeness = tracks.vectors @ tracks.vectors.T
    np.fill_diagonal(likeness, -2.0)
    pictures, labels = [], []
    for at in range(min(len(tracks.track_ids), _MOST_CROPS)):
        [row] = found.masks.filter(
            pc.equal(found.masks.column("mask_id"), tracks.mask_ids[at][0])
        ).to_pylist()
        mask = rle.decode(row["rle_counts"], row["height"], row["width"])
        pictures.append(masked_crop(source.read(row["frame"]), mask))
        nearest = tracks.track_ids[int(likeness[at].argmax())] if len(likeness) > 1 else "-"
        labels.append(f"{tracks.track_ids[at]} ~ {nearest}")
    return contact_sheet(pictures, columns=6, labels=labels, cell_px=_CELL_PX // 2)


def _cell(pictures: list[np.ndarray]) -> int:
    """Width of the sheet's cells: small pictures are not blown up."""
    return max(96, max(picture.shape[1] for picture in pictures))


def _instances(rows: pa.Table, size_hw: tuple[int, int], by_track: bool) -> list[tuple[int, np.ndarray]]:
    """(id, mask at `size_hw`) of the largest masks of one frame."""
    import numpy as np

    from segassets.masks import rle

    rows = rows.sort_by([("area", "descending")]).slice(0, _MOST_MASKS)
    height, width = rows.column("height")[0].as_py(), rows.column("width")[0].as_py()
    ids = rows.column("track_id" if by_track else "mask_id").to_pylist()
    at_y = np.arange(size_hw[0]) * height // size_hw[0]
    at_x = np.arange(size_hw[1]) * width // size_hw[1]
    found = []
    for number, counts in zip(ids, rows.column("rle_counts").to_pylist(), strict=True):
        found.append((number, rle.decode(counts, height, width)[np.ix_(at_y, at_x)]))
    return found
