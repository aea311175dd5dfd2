"""Label maps in a folder per object: `Annotations/<sequence>/<object>/00000.png`, as in SA-V's val and test sets.

A map marks one object. Where some object has a map the frame is annotated, and an object without one is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from segassets.datasets.files import Root
from segassets.datasets.footage import label_files
from segassets.datasets.scene import AnnotationReader, AnnotationRow, Exclusion, FrameRecord
from segassets.errors import BadInput
from segassets.masks import rle
from segassets.media.pictures import read_labels


def object_files(root: Root, folder: str) -> dict[int, dict[str, str]]:
    """Track id -> label map by stem; ids are the folders' numbers, plus one where they begin with 0.

    Empty where `folder` does not hold numbered folders of pictures.
    """
    if not root.is_folder(folder):
        return {}
    numbered = [name for name in root.listing(folder)[1] if name.isdecimal()]
    offset = int(any(int(name) == 0 for name in numbered))
    found = {
        int(name) + offset: label_files(root, f"{folder}/{name}" if folder else name) for name in numbered
    }
    return {track: files for track, files in found.items() if files}


def check_pictures(key: str, objects: Mapping[int, Mapping[str, str]], stems: Sequence[str]) -> None:
    """Raises BadInput for a label map whose picture is not among those of these stems; names it."""
    known = set(stems)
    for files in objects.values():
        for stem, file in files.items():
            if stem not in known:
                raise BadInput(
                    f"scene {key}: {file} labels frame {stem!r}, whose picture is missing among {len(stems)}; get the "
                    "picture or remove the map"
                )


def object_reader(
    root: Root, frames: Sequence[FrameRecord], objects: Mapping[int, Mapping[int, str]], level: int
) -> AnnotationReader:
    """A reader of the maps.

    Args:
        objects: by track id, label map by position in `frames`.
    """

    def read() -> Iterator[AnnotationRow | Exclusion]:
        for track, files in objects.items():
            for position, name in sorted(files.items()):
                frame = frames[position]
                mask = _mask(root.location(name), (frame.height, frame.width))
                if mask.any():
                    yield AnnotationRow(position, rle.encode(mask), track_id=track, level=level, where=name)

    return read


def _mask(path: str, size_hw: tuple[int, int]) -> np.ndarray:
    labels = read_labels(path)
    if labels.shape != size_hw:
        raise BadInput(
            f"{path}: expected labels of {size_hw[0]} x {size_hw[1]} (height x width) like the frame, found "
            f"{labels.shape[0]} x {labels.shape[1]}"
        )
    values = np.unique(labels)
    if (values != 0).sum() > 1:
        raise BadInput(
            f"{path}: expected one object in a folder per object, found the values {values[values != 0].tolist()}"
        )
    return labels != 0
