"""One COCO JSON of mask tables: compressed RLE, and the video fields (video_id, order_in_video, track_id)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from segassets.exports.source import MASK_ASSETS, ExportSource, categories_of, levels_of
from segassets.storage import atomic
from segassets.strict import StrictModel


class CocoOptions(StrictModel):
    """Options of the coco export."""

    asset: str = Field("sam2_tracks", description=f"Which masks: {', '.join(MASK_ASSETS)}.")
    levels: list[int] | None = Field(None, description="Levels to write; empty for all.")
    file_name: str = Field(
        "annotations.json", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.json$", description="Name."
    )


def write_coco(sources: Sequence[ExportSource], folder: Path, options: CocoOptions) -> dict[str, Any]:
    """Write the JSON; returns {"images", "annotations", "categories"}.

    A video is a scene. Image, annotation and video ids count from 1: evaluators take 0 for "unmatched". A
    mask without a category gets a category of its own, named "object".
    """
    categories = categories_of(sources)
    none_id = max(categories, default=0) + 1
    videos: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for source in sources:
        videos.append({"id": len(videos) + 1, "name": source.scene, "length": source.frames.num_rows})
        first = len(images) + 1
        images += _images(source, first, len(videos))
        annotations += _annotations(source, options, len(annotations) + 1, first, none_id)
    if any(item["category_id"] == none_id for item in annotations):
        categories[none_id] = "object"
    document = {
        "info": {"description": f"segassets {options.asset}", "scenes": [source.scene for source in sources]},
        "licenses": [],
        "videos": videos,
        "images": images,
        "annotations": annotations,
        "categories": [{"id": key, "name": name} for key, name in sorted(categories.items())],
    }
    atomic.write_text(folder / options.file_name, json.dumps(document, separators=(",", ":")))
    return {"images": len(images), "annotations": len(annotations), "categories": len(categories)}


def _images(source: ExportSource, first_id: int, video_id: int) -> list[dict[str, Any]]:
    return [
        {
            "id": first_id + order,
            "file_name": row["uri"],
            "height": row["height"],
            "width": row["width"],
            "video_id": video_id,
            "order_in_video": order,
            "source_frame": row["source_frame"],
        }
        for order, row in enumerate(source.frame_rows)
    ]


def _annotations(
    source: ExportSource, options: CocoOptions, first_id: int, first_image: int, none_id: int
) -> list[dict[str, Any]]:
    masks = source.masks(options.asset)
    chosen = set(options.levels if options.levels is not None else levels_of(masks))
    order = {row["frame"]: at for at, row in enumerate(source.frame_rows)}
    rows = (row for row in masks.to_pylist() if row["level"] in chosen)
    return [
        {
            "id": first_id + at,
            "image_id": first_image + order[row["frame"]],
            "category_id": none_id if row["category_id"] < 0 else row["category_id"],
            "segmentation": {"size": [row["height"], row["width"]], "counts": row["rle_counts"]},
            "area": row["area"],
            "bbox": row["bbox_xywh"],
            "iscrowd": int(row["source"] == "annotation_crowd"),
            "track_id": row["track_id"],
            "mask_id": row["mask_id"],
            "parent_id": row["parent_id"],
            "level": row["level"],
            "score": row["score"],
        }
        for at, row in enumerate(rows)
    ]
