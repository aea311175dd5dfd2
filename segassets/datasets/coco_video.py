"""Layout `coco_video`: videos in COCO's JSON, frames told apart by `video_id` and `order_in_video`.

As SAM2 Video Training reads it. Video ids are text or numbers, every id may be 0, a picture may have no annotation
(it was looked at: nothing is there). `file_name` is read; an absolute `path` beside it is not.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from segassets.datasets.categories import same_categories
from segassets.datasets.coco import CocoIndex, build_index, name_of
from segassets.datasets.files import Root
from segassets.datasets.footage import check_numbers, check_same_size, picture_records
from segassets.datasets.json_files import indexed, value
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import AnnotationRow, Exclusion, FrameRecord, Scene
from segassets.datasets.segmentations import refuse_other_sizes, to_counts
from segassets.errors import BadInput
from segassets.strict import StrictModel


class CocoVideoOptions(StrictModel):
    """Options of the COCO-video layout."""

    annotations: str | list[str] = Field(
        description="The JSON file relative to the root, or several, which must have the same categories."
    )
    pictures: str = Field("", description="Folder that the file names in the JSON are relative to.")
    tracks: Literal["auto", "category", "none"] = Field(
        "auto",
        description="What follows an object through time: `track_id` of the annotations where they have it, else its "
        "category where no picture has two annotations of one; or always the category; or nothing.",
    )
    frame_step: int | None = Field(
        1, ge=1, description="From one `order_in_video` to the next; a gap is refused. Empty allows gaps."
    )
    missing_pictures: Literal["refuse", "keep"] = Field(
        "refuse",
        description="Pictures named in the JSON but not on disk: an error, or used without pictures.",
    )


@dataclass
class VideoIndex:
    """One JSON by video.

    Attributes:
        coco: its images, annotations by image id, categories.
        videos: by the text of the video id, image by `order_in_video`.
        tracks_by: what "auto" stands for: the key of the annotations' track ids, "category" or "none".
        offset: added to track ids, so that none is 0.
    """

    coco: CocoIndex
    videos: dict[str, dict[int, dict[str, Any]]]
    tracks_by: str
    offset: int


def build_video_index(document: dict[str, Any], location: str) -> VideoIndex:
    """Groups the images by video.

    Raises:
        BadInput: a video id or an order is missing or given twice, or an annotation has no known category.
    """
    coco = build_index(document, location)
    videos: dict[str, dict[int, dict[str, Any]]] = {}
    for image in coco.images:
        where = f"{location}: image {image['id']} ({image['file_name']})"
        video, order = value(image, "video_id", where), value(image, "order_in_video", where)
        if type(order) is not int or type(video) not in (int, str):
            raise BadInput(
                f"{where}: expected a video_id and a whole number order_in_video, found {video!r}, {order!r}"
            )
        frames = videos.setdefault(str(video), {})
        if order in frames:
            raise BadInput(
                f"{where}: {frames[order]['file_name']} has order_in_video {order} in video {video!r} too"
            )
        frames[order] = image
    found = [item for of_image in coco.annotations.values() for item in of_image]
    for annotation in found:
        if annotation.get("category_id") not in coco.categories:
            raise BadInput(
                f"{location}: {name_of(annotation)}: expected a category_id of its categories "
                f"({', '.join(map(str, coco.categories))}), found {annotation.get('category_id')!r}"
            )
    tracks_by = _tracks_by(found)
    lowest = min((item[tracks_by] for item in found), default=1) if tracks_by == "track_id" else 1
    return VideoIndex(coco, videos, tracks_by, max(0, 1 - lowest))


def _tracks_by(annotations: Sequence[dict[str, Any]]) -> str:
    if annotations and all(type(item.get("track_id")) is int for item in annotations):
        return "track_id"
    pairs = Counter((item["image_id"], item["category_id"]) for item in annotations)
    return "category" if max(pairs.values(), default=1) == 1 else "none"


class CocoVideoLayout(Layout[CocoVideoOptions]):
    """A scene per video, named by its id."""

    options_type = CocoVideoOptions
    requires_categories = True

    def scene_names(self) -> list[str]:
        return list(self._videos(self.root()))

    def _files(self) -> list[str]:
        files = self.options_of().annotations
        return [files] if isinstance(files, str) else files

    def _videos(self, root: Root) -> dict[str, tuple[str, str]]:
        """Scene name -> file and video id."""
        places: dict[str, str] = {}
        for file in self._files():
            index = indexed(root, file, build_video_index)
            if not index.videos:
                raise BadInput(
                    f"{index.coco.location}: expected pictures under 'images', found an empty list"
                )
            for video in index.videos:
                if places.setdefault(video, file) != file:
                    raise BadInput(
                        f"dataset {self.config.name!r}: video {video!r} is in {places[video]} and in {file}; make two "
                        "datasets of them"
                    )
        return {name: (places[video], video) for name, video in self.scene_names_for(places).items()}

    def load(self, name: str) -> Scene:
        root = self.root()
        options = self.options_of(name)
        file, video = self.pick(name, self._videos(root))
        indexes = {each: indexed(root, each, build_video_index) for each in self._files()}
        categories = same_categories({item.coco.location: item.coco.categories for item in indexes.values()})
        index = indexes[file]
        images = [image for _, image in sorted(index.videos[video].items())]
        key = self.config.key_of(name)
        names = {order: image["file_name"] for order, image in index.videos[video].items()}
        check_numbers(key, names, options.frame_step)
        source_frames, chosen = self.select(name, images)
        frames = _frames(key, root, options, source_frames, chosen)
        tracks_by = index.tracks_by if options.tracks == "auto" else options.tracks
        strays = index.coco.strays if video == next(iter(index.videos)) else []
        return Scene(
            key=key,
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=len(images),
            categories=categories,
            annotations=lambda: read_annotations(index, frames, chosen, tracks_by, strays),
            inputs=[file],
            depends_on=tracks_by,
            extras={
                "video_id": images[0]["video_id"],
                "tracks_by": tracks_by,
                "track_id_offset": index.offset,
            },
        )


def _frames(
    key: str,
    root: Root,
    options: CocoVideoOptions,
    source_frames: Sequence[int],
    images: Sequence[dict[str, Any]],
) -> list[FrameRecord]:
    """Frames of one size, as the JSON and the pictures say alike."""
    names = [posixpath.join(options.pictures, image["file_name"]) for image in images]
    if options.missing_pictures == "keep":
        frames = [
            FrameRecord(at, name, *_size(key, image, name))
            for at, name, image in zip(source_frames, names, images, strict=True)
        ]
        for frame in frames:
            first = (frames[0].height, frames[0].width)
            check_same_size(key, frame.source_frame, frame.uri, (frame.height, frame.width), first)
    else:
        missing = [at for at, is_there in enumerate(root.are_files(names)) if not is_there]
        if missing:
            raise BadInput(
                f"scene {key}: {len(missing)} of {len(names)} pictures are missing, first frame "
                f"{source_frames[missing[0]]} ({root.location(names[missing[0]])}); correct the option `pictures`, get "
                "them, or set `missing_pictures: keep`"
            )
        frames = picture_records(key, root, source_frames, names)
        for frame, image in zip(frames, images, strict=True):
            if image.get("height") is not None and _size(key, image, frame.uri) != (
                frame.height,
                frame.width,
            ):
                raise BadInput(
                    f"scene {key}: frame {frame.source_frame} ({frame.uri}) is {frame.height} x {frame.width} (height "
                    f"x width), its annotations are for {image['height']} x {image['width']}; annotations and pictures "
                    "must be of one size"
                )
    for frame in frames:
        frame.annotated = True
    return frames


def _size(key: str, image: dict[str, Any], name: str) -> tuple[int, int]:
    height, width = image.get("height"), image.get("width")
    if type(height) is not int or type(width) is not int or height < 1 or width < 1:
        raise BadInput(f"scene {key}: {name}: expected a size in pixels, found {height} x {width}")
    return height, width


def read_annotations(
    index: VideoIndex,
    frames: list[FrameRecord],
    images: Sequence[dict[str, Any]],
    tracks_by: str,
    strays: list[Exclusion],
) -> Iterator[AnnotationRow | Exclusion]:
    """Rows of one video, converted all at once.

    Raises:
        BadInput: a mask of another size than its frame; names annotation and picture.
    """
    yield from strays
    found = [(at, item) for at, image in enumerate(images) for item in index.coco.annotations[image["id"]]]
    where = [f"{index.coco.location}: {name_of(item)} of {frames[at].uri}" for at, item in found]
    segmentations = [item.get("segmentation") for _, item in found]
    size = (frames[0].height, frames[0].width)
    refuse_other_sizes(segmentations, where, *size)
    counts, excluded = to_counts(segmentations, where, *size)
    yield from excluded
    for (at, item), text, name in zip(found, counts, where, strict=True):
        if text is not None:
            yield AnnotationRow(
                at,
                text,
                category_id=item["category_id"],
                track_id=_track(item, tracks_by, index.offset),
                crowd=bool(item.get("iscrowd", 0)),
                where=name,
            )


def _track(annotation: dict[str, Any], tracks_by: str, offset: int) -> int:
    if tracks_by == "category":
        return annotation["category_id"] + 1
    return annotation["track_id"] + offset if tracks_by == "track_id" else 0
