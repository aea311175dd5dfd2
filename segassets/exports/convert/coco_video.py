"""Annotated footage to one COCO-video JSON, as SAM2 Video Training reads it.

    images       {id, file_name, path, height, width, video_id, order_in_video, is_det_keyframe}
    annotations  {id, image_id, category_id, segmentation (compressed RLE), area, bbox, iscrowd}
    categories   {id, name}

Ids count from 0, `video_id` is the scene's name, a picture without annotations says "nothing here". In an image set
every picture is a video of its own. Masks without a category get one, named "object".
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from segassets.datasets.annotations import annotation_table
from segassets.datasets.scene import Scene
from segassets.errors import BadInput
from segassets.exports.convert.coco_file import write_json
from segassets.masks import rle
from segassets.strict import StrictModel

NO_CATEGORY = -1


class CocoVideoOptions(StrictModel):
    """Options of the conversion to COCO-video."""

    masks: Literal["category", "instance"] = Field(
        "category", description="One mask per picture and category (all its objects), or one per object."
    )
    image_root: str | None = Field(
        None, description="Folder of the pictures where they will be read; else where they lie now."
    )
    unlabelled: Literal["skip", "keep"] = Field(
        "skip", description="Frames that nobody annotated: leave out and count, or keep as empty."
    )
    keyframe_stride: int = Field(
        1, ge=1, description="is_det_keyframe is true on every n-th frame of a video."
    )
    level: int = Field(2, description="Masks of objects (2) or of their parts (4).")


@dataclass
class _Document:
    """The parts of the file, and what is counted."""

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[int, tuple[str, str]] = field(default_factory=dict)  # id -> name, first scene
    ids: dict[str, tuple[int, str]] = field(default_factory=dict)  # name -> id, first scene
    videos: set[str] = field(default_factory=set)
    unlabelled: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def scenes_to_coco_video(
    scenes: Iterable[Scene],
    output_file: Path,
    options: CocoVideoOptions | None = None,
    base: str | None = None,
) -> dict[str, Any]:
    """Write the annotations of scenes.

    Args:
        base: folder that `file_name` is relative to; each scene's own root when not given.

    Returns:
        Numbers: videos, images, annotations, images_without_annotations, unlabelled (frames left out), left_out
        (what the label table ignores, by reason) and by_category.

    Raises:
        BadInput: a scene's frames lie in a video file, a category is unknown or means something else in another scene,
            or two videos have one name.
    """
    options = options or CocoVideoOptions()
    document = _Document()
    for scene in scenes:
        _join_categories(document, scene)
        _add(document, scene, options, base)
    _name_the_rest(document)
    names = {key: name for key, (name, _) in sorted(document.categories.items())}
    counts = dict.fromkeys(names, 0)
    for item in document.annotations:
        counts[item["category_id"]] += 1
    write_json(
        output_file.expanduser().absolute(),
        {
            "info": {"description": "segassets COCO-video"},
            "images": document.images,
            "annotations": document.annotations,
            "categories": [{"id": key, "name": name} for key, name in names.items()],
        },
    )
    with_masks = {item["image_id"] for item in document.annotations}
    return {
        "videos": len(document.videos),
        "images": len(document.images),
        "annotations": len(document.annotations),
        "images_without_annotations": len(document.images) - len(with_masks),
        "unlabelled": document.unlabelled,
        "left_out": dict(document.left_out),
        "by_category": {names[key]: count for key, count in counts.items()},
    }


def _join_categories(document: _Document, scene: Scene) -> None:
    for key, name in scene.categories.items():
        known, where = document.categories.setdefault(key, (name, scene.key))
        if known != name:
            raise BadInput(f"scene {scene.key}: category {key} is '{name}', but '{known}' in scene {where}")
        number, where = document.ids.setdefault(name, (key, scene.key))
        if scene.categories.get(number) != name:
            raise BadInput(
                f"scene {scene.key}: category '{name}' has id {key}, but {number} in scene {where}; give the scenes "
                "one table of categories"
            )


def _name_the_rest(document: _Document) -> None:
    """A category for the masks that have none."""
    without = [item for item in document.annotations if item["category_id"] == NO_CATEGORY]
    if without:
        number = max(document.categories, default=-1) + 1
        document.categories[number] = ("object", "")
        for item in without:
            item["category_id"] = number


def _videos(document: _Document, scene: Scene, used: list[int]) -> dict[int, tuple[str, int]]:
    """(video_id, order in it) of the frames in use."""
    if scene.sizes_may_change:
        videos = {at: (posixpath.splitext(scene.frames[at].uri)[0], 0) for at in used}
    else:
        videos = {at: (scene.name, order) for order, at in enumerate(used)}
    names = [scene.name] if not scene.sizes_may_change else [name for name, _ in videos.values()]
    for name in names:
        if name in document.videos:
            raise BadInput(f"scene {scene.key}: there is another video '{name}'; convert them apart")
        document.videos.add(name)
    return videos


def _add(document: _Document, scene: Scene, options: CocoVideoOptions, base: str | None) -> None:
    used = [at for at, frame in enumerate(scene.frames) if frame.annotated or options.unlabelled == "keep"]
    document.unlabelled += len(scene.frames) - len(used)
    image_ids: dict[int, int] = {}
    for at, (video, order) in _videos(document, scene, used).items():
        image_ids[at] = len(document.images)
        frame = scene.frames[at]
        file_name, path = _names(scene, frame.uri, options, base)
        document.images.append(
            {
                "id": image_ids[at],
                "file_name": file_name,
                "path": path,
                "height": frame.height,
                "width": frame.width,
                "video_id": video,
                "order_in_video": order,
                "is_det_keyframe": order % options.keyframe_stride == 0,
            }
        )
    for row in _masks(document, scene, options):
        if row["frame"] in image_ids:
            document.annotations.append(_annotation(len(document.annotations), image_ids[row["frame"]], row))


def _names(scene: Scene, uri: str, options: CocoVideoOptions, base: str | None) -> tuple[str, str]:
    """file_name (relative) and path of a picture."""
    if "#" in uri:
        raise BadInput(
            f"scene {scene.key}: its frames lie in a video ({uri}); a COCO file needs pictures: write them with "
            "segassets export davis FOLDER asset=coco_masks pictures=write"
        )
    here = posixpath.join(scene.root, uri)
    name = uri if base is None else posixpath.relpath(here, base)
    return name, here if options.image_root is None else posixpath.join(options.image_root, name)


def _masks(document: _Document, scene: Scene, options: CocoVideoOptions) -> Iterator[dict[str, Any]]:
    """Rows with frame, category_id, size and counts, in order of frame; with one mask a category, united."""
    rows = [row for row in _rows(document, scene) if row["level"] == options.level]
    for row in rows:
        if row["category_id"] not in (NO_CATEGORY, *scene.categories):
            raise BadInput(
                f"scene {scene.key}, frame {row['frame']}: mask {row['mask_id']} has category {row['category_id']}, "
                f"expected one of {scene.categories}"
            )
    if options.masks == "instance":
        yield from rows
        return
    groups: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["frame"], row["category_id"]), []).append(row)
    for _, members in sorted(groups.items()):
        first = members[0]
        if len(members) == 1:
            yield first
            continue
        text = rle.union([row["rle_counts"] for row in members], first["height"], first["width"])
        area, box = rle.areas_and_boxes([text], first["height"], first["width"])
        yield {**first, "rle_counts": text, "area": int(area[0]), "bbox_xywh": box[0].tolist(), "track_id": 0}


def _rows(document: _Document, scene: Scene) -> list[dict[str, Any]]:
    """The scene's annotations; what a label table says to ignore is counted, anything else unusable is an error."""
    found = annotation_table(scene)
    for reason, count in found.excluded.items():
        if not reason.startswith(("ignored_", "unknown_label", "empty_mask")):
            note = next((text for text in found.notes if text.startswith(reason)), reason)
            raise BadInput(f"scene {scene.key}: {note} ({count} such annotations); correct or remove them")
        document.left_out[reason] += count
    return found.table.to_pylist()


def _annotation(number: int, image_id: int, row: dict[str, Any]) -> dict[str, Any]:
    found = {
        "id": number,
        "image_id": image_id,
        "category_id": row["category_id"],
        "segmentation": {"size": [row["height"], row["width"]], "counts": row["rle_counts"]},
        "area": row["area"],
        "bbox": row["bbox_xywh"],
        "iscrowd": int(row["source"] == "annotation_crowd"),
    }
    return {**found, "track_id": row["track_id"]} if row["track_id"] else found
