"""Miniatures of Pascal VOC and Cityscapes; every function returns what is in the files, picture -> label map (H, W)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from .made_shapes import SIZE_HW, picture, shapes, write_picture

VOC_CLASS_OF = np.array([0, 12, 15, 12], np.uint8)  # of instances 0 (background), 1, 2, 3: dog, person, dog
CITY_VALUE_OF = np.array([7, 26000, 26001, 24000], np.int32)  # road, two cars, a person

XML = """<annotation><size><width>{width}</width><height>{height}</height></size>
<object><name>dog</name><difficult>1</difficult>
<bndbox><xmin>5</xmin><ymin>3</ymin><xmax>14</xmax><ymax>12</ymax></bndbox></object></annotation>
"""


def write_palette(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels.astype(np.uint8), "L").convert("P")
    image.putdata(labels.reshape(-1).tolist())
    image.save(path)


def make_voc(root: Path, pictures: int = 3) -> dict[str, np.ndarray]:
    """Pictures 2007_000001.jpg, ...: the last has an XML file alone; instances have a void rim above them."""
    truth = {}
    for number in range(1, pictures + 1):
        stem = f"2007_{number:06d}"
        labels = shapes(number)
        write_picture(root / f"JPEGImages/{stem}.jpg", picture(labels, number))
        xml = root / f"Annotations/{stem}.xml"
        xml.parent.mkdir(exist_ok=True)
        xml.write_text(XML.format(height=SIZE_HW[0], width=SIZE_HW[1]))
        if number == pictures > 1:
            continue
        void = (labels == 0) & (np.roll(labels, -1, 0) > 0)
        write_palette(root / f"SegmentationObject/{stem}.png", np.where(void, 255, labels))
        write_palette(root / f"SegmentationClass/{stem}.png", np.where(void, 255, VOC_CLASS_OF[labels]))
        truth[stem] = labels
    return truth


def make_cityscapes(
    root: Path, pictures: int = 2, *, polygons: bool = True, ids: bool = True
) -> dict[str, np.ndarray]:
    """Pictures of val/ulm: rectangles of two cars (one half hidden), a person and a group of bicycles on a road."""
    truth = {}
    height, width = SIZE_HW
    boxes = [("car", 4, 10, 30, 30), ("car", 20, 20, 50, 40), ("person", 60, 5, 70, 45)]
    boxes += [("bicyclegroup", 5, 50, 40, 60), ("out of roi", 0, 0, 79, 3)]
    for number in range(pictures):
        stem = f"ulm_000000_{number:06d}"
        objects = [_rectangle("road", 0, 0, width - 1, height - 1), *(_rectangle(*box) for box in boxes)]
        values = np.full(SIZE_HW, 7, np.int32)
        for (_, left, top, right, bottom), value in zip(boxes, (26000, 26001, 24000, 33, 3), strict=True):
            values[top : bottom + 1, left : right + 1] = value
        write_picture(
            root / f"leftImg8bit/val/ulm/{stem}_leftImg8bit.png", picture(np.zeros(SIZE_HW, np.uint8))
        )
        folder = root / "gtFine/val/ulm"
        folder.mkdir(parents=True, exist_ok=True)
        if polygons:
            document = {"imgHeight": height, "imgWidth": width, "objects": objects}
            (folder / f"{stem}_gtFine_polygons.json").write_text(json.dumps(document))
        if ids:
            Image.fromarray(values.astype(np.uint16)).save(folder / f"{stem}_gtFine_instanceIds.png")
        truth[stem] = values
    return truth


def _rectangle(label: str, left: int, top: int, right: int, bottom: int) -> dict[str, object]:
    return {"label": label, "polygon": [[left, top], [right, top], [right, bottom], [left, bottom]]}
