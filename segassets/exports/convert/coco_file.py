"""A COCO JSON read strictly: every id once, every annotation of a known picture and category, every mask sound.

Unlike the layout `coco`, which leaves out and counts what it cannot use, a converter refuses: what it writes is
trained on by programs that say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from segassets.datasets.categories import same_categories
from segassets.datasets.files import Root
from segassets.datasets.json_files import no_collection, read_json, records, value
from segassets.datasets.segmentations import to_counts
from segassets.errors import BadInput
from segassets.storage import atomic


@dataclass
class CocoFile:
    """A checked COCO document.

    Attributes:
        path: where it was read.
        document: all of it, as read.
        images: by id.
        categories: id to name; 0 is a valid id.
        by_image: annotations of each image id, in the order of the file.
    """

    path: Path
    document: dict[str, Any]
    images: dict[Any, dict[str, Any]]
    categories: dict[int, str]
    by_image: dict[Any, list[dict[str, Any]]]

    def size_of(self, image: dict[str, Any]) -> tuple[int, int]:
        """(height, width) the file gives for a picture.

        Raises:
            BadInput: it gives none, or no size.
        """
        height, width = image.get("height"), image.get("width")
        if type(height) is not int or type(width) is not int or min(height, width) < 1:
            raise BadInput(
                f"{self.path}: image {image['id']}: expected height and width in pixels, found {height} x {width}"
            )
        return height, width

    def counts(self, image: dict[str, Any]) -> list[str]:
        """Compressed counts of the masks of a picture, in the order of its annotations.

        Raises:
            BadInput: an annotation has no usable mask, e.g. an RLE of another size; names it.
        """
        height, width = self.size_of(image)
        annotations = self.by_image[image["id"]]
        where = [f"annotation {item['id']}" for item in annotations]
        found, problems = to_counts([item.get("segmentation") for item in annotations], where, height, width)
        if problems:
            reason = problems[0].reason.replace("_", " ")
            raise BadInput(
                f"{self.path}: image {image['id']} ({image.get('file_name')}): {reason}: {problems[0].where}; correct "
                "or remove the annotation"
            )
        return [text or "" for text in found]


def read_coco(path: Path) -> CocoFile:
    """A COCO file with all its references checked.

    Raises:
        MissingInput: there is no such file.
        BadInput: not COCO, an id twice, or an annotation of an unknown picture or category; names file and id.
    """
    path = path.expanduser().absolute()
    document = read_json(Root(path.parent, follow_links=True), path.name)
    with no_collection():
        images = _by_id(document, "images", path)
        categories = _by_id(document, "categories", path)
        by_image: dict[Any, list[dict[str, Any]]] = {key: [] for key in images}
        for key, item in _by_id(document, "annotations", path).items():
            if item.get("image_id") not in by_image:
                raise BadInput(
                    f"{path}: annotation {key}: there is no image {item.get('image_id')!r} in this file"
                )
            if item.get("category_id") not in categories:
                raise BadInput(
                    f"{path}: annotation {key}: there is no category {item.get('category_id')!r} in this file; it has "
                    f"{_named(categories)}"
                )
            by_image[item["image_id"]].append(item)
    names = {key: str(item.get("name", key)) for key, item in categories.items()}
    return CocoFile(path, document, images, names, by_image)


def _named(categories: dict[int, dict[str, Any]]) -> str:
    return ", ".join(f"{key} {item.get('name', '')}".strip() for key, item in categories.items()) or "none"


def _by_id(document: dict[str, Any], part: str, path: Path) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for number, item in enumerate(records(document, part, str(path))):
        key = value(item, "id", f"{path}: {part}[{number}]")
        if key in found:
            raise BadInput(f"{path}: {part}[{number}]: id {key!r} appears twice; ids must be unique")
        found[key] = item
    return found


def join_categories(files: Iterable[CocoFile]) -> dict[int, str]:
    """The categories of several files of one dataset.

    Raises:
        BadInput: an id or a name means something else in another file; names both files.
    """
    return same_categories({str(file.path): file.categories for file in files})


def write_json(path: Path, document: Any) -> None:
    """A JSON file, whole or not at all."""
    atomic.write_bytes(path, orjson.dumps(document))
