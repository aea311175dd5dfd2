"""A scene from a list of pictures and label maps beside them: what the layouts `folder` and `davis` have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segassets.datasets.files import Root
from segassets.datasets.footage import label_files, label_reader, picture_records, stem_of
from segassets.datasets.layouts import Layout
from segassets.datasets.object_folders import check_pictures, object_files, object_reader
from segassets.datasets.scene import OBJECT_LEVEL, AnnotationReader, FrameRecord, Scene
from segassets.errors import BadInput

_ALL = 0  # stands where a folder per object has its track id: maps of all objects at once


def picture_scene(
    layout: Layout,
    name: str,
    root: Root,
    pictures: Sequence[str],
    *,
    labels_folder: str | None,
    level: int = OBJECT_LEVEL,
    excluded: dict[str, int] | None = None,
) -> Scene:
    """A scene from sorted pictures and, where there is a folder of them, label maps of the same stems.

    The label maps hold all objects each, or lie in a folder per object.
    """
    key = layout.config.key_of(name)
    source_frames, chosen = layout.select(name, pictures)
    frames = picture_records(key, root, source_frames, chosen)
    labels = _labels_of(key, root, labels_folder, pictures, frames)
    for at in {position for files in labels.values() for position in files}:
        frames[at].annotated = True
    return Scene(
        key=key,
        dataset=layout.config.name,
        name=name,
        root=root.location(),
        frames=frames,
        frames_total=len(pictures),
        annotations=None if labels_folder is None else _reader(root, frames, labels, level),
        excluded=excluded or {},
        inputs=[name for files in labels.values() for name in files.values()],
    )


def _labels_of(
    key: str, root: Root, folder: str | None, pictures: Sequence[str], frames: Sequence[FrameRecord]
) -> dict[int, dict[int, str]]:
    """Label maps by position in `frames`, by track id where each object has a folder, else under _ALL."""
    if folder is None:
        return {}
    stems = [stem_of(picture) for picture in pictures]
    by_stem = label_files(root, folder)
    objects = object_files(root, folder) if not by_stem else {}
    check_pictures(key, objects, stems)
    if not objects and not by_stem.keys() & set(stems):
        raise BadInput(
            f"scene {key}: expected label maps named like the pictures in {folder!r} of {root.url}, "
            f"found none for {len(pictures)} pictures"
        )
    own = [stem_of(frame.uri) for frame in frames]
    return {
        track: {at: files[stem] for at, stem in enumerate(own) if stem in files}
        for track, files in (objects or {_ALL: by_stem}).items()
    }


def _reader(
    root: Root, frames: Sequence[FrameRecord], labels: Mapping[int, Mapping[int, str]], level: int
) -> AnnotationReader:
    if _ALL in labels:
        return label_reader(root, frames, labels[_ALL], level)
    return object_reader(root, frames, labels, level)
