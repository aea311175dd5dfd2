"""What a training set looks like from outside: one function per layout, giving layout and options, or None.

Sets of class maps are known by the datasets of configs/datasets/: a folder that fits the patterns of one of them is
read as that one is.
"""

from __future__ import annotations

import posixpath
from typing import Any

from segassets.datasets.class_maps import ClassMapsOptions
from segassets.datasets.config import list_datasets, load_dataset
from segassets.datasets.files import Root
from segassets.datasets.footage import pictures_in, stem_of
from segassets.datasets.json_files import read_json
from segassets.datasets.label_table import load_label_table, table_of_json
from segassets.datasets.name_patterns import FRAME, find
from segassets.errors import SegassetsError
from segassets.media.video import is_video
from segassets.strict import parse

Found = dict[str, Any] | None

_SPLITS = ("train", "valid", "val", "test")
_VOC_MAPS = {
    "objects": ("SegmentationObject", "SegmentationObjectPNG"),
    "classes": ("SegmentationClass", "SegmentationClassPNG"),
}
_VOC_SET = "Segmentation/trainval"  # the pictures with masks; VOC has many times as many
_FILES = ("_annotations.coco.json", "annotations.json")


def davis(root: Root, files: list[str], folders: list[str]) -> Found:
    """Pictures and label maps in two trees of sequences."""
    return {"layout": "davis"} if {"JPEGImages", "Annotations"} <= set(folders) else None


def sav_folders(root: Root, files: list[str], folders: list[str]) -> Found:
    """SA-V's val and test sets."""
    names = {"pictures": "JPEGImages_24fps", "annotations": "Annotations_6fps"}
    return {"layout": "davis", "options": names} if set(names.values()) <= set(folders) else None


def voc(root: Root, files: list[str], folders: list[str]) -> Found:
    """Pascal VOC: JPEGImages beside maps of instances or classes (labelme's names too), or beside XML files."""
    if "JPEGImages" not in folders:
        return None
    options = {}
    for option, names in _VOC_MAPS.items():
        there = [name for name in names if name in folders]
        if there and there[0] != names[0]:
            options[option] = there[0]
    boxes = "Annotations" in folders and any(name.endswith(".xml") for name in root.listing("Annotations")[0])
    if not boxes and not any(name in folders for names in _VOC_MAPS.values() for name in names):
        return None
    if "class_names.txt" in files:
        options["class_names"] = "class_names.txt"
    if root.is_file(f"ImageSets/{_VOC_SET}.txt"):
        options["picture_set"] = _VOC_SET
    return {"layout": "voc", "options": options}


def cityscapes(root: Root, files: list[str], folders: list[str]) -> Found:
    """leftImg8bit, with gtFine or gtCoarse beside it."""
    if "leftImg8bit" not in folders:
        return None
    coarse = "gtFine" not in folders and "gtCoarse" in folders
    return {"layout": "cityscapes", "options": {"annotations": "gtCoarse"} if coarse else {}}


def roboflow(root: Root, files: list[str], folders: list[str]) -> Found:
    """A COCO file of one name among the pictures of each split, or Roboflow's own name anywhere."""
    if _FILES[0] in files:
        return {"layout": "roboflow"}
    for name in _FILES:
        if any(root.is_file(f"{split}/{name}") for split in _SPLITS if split in folders):
            return {"layout": "roboflow", "options": {} if name == _FILES[0] else {"file": name}}
    return None


def sav(root: Root, files: list[str], folders: list[str]) -> Found:
    """Videos, or folders of pictures, with `_manual.json` or `_auto.json` of their names."""
    notes = {
        f"{stem_of(name)}_{kind}.json" for name in files if is_video(name) for kind in ("manual", "auto")
    }
    if notes & set(files):
        return {"layout": "sav"}
    if {"JPEGImages", "annotations"} <= set(folders):  # as the export `sav` writes
        inside = set(root.listing("annotations")[0])
        names = root.listing("JPEGImages")[1]
        if any(f"{name}_{kind}.json" in inside for name in names for kind in ("manual", "auto")):
            return {"layout": "sav", "options": {"videos": "JPEGImages", "annotations": "annotations"}}
    return None


def sa1b(root: Root, files: list[str], folders: list[str]) -> Found:
    """A JSON with `image` and `annotations` beside the first picture that has one, here or in a folder."""
    for folder in ("", *folders):
        inside = set(files if not folder else root.listing(folder)[0])
        for picture in pictures_in(root, folder)[0] if any(name.endswith(".json") for name in inside) else ():
            stem = stem_of(picture)
            for note in (f"{stem}.json", f"{stem.partition('.')[0]}.json"):
                if note in inside:
                    return {"layout": "sa1b"} if _is_sa1b(root, posixpath.join(folder, note)) else None
    return None


def _is_sa1b(root: Root, name: str) -> bool:
    try:
        document = read_json(root, name)
    except SegassetsError:  # some other JSON
        return False
    return isinstance(document.get("image"), dict) and isinstance(document.get("annotations"), list)


def class_maps(root: Root, files: list[str], folders: list[str]) -> Found:
    """A set that fits the patterns of a configured dataset; a `labels.json` beside colours is its label table."""
    for name in list_datasets():
        try:
            config = load_dataset(name)
            if config.layout != "class_maps":
                continue
            options = parse(ClassMapsOptions, config.options, name)
            if options.labels is None or not _fits(root, options.pictures, options.labels):
                continue
            found = dict(config.options)
            table = load_label_table(options.table) if isinstance(options.table, str) else options.table
            if table is not None and table.in_colour and "labels.json" in files:
                own = table_of_json(root.read("labels.json"), root.location("labels.json"))
                found["table"] = own.model_dump(exclude_defaults=True, mode="json")
        except SegassetsError:  # a dataset of another kind, or one in trouble, does not hide the others
            continue
        return {"layout": "class_maps", "options": found}
    return None


def _fits(root: Root, pictures: str, labels: str) -> bool:
    for bound, _ in find(root, pictures):
        bound.pop(FRAME)
        return any(True for _ in find(root, labels, bound))
    return False
