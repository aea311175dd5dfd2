"""A dataset from a path alone: looks at what lies there and says which layout it is."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import Any

from segassets.datasets.config import DatasetConfig
from segassets.datasets.files import Root
from segassets.datasets.footage import pictures_in, stem_of
from segassets.datasets.json_files import read_json
from segassets.datasets.layouts import to_scene_name
from segassets.datasets.recognise_sets import (
    cityscapes,
    class_maps,
    davis,
    roboflow,
    sa1b,
    sav,
    sav_folders,
    voc,
)
from segassets.errors import BadInput, MissingInput, SegassetsError
from segassets.media.pictures import is_picture
from segassets.media.video import is_video

_MANY_JSON = 10  # more than these beside pictures are one note per picture, not an image set's annotations


def dataset_for_path(path: str | os.PathLike[str], name: str | None = None) -> DatasetConfig:
    """The dataset at a local path or fsspec URL, its layout recognised.

    Known are: a video, a folder of videos, a folder of pictures, a folder of such folders, JPEGImages with or
    without Annotations (DAVIS), COCO, COCO-video or YTVIS (the JSON, or its folder), MultiScan scans raw or
    decoded, colour and depth with poses (hololens_rgbd), Pascal VOC, Cityscapes, Roboflow's exports, SA-1B, SA-V, and
    sets of class maps that a configured dataset describes.

    Args:
        name: name of the dataset; by default made from the path.

    Raises:
        MissingInput: nothing is there.
        BadInput: nothing usable is there; says what was looked for and what was found.
    """
    text = os.fspath(path)
    location = text.rstrip("/") if "://" in text else str(Path(text).expanduser().absolute())
    root = Root(location)
    if not root.fs.exists(root.base):
        raise MissingInput(f"expected footage at {location}, found nothing")
    found = _of_file(location) if root.is_file() else _of_folder(root)
    data: dict[str, Any] = {"root": location, **found}
    chosen = name or to_scene_name(stem_of(location)).replace(".", "-")
    return DatasetConfig(name=chosen, **data)


def _of_file(location: str) -> dict[str, Any]:
    if is_video(location):
        return {"layout": "video"}
    if location.endswith(".json"):
        folder, file_name = posixpath.split(location)
        return _of_json(Root(folder), file_name)
    hint = "; give the folder it lies in" if is_picture(location) else ""
    raise BadInput(f"expected a video, a COCO or YTVIS JSON, or a folder, found the file {location}{hint}")


def _of_folder(root: Root) -> dict[str, Any]:
    files, folders = root.listing("")
    for look in (voc, cityscapes, davis, sav_folders, roboflow, sav, sa1b):
        found = look(root, files, folders)
        if found is not None:
            return found
    annotated = _annotation_files(root, files, folders)
    if len(annotated) == 1:
        return _of_json(root, annotated[0])
    if annotated:
        raise BadInput(f"{root.url} holds several annotation files, give one of them: {', '.join(annotated)}")
    own_name = posixpath.basename(root.base)
    scans = [folder for folder in folders if root.is_file(f"{folder}/{folder}.mp4")]
    own_scan = {f"{own_name}.jsonl", f"{own_name}.mp4"} <= set(files)
    if own_scan or any(root.is_file(f"{scan}/{scan}.jsonl") for scan in scans):
        return {"layout": "multiscan"}
    if any(root.is_folder(posixpath.join(folder, "outputs/color")) for folder in ("", *folders)):
        return {"layout": "multiscan_decoded"}
    if any(_is_posed(root, folder) for folder in ("", *folders)):
        return {"layout": "hololens_rgbd"}
    if "JPEGImages" in folders:
        return {"layout": "davis"}
    if any(is_video(file) for file in files):
        return {"layout": "video"}
    if any(is_picture(file) for file in files) or any(pictures_in(root, folder)[0] for folder in folders):
        return {"layout": "folder"}
    found = class_maps(root, files, folders)
    if found is not None:
        return found
    raise BadInput(
        "expected pictures, videos, folders of pictures, JPEGImages, leftImg8bit, a COCO or YTVIS JSON, MultiScan "
        f"scans, SA-1B, SA-V, or label pictures as a dataset of configs/datasets describes them in {root.url}, found "
        f"{len(files)} other files and {len(folders)} folders without any"
    )


def _is_posed(root: Root, folder: str) -> bool:
    names = [posixpath.join(folder, name) for name in ("images", "K.txt", "poses.txt")]
    return root.is_folder(names[0]) and all(root.is_file(name) for name in names[1:])


def _annotation_files(root: Root, files: list[str], folders: list[str]) -> list[str]:
    """JSON files here or in annotations/ that are COCO's or YTVIS's."""
    names = [name for name in files if name.endswith(".json")]
    if "annotations" in folders:
        names += [f"annotations/{name}" for name in root.listing("annotations")[0] if name.endswith(".json")]
    if len(names) > _MANY_JSON:
        return []
    found = []
    for name in names:
        try:
            document = read_json(root, name)
        except SegassetsError:  # some other JSON
            continue
        if "annotations" in document and ("images" in document or "videos" in document):
            found.append(name)
    return found


def _of_json(root: Root, name: str) -> dict[str, Any]:
    """COCO, COCO-video or YTVIS by what the file holds; the pictures are looked for around it."""
    document = read_json(root, name)
    layout = "ytvis" if "videos" in document else "coco"
    entries = document.get("videos") or document.get("images") or []
    if not entries:
        raise BadInput(
            f"{root.location(name)}: expected images or videos in it, found keys {', '.join(document)}"
        )
    first = entries[0].get("file_names", [None])[0] if layout == "ytvis" else entries[0].get("file_name")
    if layout == "coco" and {"video_id", "order_in_video"} <= set(entries[0]):
        layout = "coco_video"
    places = [(root, name)]
    here = posixpath.basename(root.base)
    if here == "annotations":  # COCO's own habit: annotations/ beside the folders of pictures
        places.append((Root(posixpath.dirname(root.location().rstrip("/"))), f"{here}/{name}"))
    for base, inside in places:
        pictures = _folder_with(base, str(first))
        if pictures is not None:
            options = {"annotations": inside, "pictures": pictures}
            return {"layout": layout, "root": base.location(), "options": options}
    raise BadInput(
        f"{root.location(name)}: its first picture {first!r} is not in the folders around the file"
    )


def _folder_with(root: Root, file_name: str) -> str | None:
    """The folder, at most two levels down, that `file_name` is relative to."""
    level = [""]
    for _ in range(3):
        for folder in level:
            if root.is_file(posixpath.join(folder, file_name)):
                return folder
        level = [posixpath.join(folder, inner) for folder in level for inner in root.listing(folder)[1]]
    return None
