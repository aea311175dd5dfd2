"""COCO image sets (Roboflow's export, or any) to SA-1B: a picture and its own JSON side by side.

    <output>/train/plan_jpg_000000.jpg      the picture, linked
    <output>/train/plan_jpg_000000.json     {"image": {...}, "annotations": [...]}, masks as compressed RLE
    <output>/convert.json                   which picture became which, counts, what was left out

sam2's SA1BRawDataset takes a file's name up to its first dot, wants it to end in `_<integer>`, and reads only `*.jpg`.
So names lose their dots and get the picture's number: `plan_jpg.rf.3f2a.jpg` of image 0 becomes `plan_jpg_000000.jpg`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from segassets.datasets.files import relative_name
from segassets.errors import BadInput, MissingInput
from segassets.exports.convert.coco_file import CocoFile, join_categories, read_coco, write_json
from segassets.exports.convert.folders import write_folder
from segassets.exports.convert.pictures import Placing, is_jpeg, place, write_jpeg
from segassets.exports.convert.splits import find_splits, split_images
from segassets.masks import rle
from segassets.media.pictures import picture_size
from segassets.strict import StrictModel

ROBOFLOW = "_annotations.coco.json"


class Sa1bOptions(StrictModel):
    """Options of the conversion to SA-1B."""

    annotations: str = Field(ROBOFLOW, description="Name of the COCO file in each split's folder.")
    fractions: tuple[float, float, float] | None = Field(
        None, description="Shares of train, valid and test, for a folder that is not split."
    )
    seed: int = Field(0, description="Seed of that split.")
    names: Literal["stem", "sa"] = Field(
        "stem", description="Name files <stem>_<number>, or sa_<number> as SA-1B does."
    )
    pictures: Placing = Field(
        "auto", description="How JPEG pictures get there: a hard link where possible, else a symbolic link."
    )
    others: Literal["jpeg", "refuse"] = Field(
        "jpeg", description="Pictures that are not JPEG: write them as JPEG, or refuse them."
    )
    empty: Literal["skip", "keep"] = Field(
        "skip", description="Pictures without masks: leave out and count (sam2 cannot sample them), or keep."
    )


@dataclass
class _Split:
    """What was written of a split; `names` gives the new name of each picture."""

    images: int = 0
    annotations: int = 0
    empty_masks: int = 0
    names: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    pictures: Counter = field(default_factory=Counter)


def coco_to_sa1b(input_dir: Path, output_dir: Path, options: Sa1bOptions | None = None) -> dict[str, Any]:
    """Convert a folder of splits (train, valid, test), or one folder.

    Returns:
        What `convert.json` holds: categories, and by split images, annotations, names, left_out (pictures without
        masks), empty_masks (annotations without a pixel), pictures (how they got there).

    Raises:
        MissingInput: no annotations or a picture is not there.
        BadInput: an annotation cannot be used, categories differ between the splits, sizes differ; names the file.
    """
    options = options or Sa1bOptions()
    folders = find_splits(input_dir, options.annotations)
    files = {name: read_coco(folder / options.annotations) for name, folder in folders.items()}
    categories = join_categories(files.values())
    jobs = {name: (file, list(file.images.values())) for name, file in files.items()}
    if options.fractions is not None:
        jobs = split_images(jobs, options.fractions, options.seed)

    def write(folder: Path) -> dict[str, Any]:
        splits = {}
        for name, (file, images) in jobs.items():
            splits[name or "all"] = vars(_write_split(file, images, folder / name, options))
        return {
            "source": str(input_dir.expanduser().absolute()),
            "options": options.model_dump(mode="json"),
            "categories": categories,
            "splits": splits,
        }

    return write_folder(output_dir, "sa1b", write)


def _write_split(
    file: CocoFile, images: Iterable[dict[str, Any]], folder: Path, options: Sa1bOptions
) -> _Split:
    folder.mkdir(exist_ok=True)
    done = _Split()
    numbers: dict[int, str] = {}
    for place_in_list, image in enumerate(images):
        name = relative_name(str(image.get("file_name")), f"{file.path}: image {image['id']}")
        annotations = _annotations(file, image)
        done.empty_masks += len(file.by_image[image["id"]]) - len(annotations)
        if not annotations and options.empty == "skip":
            done.left_out.append(name)
            continue
        number = image["id"] if type(image["id"]) is int and image["id"] >= 0 else place_in_list
        if number in numbers:
            raise BadInput(
                f"{file.path}: images {numbers[number]} and {name} would both have number {number}; give all images "
                "integer ids"
            )
        numbers[number] = name
        stem = f"sa_{number}" if options.names == "sa" else f"{_stem(name)}_{number:06d}"
        done.pictures[_place(file, image, name, folder / f"{stem}.jpg", options)] += 1
        record = {"image": _image_record(file, image, number, f"{stem}.jpg"), "annotations": annotations}
        write_json(folder / f"{stem}.json", record)
        done.names[name] = f"{stem}.jpg"
        done.images += 1
        done.annotations += len(annotations)
    return done


def _stem(name: str) -> str:
    """The name up to Roboflow's hash, without folders and dots."""
    base = name.rsplit("/", 1)[-1]
    base = re.split(r"\.rf\.", base)[0] if ".rf." in base else base.rsplit(".", 1)[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "_", base).strip("_") or "picture"


def _image_record(file: CocoFile, image: dict[str, Any], number: int, name: str) -> dict[str, Any]:
    height, width = file.size_of(image)
    return {"image_id": number, "width": width, "height": height, "file_name": name}


def _place(file: CocoFile, image: dict[str, Any], name: str, target: Path, options: Sa1bOptions) -> str:
    """Picture `name` to `target`, its size checked; returns how."""
    source = file.path.parent / name
    if not source.is_file():
        raise MissingInput(f"{file.path}: image {image['id']}: no picture at {source}")
    size = file.size_of(image)
    if (found := picture_size(source)) != size:
        raise BadInput(
            f"{file.path}: image {image['id']}: expected {source.name} of {size[0]} x {size[1]} (height x width), "
            f"found {found[0]} x {found[1]}; the masks would not fit"
        )
    if is_jpeg(source):
        return place(source, target, options.pictures)
    if options.others == "refuse":
        raise BadInput(
            f"{source}: expected a JPEG, all that sam2 reads in an SA-1B folder; convert it, or choose --others jpeg"
        )
    write_jpeg(source, target)
    return "jpeg"


def _annotations(file: CocoFile, image: dict[str, Any]) -> list[dict[str, Any]]:
    """SA-1B's records of a picture's masks; those without a pixel are left out (sam2 leaves them out too)."""
    height, width = file.size_of(image)
    counts = file.counts(image)
    areas, boxes = rle.areas_and_boxes(counts, height, width)
    return [
        {
            "id": item["id"],
            "bbox": [float(side) for side in box],
            "area": int(area),
            "segmentation": {"size": [height, width], "counts": text},
            "predicted_iou": 1.0,
            "stability_score": 1.0,
            "crop_box": [0.0, 0.0, float(width), float(height)],
            "point_coords": [_inside(text, height, width, box)],
            "category_id": item["category_id"],
        }
        for item, text, area, box in zip(file.by_image[image["id"]], counts, areas, boxes, strict=True)
        if area > 0
    ]


def _inside(counts: str, height: int, width: int, box_xywh: np.ndarray) -> list[float]:
    """[x, y] of the pixel deepest inside the mask."""
    from scipy.ndimage import distance_transform_edt

    x, y, w, h = (int(side) for side in box_xywh)
    crop = np.pad(rle.decode(counts, height, width)[y : y + h, x : x + w], 1)
    row, column = np.unravel_index(int(distance_transform_edt(crop).argmax()), crop.shape)
    return [float(x + column - 1), float(y + row - 1)]
