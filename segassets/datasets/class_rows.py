"""Rows of a scene's label pictures: one per class and frame, or one per object and frame with its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count

import numpy as np

from segassets.datasets.class_values import left_out, object_mask, read_values, where_any
from segassets.datasets.label_table import LabelClass, LabelTable, all_values
from segassets.datasets.scene import PART_LEVEL, AnnotationRow, Exclusion
from segassets.masks import rle

Rows = Iterator[AnnotationRow | Exclusion]
Locate = Callable[[str], str]


def class_rows(
    table: LabelTable, labels: Mapping[int, str], sizes: Sequence[tuple[int, int]], locate: Locate
) -> Rows:
    """Rows of maps of classes: a class is one object of the scene, track id = category id + 1.

    Args:
        labels: label picture by frame.
        sizes: (height, width) by frame.
        locate: from a file name to what can be opened.

    Raises:
        BadInput: a map that cannot be read, of another size, or with a value the table refuses.
    """
    for frame, name in sorted(labels.items()):
        path = locate(name)
        values = read_values(path, sizes[frame], in_colour=table.in_colour)
        used = np.zeros(values.shape, bool)
        for item in table.classes:
            mask = where_any(values, all_values([item]))
            if mask.any():
                used |= mask
                yield _row(frame, mask, item, item.id + 1, f"{path} class {item.name!r}")
        yield from left_out(values, used, table, path)


def object_rows(
    table: LabelTable,
    folders: Mapping[str, Mapping[int, str]],
    classes: Mapping[str, LabelClass],
    sizes: Sequence[tuple[int, int]],
    locate: Locate,
    *,
    parts: bool,
) -> Rows:
    """Rows of maps that come in a folder per object: track ids 1, 2, ... in order of the folders' names.

    A class with the value 0 takes the pixels that are 0 in all folders, as one more track.

    Args:
        folders: by name, label picture by frame.
        classes: of the folders; one that has none is counted and left out.
        parts: rows of the objects' parts too, at their own level, below their object.
    """
    tracks = {name: at for at, name in enumerate(folders, start=1)}
    rest = next((item for item in table.classes if 0 in item.values), None)
    numbers = count(1)
    for frame in sorted({frame for maps in folders.values() for frame in maps}):
        empty = np.ones(sizes[frame], bool)
        for name, maps in folders.items():
            if frame not in maps:
                continue
            path = locate(maps[frame])
            if name not in classes:
                yield Exclusion("unknown_label", f"{path}: no class for the folder {name!r}")
                continue
            values = read_values(path, sizes[frame], in_colour=False)
            mask = object_mask(values, table)
            empty &= ~mask
            yield from left_out(values, mask, table, path, also=[0])
            if mask.any():
                whole = _row(frame, mask, classes[name], tracks[name], f"{path} {name!r}", next(numbers))
                yield whole
                found = _part_rows(table, values, whole, len(tracks) + 1, numbers) if parts else ()
                yield from found
        if rest is not None and empty.any():
            yield _row(frame, empty, rest, len(tracks) + 1, f"frame {frame} {rest.name!r}", next(numbers))


def _part_rows(
    table: LabelTable, values: np.ndarray, whole: AnnotationRow, tracks: int, numbers: Iterator[int]
) -> Iterator[AnnotationRow]:
    for at, item in enumerate(table.parts, start=1):
        mask = where_any(values, all_values([item]))
        if mask.any():
            track = tracks + (whole.track_id - 1) * len(table.parts) + at
            row = _row(whole.frame, mask, item, track, f"{whole.where} part {item.name!r}", next(numbers))
            row.level, row.parent_id = PART_LEVEL, whole.mask_id
            yield row


def _row(
    frame: int, mask: np.ndarray, item: LabelClass, track: int, where: str, mask_id: int = 0
) -> AnnotationRow:
    return AnnotationRow(
        frame, rle.encode(mask), category_id=item.id, track_id=track, mask_id=mask_id, where=where
    )
