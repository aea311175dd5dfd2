"""What the layouts of footage share: frames from pictures, one size throughout, label maps to rows."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from segassets.datasets.files import Root
from segassets.datasets.scene import (
    OBJECT_LEVEL,
    AnnotationReader,
    AnnotationRow,
    Exclusion,
    FrameRecord,
)
from segassets.errors import BadInput
from segassets.masks import rle
from segassets.media.pictures import is_picture, label_mode, picture_size, read_labels

VOID = 255  # palette label maps mark "do not care" so, gray ones mark their one object


def pictures_in(root: Root, folder: str) -> tuple[list[str], int]:
    """Pictures directly in `folder`, relative to the root, in natural order; and the count of other files."""
    files, _ = root.listing(folder)
    pictures = [posixpath.join(folder, name) for name in files if is_picture(name)]
    return pictures, len(files) - len(pictures)


def picture_records(
    key: str, root: Root, source_frames: Sequence[int], names: Sequence[str]
) -> list[FrameRecord]:
    """Frames of footage from pictures that must all have one size.

    Raises:
        BadInput: a picture cannot be read or its size differs from the first one's; names scene, file, frame.
    """
    sizes = _sizes(root, names)
    for source_frame, name, size in zip(source_frames, names, sizes, strict=True):
        check_same_size(key, source_frame, name, size, sizes[0])
    return [FrameRecord(at, name, *size) for at, name, size in zip(source_frames, names, sizes, strict=True)]


def _sizes(root: Root, names: Sequence[str]) -> list[tuple[int, int]]:
    locations = [root.location(name) for name in names]
    if root.is_local:
        return [picture_size(location) for location in locations]
    with ThreadPoolExecutor(16) as pool:  # a header over the network is all waiting
        return list(pool.map(picture_size, locations))


def check_same_size(
    key: str, frame: int, name: str, found: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Raises BadInput when the size (height, width) changes mid-scene."""
    if found != expected:
        raise BadInput(
            f"scene {key}: frame {frame} ({name}) is {found[0]} x {found[1]} (height x width), the scene "
            f"began with {expected[0]} x {expected[1]}; put pictures of different sizes into different scenes"
        )


def check_numbers(key: str, names: Mapping[int, str], step: int | None) -> None:
    """Raises BadInput where the numbers of a video's frames leave one out.

    Args:
        names: file by frame number.
        step: from one number to the next; None allows any.
    """
    numbers = sorted(names)
    for before, number in pairwise(numbers if step is not None else ()):
        if number - before != step:
            raise BadInput(
                f"scene {key}: expected frame {before + (step or 1)} after frame {before} ({names[before]}), found "
                f"{number} ({names[number]}); get the missing frames, or set the option `frame_step` (null allows "
                "gaps)"
            )


def label_files(root: Root, folder: str) -> dict[str, str]:
    """Label pictures in `folder` by stem; empty when there is no such folder."""
    if not root.is_folder(folder):
        return {}
    names, _ = pictures_in(root, folder)
    return {stem_of(name): name for name in names}


def label_reader(
    root: Root, frames: Sequence[FrameRecord], labels: Mapping[int, str], level: int = OBJECT_LEVEL
) -> AnnotationReader:
    """A reader of label maps: each value but 0 (background) and VOID is an object, the same in all frames.

    Args:
        labels: label picture by position in `frames`.
    """

    def read() -> Iterator[AnnotationRow | Exclusion]:
        for position, name in sorted(labels.items()):
            frame = frames[position]
            yield from label_rows(root.location(name), position, (frame.height, frame.width), level)

    return read


def label_rows(
    path: str, frame: int, size_hw: tuple[int, int], level: int = OBJECT_LEVEL
) -> Iterator[AnnotationRow | Exclusion]:
    """Rows of one label map.

    A gray or bilevel map whose only value beside 0 is VOID marks one object (DAVIS 2016): object 1.

    Raises:
        BadInput: unreadable, in colour, or not of the frame's size.
    """
    labels = read_labels(path)
    if labels.shape != size_hw:
        raise BadInput(
            f"{path}: expected labels of {size_hw[0]} x {size_hw[1]} (height x width) like the frame, found "
            f"{labels.shape[0]} x {labels.shape[1]}"
        )
    values = np.unique(labels)
    values = values[values != 0]
    if values.tolist() == [VOID] and label_mode(path) != "P":
        labels, values = labels // VOID, np.array([1])
    elif VOID in values:
        yield Exclusion("void_label", path)
        values = values[values != VOID]
    for value in values.tolist():
        where = f"{path} label {value}"
        yield AnnotationRow(frame, rle.encode(labels == value), track_id=value, level=level, where=where)


def stem_of(name: str) -> str:
    """`JPEGImages/00001.jpg` -> `00001`."""
    return posixpath.splitext(posixpath.basename(name))[0]
