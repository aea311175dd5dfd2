"""Layout `coco`: an image set with instances in COCO's JSON; a scene is a shard of it, or one picture.

Also LVIS, and whatever else has images, annotations and categories in one file. Sizes may change from picture
to picture. Category 0 is a category. Crowds keep their rows, marked. Every picture named is annotated.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from segassets.datasets.files import Root, natural_key, relative_name
from segassets.datasets.json_files import indexed, records, value
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import AnnotationRow, Exclusion, FrameRecord, Scene
from segassets.datasets.segmentations import to_counts
from segassets.datasets.shards import shard_slices
from segassets.errors import BadInput
from segassets.media.pictures import picture_size
from segassets.strict import StrictModel


class CocoOptions(StrictModel):
    """Options of the COCO layout."""

    annotations: str = Field(description="The JSON file, relative to the root.")
    pictures: str = Field("", description="Folder that the file names in the JSON are relative to.")
    shard_size: int = Field(100, ge=1, description="Pictures in a scene; 1 makes a scene of each picture.")
    missing_pictures: Literal["exclude", "keep"] = Field(
        "exclude", description="Pictures named in the JSON but not on disk: leave out and count, or keep."
    )


@dataclass
class CocoIndex:
    """A COCO file by picture.

    Attributes:
        images: in natural order of their file names.
        annotations: by image id.
        strays: exclusions of annotations whose picture is not in the file.
    """

    location: str
    images: list[dict[str, Any]]
    annotations: dict[Any, list[dict[str, Any]]]
    categories: dict[int, str]
    strays: list[Exclusion]


def build_index(document: dict[str, Any], location: str) -> CocoIndex:
    """Groups annotations by picture.

    Raises:
        BadInput: a part is missing, an image id repeats, or a file name climbs out of the root.
    """
    images = records(document, "images", location)
    for image in images:
        image["file_name"] = _file_name(image, location)
    by_image: dict[Any, list[dict[str, Any]]] = {}
    for number, image in enumerate(images):
        identity = value(image, "id", f"{location}: images[{number}]")
        if identity in by_image:
            raise BadInput(f"{location}: image id {identity!r} appears twice; ids must be unique")
        by_image[identity] = []
    strays = []
    for annotation in records(document, "annotations", location):
        group = by_image.get(annotation.get("image_id"))
        if group is None:
            strays.append(Exclusion("unknown_picture", name_of(annotation)))
        else:
            group.append(annotation)
    categories = {
        int(value(item, "id", f"{location}: category")): str(item.get("name", item["id"]))
        for item in records(document, "categories", location)
    }
    ordered = sorted(images, key=lambda image: natural_key(image["file_name"]))
    return CocoIndex(location, ordered, by_image, categories, strays)


def name_of(annotation: dict[str, Any]) -> str:
    """How messages call an annotation."""
    return f"annotation {annotation.get('id', '(without id)')}"


def _file_name(image: dict[str, Any], location: str) -> str:
    name = image.get("file_name")
    if not name and image.get("coco_url"):  # LVIS 1.0: .../train2017/000000000139.jpg
        name = "/".join(urlsplit(image["coco_url"]).path.split("/")[-2:])
    where = f"{location}: image {image.get('id')}"
    if not isinstance(name, str):
        raise BadInput(f"{where}: expected 'file_name', found {name!r}")
    return relative_name(name, where)


class CocoLayout(Layout[CocoOptions]):
    """Shards `shard-0000`, `shard-0001`, ... in order of file names; with shard_size 1 a scene a picture."""

    options_type = CocoOptions

    def _index(self, root: Root) -> CocoIndex:
        return indexed(root, self.options_of().annotations, build_index)

    def scene_names(self) -> list[str]:
        return list(shards(self, self._index(self.root()), self.options_of().shard_size))

    def load(self, name: str) -> Scene:
        root = self.root()
        options = self.options_of(name)
        index = self._index(root)
        shard = self.pick(name, shards(self, index, self.options_of().shard_size))
        return image_scene(
            self,
            name,
            root,
            index,
            shard,
            pictures=options.pictures,
            keep_missing=options.missing_pictures == "keep",
            annotations=options.annotations,
        )


def shards(layout: Layout, index: CocoIndex, size: int, prefix: str = "") -> dict[str, slice]:
    """Scene name -> its pictures in the index; shards of `size`, scenes named by their picture when that is 1.

    Args:
        prefix: put before the names.

    Raises:
        BadInput: the file has no pictures.
    """
    if not index.images:
        raise BadInput(f"{index.location}: expected pictures under 'images', found an empty list")
    stems = [posixpath.splitext(image["file_name"])[0] for image in index.images]
    return shard_slices(layout, stems, size, prefix)


def image_scene(
    layout: Layout,
    name: str,
    root: Root,
    index: CocoIndex,
    shard: slice,
    *,
    pictures: str,
    keep_missing: bool,
    annotations: str,
    categories: dict[int, str] | None = None,
) -> Scene:
    """The scene of one shard.

    Args:
        pictures: folder that the file names are relative to.
        keep_missing: keep pictures that are not on disk; else they are left out and counted.
        annotations: the JSON file.
        categories: of the whole set where it has several files; else the index's.
    """
    named = index.images[shard]
    images = named
    if not keep_missing:
        there = root.are_files([posixpath.join(pictures, image["file_name"]) for image in named])
        images = [image for image, is_there in zip(named, there, strict=True) if is_there]
    key = layout.config.key_of(name)
    if not images:
        raise BadInput(
            f"scene {key}: none of its {len(named)} pictures is in {root.location(pictures)}; "
            f"the first would be {named[0]['file_name']}; correct the option `pictures`, or set "
            "`missing_pictures: keep` to use the annotations alone"
        )
    source_frames, chosen = layout.select(name, images)
    frames = [
        _record(root, pictures, at, image, index.location)
        for at, image in zip(source_frames, chosen, strict=True)
    ]
    strays = index.strays if shard.start == 0 else []
    return Scene(
        key=key,
        dataset=layout.config.name,
        name=name,
        root=root.location(),
        frames=frames,
        frames_total=len(images),
        sizes_may_change=True,
        categories=index.categories if categories is None else categories,
        annotations=lambda: read_annotations(index, frames, [image["id"] for image in chosen], strays),
        excluded={"missing_picture": len(named) - len(images)} if len(named) > len(images) else {},
        inputs=[annotations],
    )


def _record(
    root: Root, pictures: str, source_frame: int, image: dict[str, Any], location: str
) -> FrameRecord:
    name = posixpath.join(pictures, image["file_name"])
    height, width = image.get("height"), image.get("width")
    if height is None or width is None:
        height, width = picture_size(root.location(name))
    if type(height) is not int or type(width) is not int or height < 1 or width < 1:
        raise BadInput(
            f"{location}: image {image['id']}: expected a size in pixels, found {height} x {width}"
        )
    return FrameRecord(source_frame, name, height, width, annotated=True)


def read_annotations(
    index: CocoIndex, frames: list[FrameRecord], image_ids: list[Any], strays: list[Exclusion]
) -> Iterator[AnnotationRow | Exclusion]:
    """Rows of the frames' annotations, frame by frame; conversion goes by groups of frames of one size."""
    yield from strays
    groups: dict[tuple[int, int], list[int]] = {}
    for at, frame in enumerate(frames):
        groups.setdefault((frame.height, frame.width), []).append(at)
    rows: list[list[AnnotationRow]] = [[] for _ in frames]
    for (height, width), members in groups.items():
        found = [(at, annotation) for at in members for annotation in index.annotations[image_ids[at]]]
        where = [name_of(annotation) for _, annotation in found]
        segmentations = [annotation.get("segmentation") for _, annotation in found]
        counts, excluded = to_counts(segmentations, where, height, width)
        yield from excluded
        for (at, annotation), text, name in zip(found, counts, where, strict=True):
            if text is not None:
                rows[at].append(
                    AnnotationRow(
                        at,
                        text,
                        category_id=annotation.get("category_id", -1),
                        crowd=bool(annotation.get("iscrowd", 0)),
                        where=name,
                    )
                )
    for of_frame in rows:
        yield from of_frame
