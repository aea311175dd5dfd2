"""Label pictures to rows by a label table: a mask per class, or the mask and the parts of one object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from segassets.datasets.label_table import LabelTable, all_values, packed, shown
from segassets.datasets.scene import Exclusion
from segassets.errors import BadInput
from segassets.media.pictures import label_mode, read_labels, read_picture


def read_values(path: str, size_hw: tuple[int, int], *, in_colour: bool) -> np.ndarray:
    """The values of a label picture (H, W), integer; colours packed as R << 16 | G << 8 | B.

    Values are read from gray and palette pictures, and from colour ones whose three channels are equal.

    Raises:
        BadInput: unreadable, not of the frame's size, or in colour where the table has values.
    """
    mode = label_mode(path)
    if not in_colour and (mode in ("P", "L", "1") or mode.startswith("I")):
        values = read_labels(path)
    else:
        rgb = read_picture(path)
        values = np.ascontiguousarray(rgb[..., 0]) if not in_colour else _pack(rgb)
        if not in_colour and (rgb != rgb[..., :1]).any():
            row, column = np.argwhere((rgb != rgb[..., :1]).any(-1))[0].tolist()
            raise BadInput(
                f"{path}: expected the same value in all three channels, found {rgb[row, column].tolist()} at row "
                f"{row}, column {column}; is it the picture of labels? Else use a label table of colours"
            )
    if values.shape != size_hw:
        raise BadInput(
            f"{path}: expected labels of {size_hw[0]} x {size_hw[1]} (height x width) like the frame, found "
            f"{values.shape[0]} x {values.shape[1]}"
        )
    return values


def _pack(rgb: np.ndarray) -> np.ndarray:
    wide = rgb.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def where_any(values: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
    """Boolean (H, W): where one of `wanted` stands."""
    mask = np.zeros(values.shape, bool)
    for value in wanted:
        mask |= values == value
    return mask


def left_out(
    values: np.ndarray, used: np.ndarray, table: LabelTable, path: str, also: Sequence[int] = ()
) -> Iterator[Exclusion]:
    """Counts the pixels that no class took.

    Args:
        used: boolean (H, W), pixels that have a class.
        also: further values that mean nothing, beside the table's background.

    Raises:
        BadInput: a value that the table does not know, unless the table counts such.
    """
    rest = ~used
    rest &= ~where_any(values, [*(packed(value) for value in table.background), *also])
    for name, entries in table.ignored.items():
        found = rest & where_any(values, [packed(value) for value in entries])
        if found.any():
            yield Exclusion(f"ignored_{name}", f"{path}: {int(found.sum())} pixels")
            rest &= ~found
    if not rest.any():
        return
    unknown, counts = np.unique(values[rest], return_counts=True)
    if table.unknown == "refuse":
        row, column = np.argwhere(values == unknown[0])[0].tolist()
        found = shown(int(unknown[0]), table.in_colour)
        known = ", ".join(str(list(value) if isinstance(value, tuple) else value) for value in _known(table))
        raise BadInput(
            f"{path}: {found} at row {row}, column {column} ({int(counts[0])} pixels) is not in the label table (it "
            f"knows {known}); add it to a class or to `ignored` there, or set `unknown: count`"
        )
    for value, count in zip(unknown.tolist(), counts.tolist(), strict=True):
        yield Exclusion("unknown_label", f"{path}: {count} pixels of {shown(value, table.in_colour)}")


def _known(table: LabelTable) -> list:
    ignored = [value for values in table.ignored.values() for value in values]
    of_classes = [value for item in (*table.classes, *table.parts) for value in item.values]
    return [*of_classes, *table.background, *ignored]


def object_mask(values: np.ndarray, table: LabelTable) -> np.ndarray:
    """Boolean (H, W): where an object is in a map of its own; any value but 0 when the table has no parts."""
    if table.parts:
        return where_any(values, all_values(table.parts))
    nothing = [packed(value) for entries in table.ignored.values() for value in entries]
    return ~where_any(values, [0, *nothing, *(packed(value) for value in table.background)])
