"""Small footage to cut clips from: datasets on disk, and scenes made of a table alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from segassets.learning.clip_config import ClipData
from segassets.learning.clip_scenes import TrainingScene
from segassets.learning.clips import ClipIndex
from segassets.masks import rle
from segassets.masks.schemas import FRAMES

HEIGHT, WIDTH = 36, 60


def square(number: int, frame: int, size_hw: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Mask of an object: a square of 8 px that moves to the right, one row of squares per object."""
    mask = np.zeros(size_hw, bool)
    top, left = (10 * (number - 1)) % (size_hw[0] - 8), (6 * number + 2 * frame) % (size_hw[1] - 8)
    mask[top : top + 8, left : left + 8] = True
    return mask


def picture(masks: Mapping[int, np.ndarray], size_hw: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Gray, each object in a gray of its own: 100 + 20 times its number."""
    rgb = np.full((*size_hw, 3), 60, np.uint8)
    for number, mask in masks.items():
        rgb[mask] = 100 + 20 * number
    return rgb


def table_scene(
    presence: Mapping[int, Sequence[int]],
    frames: int,
    key: str = "made.clip",
    taught: Sequence[int] | None = None,
    by_picture: bool = False,
    root: Path | None = None,
) -> TrainingScene:
    """A scene of objects on some frames; pictures are written where a root is given."""
    rows = sorted((frame, number) for number, at in presence.items() for frame in at)
    for frame in range(frames if root is not None else 0):
        masks = {number: square(number, frame) for at, number in rows if at == frame}
        Image.fromarray(picture(masks)).save(Path(root or "") / f"{frame:03d}.png")
    records = [
        {"scene": key, "frame": at, "source_frame": 10 + at, "uri": f"{at:03d}.png", "height": HEIGHT}
        | {"width": WIDTH, "annotated": True}
        for at in range(frames)
    ]
    return TrainingScene(
        key=key,
        frames=pa.Table.from_pylist(records, schema=FRAMES),
        root=str(root or "."),
        taught=np.array(range(frames) if taught is None else taught, np.int32),
        by_picture=by_picture,
        row_frame=np.array([frame for frame, _ in rows], np.int32),
        row_object=np.array([number for _, number in rows], np.int64),
        row_category=np.full(len(rows), -1, np.int32),
        counts=pa.array([rle.encode(square(number, frame)) for frame, number in rows], pa.string()),
        categories={},
    )


def index_of(*scenes: TrainingScene, **data: object) -> ClipIndex:
    """The clips of table scenes."""
    return ClipIndex(ClipData.model_validate({"dataset": "made", **data}), list(scenes))


def write_davis(folder: Path, sequences: Mapping[str, int], name: str = "toy", objects: int = 2) -> str:
    """Sequences with label maps; object 2 appears on the third frame. Returns the dataset's YAML."""
    for sequence, frames in sequences.items():
        for kind in ("JPEGImages", "Annotations"):
            (folder / kind / sequence).mkdir(parents=True)
        for frame in range(frames):
            masks = {n: square(n, frame) for n in range(1, objects + 1) if n != 2 or frame >= 2}
            labels = np.zeros((HEIGHT, WIDTH), np.uint8)
            for number, mask in masks.items():
                labels[mask] = number
            Image.fromarray(picture(masks)).save(folder / "JPEGImages" / sequence / f"{frame:05d}.png")
            Image.fromarray(labels).save(folder / "Annotations" / sequence / f"{frame:05d}.png")
    return write_config(folder, name, "davis")


def write_coco(
    folder: Path, name: str = "pictures", sizes: Sequence[tuple[int, int]] = ((36, 60), (50, 30))
) -> str:
    """Pictures of several sizes with two boxes of category 3 and one of category 0 each. Returns the YAML."""
    images, annotations = [], []
    for at, (height, width) in enumerate(sizes):
        masks = {number: square(number, at, (height, width)) for number in (1, 2, 3)}
        Image.fromarray(picture(masks, (height, width))).save(folder / f"{at}.png")
        images.append({"id": at, "file_name": f"{at}.png", "height": height, "width": width})
        for number, mask in masks.items():
            counts = {"size": [height, width], "counts": rle.encode(mask)}
            facts = {
                "id": 10 * at + number,
                "image_id": at,
                "category_id": 3 if number < 3 else 0,
                "iscrowd": 0,
            }
            annotations.append(facts | {"segmentation": counts})
    categories = [{"id": 0, "name": "box"}, {"id": 3, "name": "ball"}, {"id": 4, "name": "chair"}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(document))
    return write_config(folder, name, "coco", "options: {annotations: instances.json}")


def write_ytvis(folder: Path, name: str = "video", frames: int = 8) -> str:
    """One video: two tracks of category 3, one of category 0 that is absent from the first half."""
    (folder / "JPEGImages").mkdir()
    segmentations: dict[int, list] = {1: [], 2: [], 3: []}
    for frame in range(frames):
        masks = {number: square(number, frame) for number in (1, 2, 3) if number < 3 or frame >= frames // 2}
        Image.fromarray(picture(masks)).save(folder / "JPEGImages" / f"{frame}.png")
        for number, found in segmentations.items():
            mask = masks.get(number)
            counts = None if mask is None else {"size": [HEIGHT, WIDTH], "counts": rle.encode(mask)}
            found.append(counts)
    video = {"id": 1, "height": HEIGHT, "width": WIDTH, "file_names": [f"{at}.png" for at in range(frames)]}
    annotations = [
        {"id": number, "video_id": 1, "category_id": 3 if number < 3 else 0, "segmentations": found}
        for number, found in segmentations.items()
    ]
    categories = [{"id": 0, "name": "box"}, {"id": 3, "name": "ball"}, {"id": 4, "name": "chair"}]
    document = {"videos": [video], "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(document))
    return write_config(folder, name, "ytvis", "options: {annotations: instances.json}")


def write_config(folder: Path, name: str, layout: str, more: str = "") -> str:
    """The YAML of a dataset in the folder."""
    path = folder / f"{name}.yaml"
    path.write_text(f"layout: {layout}\nroot: {folder}\n{more}\n")
    return str(path)
