"""Layout `ytvis`: videos as folders of pictures with one JSON of tracked instances (YTVIS, OVIS, LV-VIS).

An entry of an annotation that is null, or empty, or of area 0 means "not in this frame". Ids that start at 0
are moved up by one: track id 0 means "no identity" in a mask table (`extras["track_id_offset"]` tells).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from segassets.datasets.coco import name_of
from segassets.datasets.files import Root, relative_name
from segassets.datasets.footage import picture_records
from segassets.datasets.json_files import indexed, records, value
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import AnnotationRow, Exclusion, FrameRecord, Scene
from segassets.datasets.segmentations import to_counts
from segassets.errors import BadInput
from segassets.strict import StrictModel


class YtvisOptions(StrictModel):
    """Options of the YTVIS layout."""

    annotations: str = Field(description="The JSON file, relative to the root.")
    pictures: str = Field("JPEGImages", description="Folder that the file names in the JSON are relative to.")


@dataclass
class YtvisIndex:
    """A YTVIS file by video: annotations by video id, and what to add to annotation ids for track ids."""

    location: str
    videos: list[dict[str, Any]]
    annotations: dict[Any, list[dict[str, Any]]]
    categories: dict[int, str]
    track_id_offset: int
    strays: list[Exclusion]


def build_index(document: dict[str, Any], location: str) -> YtvisIndex:
    """Groups annotations by video.

    Raises:
        BadInput: a part is missing, a video id repeats, or a file name climbs out of the root.
    """
    videos = records(document, "videos", location)
    by_video: dict[Any, list[dict[str, Any]]] = {}
    for number, video in enumerate(videos):
        where = f"{location}: videos[{number}]"
        identity = value(video, "id", where)
        if identity in by_video:
            raise BadInput(f"{location}: video id {identity!r} appears twice; ids must be unique")
        names = value(video, "file_names", where)
        video["file_names"] = [relative_name(name, f"{location}: video {identity}") for name in names]
        by_video[identity] = []
    strays, lowest = [], 1
    for annotation in records(document, "annotations", location):
        lowest = min(lowest, value(annotation, "id", f"{location}: annotation"))
        group = by_video.get(annotation.get("video_id"))
        if group is None:
            strays.append(Exclusion("unknown_video", name_of(annotation)))
        else:
            group.append(annotation)
    categories = {
        int(value(item, "id", f"{location}: category")): str(item.get("name", item["id"]))
        for item in records(document, "categories", location)
    }
    return YtvisIndex(location, videos, by_video, categories, 1 - lowest, strays)


class YtvisLayout(Layout[YtvisOptions]):
    """A scene per video, named by its `name` or by the folder of its pictures."""

    options_type = YtvisOptions

    def _videos(self, root: Root) -> tuple[YtvisIndex, dict[str, dict[str, Any]]]:
        index = indexed(root, self.options_of().annotations, build_index)
        if not index.videos:
            raise BadInput(f"{index.location}: expected videos under 'videos', found an empty list")
        sources = [_name(video) for video in index.videos]
        return index, dict(zip(self.scene_names_for(sources), index.videos, strict=True))

    def scene_names(self) -> list[str]:
        return list(self._videos(self.root())[1])

    def load(self, name: str) -> Scene:
        root = self.root()
        options = self.options_of(name)
        index, videos = self._videos(root)
        video = self.pick(name, videos)
        key = self.config.key_of(name)
        if not video["file_names"]:
            raise BadInput(
                f"scene {key}: expected pictures under 'file_names' in {index.location}, found none"
            )
        pictures = [posixpath.join(options.pictures, file_name) for file_name in video["file_names"]]
        source_frames, chosen = self.select(name, pictures)
        frames = picture_records(key, root, source_frames, chosen)
        for frame in frames:
            frame.annotated = True
        annotations = index.annotations[video["id"]]
        strays = index.strays if video is index.videos[0] else []
        return Scene(
            key=key,
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=len(pictures),
            categories=index.categories,
            annotations=lambda: read_annotations(annotations, frames, index.track_id_offset, strays),
            inputs=[options.annotations],
            extras={"track_id_offset": index.track_id_offset},
        )


def _name(video: dict[str, Any]) -> str:
    if isinstance(video.get("name"), str):
        return video["name"]
    folder = posixpath.dirname(video["file_names"][0]) if video["file_names"] else ""
    return folder or f"video-{video['id']}"


def read_annotations(
    annotations: list[dict[str, Any]],
    frames: list[FrameRecord],
    track_id_offset: int,
    strays: list[Exclusion],
) -> Iterator[AnnotationRow | Exclusion]:
    """Rows of the instances that are in the frames, converted all at once: a video has one size."""
    yield from strays
    size = (frames[0].height, frames[0].width)
    found: list[tuple[int, dict[str, Any], Any]] = []
    for annotation in annotations:
        segmentations = annotation.get("segmentations") or []
        for at, frame in enumerate(frames):
            entry = segmentations[frame.source_frame] if frame.source_frame < len(segmentations) else None
            if entry and not _says_absent(annotation, frame.source_frame):
                found.append((at, annotation, entry))
    where = [f"{name_of(annotation)} in frame {frames[at].source_frame}" for at, annotation, _ in found]
    counts, excluded = to_counts([entry for _, _, entry in found], where, *size)
    yield from excluded
    for (at, annotation, _), text, name in zip(found, counts, where, strict=True):
        if text is not None:
            yield AnnotationRow(
                at,
                text,
                category_id=annotation.get("category_id", -1),
                track_id=annotation["id"] + track_id_offset,
                crowd=bool(annotation.get("iscrowd", 0)),
                where=name,
            )


def _says_absent(annotation: dict[str, Any], frame: int) -> bool:
    """True when the areas say 0 for a frame: some writers keep an empty mask there instead of null."""
    areas = annotation.get("areas") or []
    return frame < len(areas) and areas[frame] == 0
