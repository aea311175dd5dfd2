"""Miniatures of sets whose masks are in JSON: COCO-video, Roboflow, SA-1B, SA-V; and SA-V's folders of PNG.

Every function returns what is in the files: scene or picture name -> label maps (H, W), 0 background, 1.. objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segassets.masks import rle
from segassets.media.video import VideoWriter

from .made import write_json
from .made_shapes import SIZE_HW, picture, shapes, write_picture

Maps = dict[str, list[np.ndarray]]


def rle_of(mask: np.ndarray) -> dict[str, Any]:
    """COCO's compressed run lengths of a boolean mask (H, W)."""
    return {"size": list(mask.shape), "counts": rle.encode(mask)}


def measures(mask: np.ndarray) -> dict[str, Any]:
    """segmentation, area and bbox of an annotation."""
    area, box = rle.areas_and_boxes([rle.encode(mask)], *mask.shape)
    return {"segmentation": rle_of(mask), "area": int(area[0]), "bbox": [float(number) for number in box[0]]}


def make_coco_video(
    root: Path,
    videos: Mapping[str | int, int] | None = None,
    file_name: str = "train.json",
    objects: int = 3,
    size_hw: tuple[int, int] = SIZE_HW,
) -> Maps:
    """`train.json` beside `images/`: video ids text or numbers, all ids from 0, one annotation a (picture, category).

    The second frame of every video of more than two frames has no annotation. Label n is category n - 1.
    """
    videos = videos or {"seq_1": 6, "seq_2": 9}
    document: dict[str, list] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": at, "name": f"Tool_{at}"} for at in range(objects)],
    }
    truth: Maps = {}
    for video, frames in videos.items():
        truth[str(video)] = []
        for frame in range(frames):
            labels = shapes(frame, objects, size_hw) * np.uint8(not (frame == 1 and frames > 2))
            image = {
                "id": len(document["images"]),
                "file_name": f"{video}_frame{frame:03d}.png",
                "path": f"/elsewhere/images/{video}_frame{frame:03d}.png",
                "height": size_hw[0],
                "width": size_hw[1],
                "video_id": video,
                "order_in_video": frame,
                "is_det_keyframe": frame == 0,
            }
            document["images"].append(image)
            document["annotations"] += [
                {
                    "id": len(document["annotations"]) + at,
                    "image_id": image["id"],
                    "category_id": number - 1,
                    **measures(labels == number),
                    "iscrowd": 0,
                }
                for at, number in enumerate(np.unique(labels[labels > 0]).tolist())
            ]
            write_picture(root / "images" / image["file_name"], picture(labels, frame))
            truth[str(video)].append(labels)
    write_json(root / file_name, document)
    return truth


def make_roboflow(
    root: Path,
    splits: Mapping[str, int] | None = None,
    sizes_hw: Sequence[tuple[int, int]] = (SIZE_HW,),
    file_name: str = "_annotations.coco.json",
) -> Maps:
    """Splits of pictures with Roboflow's names, polygons (boxes of the shapes), and its category 0 that is none.

    Returned are maps of the polygons, by `<split>/<picture>`.
    """
    splits = splits or {"train": 4, "valid": 2, "test": 2}
    categories = [
        {"id": 0, "name": "rooms", "supercategory": "none"},
        {"id": 1, "name": "door", "supercategory": "rooms"},
        {"id": 2, "name": "wall", "supercategory": "rooms"},
    ]
    truth: Maps = {}
    for split, count in splits.items():
        document: dict[str, list] = {"images": [], "annotations": [], "categories": categories}
        for at in range(count):
            height, width = sizes_hw[at % len(sizes_hw)]
            name = f"plan_{at}_png.rf.{at:08x}c0ffee.jpg"
            labels = np.zeros((height, width), np.uint8)
            for number, (y, x) in enumerate([(height // 8, width // 8 + at), (height // 2, width // 3)], 1):
                labels[y : y + height // 4, x : x + width // 3] = number
                corners = [
                    [x, y],
                    [x + width // 3, y],
                    [x + width // 3, y + height // 4],
                    [x, y + height // 4],
                ]
                annotation = {
                    "id": len(document["annotations"]),
                    "image_id": at,
                    "category_id": number,
                    "segmentation": [[float(value) for corner in corners for value in corner]],
                    "bbox": [x, y, width // 3, height // 4],
                    "area": (width // 3) * (height // 4),
                    "iscrowd": 0,
                }
                document["annotations"].append(annotation)
            document["images"].append({"id": at, "file_name": name, "height": height, "width": width})
            write_picture(root / split / name, picture(labels, at))
            truth[f"{split}/{name}"] = [labels]
        write_json(root / split / file_name, document)
    return truth


def make_sa1b(root: Path, pictures: int = 3, size_hw: tuple[int, int] = SIZE_HW, first: int = 1) -> Maps:
    """`sa_<n>.jpg` beside `sa_<n>.json`."""
    truth: Maps = {}
    for at in range(first, first + pictures):
        labels = shapes(at, 3, size_hw)
        annotations = [
            {
                "id": 100 * at + number,
                **measures(labels == number),
                "predicted_iou": 0.9,
                "stability_score": 0.95,
                "crop_box": [0, 0, size_hw[1], size_hw[0]],
                "point_coords": [[1.0, 2.0]],
            }
            for number in np.unique(labels[labels > 0]).tolist()
        ]
        image = {"image_id": at, "file_name": f"sa_{at}.jpg", "height": size_hw[0], "width": size_hw[1]}
        write_picture(root / f"sa_{at}.jpg", picture(labels, at))
        write_json(root / f"sa_{at}.json", {"image": image, "annotations": annotations})
        truth[f"sa_{at}"] = [labels]
    return truth


def make_sav(
    root: Path,
    videos: Mapping[str, int] | None = None,
    every: int = 4,
    size_hw: tuple[int, int] = SIZE_HW,
    kind: str = "manual",
    objects: int = 3,
) -> Maps:
    """`<video>.mp4` of 24 frames a second and `<video>_manual.json` with masklets on every fourth frame.

    The last object is null where it is hidden. Returned are the annotated frames only.
    """
    videos = videos or {"sav_000001": 17, "sav_000002": 9}
    truth: Maps = {}
    for name, frames in videos.items():
        maps = [shapes(frame, objects, size_hw) for frame in range(frames)]
        with VideoWriter(root / f"{name}.mp4", fps=24, gop=6, crf=12) as writer:
            for frame, labels in enumerate(maps):
                writer.write(picture(labels, frame))
        truth[name] = maps[::every]
        write_json(root / f"{name}_{kind}.json", sav_document(name, truth[name], frames, kind, objects))
    return truth


def sav_document(
    name: str, annotated: Sequence[np.ndarray], frames: int, kind: str = "manual", objects: int = 3
) -> dict[str, Any]:
    """SA-V's JSON of one video from the label maps of its annotated frames."""
    height, width = annotated[0].shape
    masks = [[labels == number for number in range(1, objects + 1)] for labels in annotated]
    return {
        "video_id": name,
        "video_duration": frames / 24,
        "video_frame_count": float(frames),
        "video_height": float(height),
        "video_width": float(width),
        "video_resolution": float(height * width),
        "video_environment": "Indoor",
        "video_split": "train",
        "masklet": [[rle_of(mask) if mask.any() else None for mask in of_frame] for of_frame in masks],
        "masklet_id": list(range(objects)),
        "masklet_type": [kind] * objects,
        "masklet_frame_count": [sum(bool(of_frame[at].any()) for of_frame in masks) for at in range(objects)],
        "masklet_num": objects,
        "masklet_stability_score": [[0.5] * objects for _ in masks],
    }


def make_sav_folders(
    root: Path, videos: Mapping[str, int] | None = None, every: int = 4, size_hw: tuple[int, int] = SIZE_HW
) -> Maps:
    """SA-V val and test: JPEGImages_24fps/<video>/%05d.jpg, Annotations_6fps/<video>/<object>/%05d.png (0 or 255)."""
    videos = videos or {"sav_010001": 9, "sav_010002": 5}
    truth: Maps = {}
    for name, frames in videos.items():
        maps = [shapes(frame, 3, size_hw) for frame in range(frames)]
        truth[name] = maps[::every]
        for frame, labels in enumerate(maps):
            write_picture(root / "JPEGImages_24fps" / name / f"{frame:05d}.jpg", picture(labels, frame))
            for number in (1, 2, 3) if frame % every == 0 else ():
                path = root / "Annotations_6fps" / name / f"{number - 1:03d}" / f"{frame:05d}.png"
                write_picture(path, (labels == number).astype(np.uint8) * 255)
    return truth
