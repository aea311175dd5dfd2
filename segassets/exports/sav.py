"""SA-V's JSON of masklets, as sam2's training reads it (JSONRawDataset).

    JPEGImages/<scene>/00000.jpg           the pictures, linked or written, numbered from 0
    annotations/<scene>_manual.json        masklet[frame][object] as compressed RLE, and SA-V's facts of each object
    videos.txt                             the scenes for `file_list_txt`, with an ending for sam2 to cut off

Every frame has an entry for every object; where it is absent the RLE is empty, never null: the reader drops a whole
frame for one null. Only a frame that nobody annotated is null as a whole, and so left out by the reader.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from segassets.errors import BadInput
from segassets.exports.jpegs import write_jpegs
from segassets.exports.source import MASK_ASSETS, ExportSource, of_level
from segassets.masks import rle
from segassets.storage import atomic
from segassets.strict import StrictModel

_MEDIUM_PX, _LARGE_PX = 32**2, 96**2  # SA-V's buckets of the mean area


class SavOptions(StrictModel):
    """Options of the sav export."""

    asset: str = Field("sam2_tracks", description=f"Which masks: {', '.join(MASK_ASSETS)}.")
    level: int | None = Field(None, description="The level to write; empty for all that occur.")
    kind: Literal["manual", "auto"] = Field(
        "manual",
        description="Name of the file and type of the masklets; sam2's training reads manual ones only.",
    )
    pictures: Literal["none", "link", "write"] = Field(
        "link", description="JPEGImages: leave out, link local JPEG files (write the others), or write all."
    )


def write_sav(sources: Sequence[ExportSource], folder: Path, options: SavOptions) -> dict[str, Any]:
    """Write all scenes; returns {"objects", "object_frames"}: masklets, and the frames they are visible on."""
    totals = {"objects": 0, "object_frames": 0}
    (folder / "annotations").mkdir()
    for source in sources:
        masks = source.masks(options.asset)
        if options.level is not None:
            masks = of_level(masks, options.level)
        document = _document(source, masks, options)
        totals["objects"] += document["masklet_num"]
        totals["object_frames"] += masks.num_rows
        path = folder / "annotations" / f"{source.scene}_{options.kind}.json"
        atomic.write_text(path, json.dumps(document, separators=(",", ":")))
        if options.pictures != "none":
            write_jpegs(source, folder / "JPEGImages" / source.scene, link=options.pictures == "link")
    atomic.write_text(folder / "videos.txt", "".join(f"{source.scene}.mp4\n" for source in sources))
    return totals


def _document(source: ExportSource, masks: pa.Table, options: SavOptions) -> dict[str, Any]:
    height, width = _size(source)
    rows = masks.select(["frame", "track_id", "level", "category_id", "rle_counts"]).to_pylist()
    tracks = sorted({row["track_id"] for row in rows})
    _refuse_unusable(source, tracks, options)
    areas = np.zeros((source.frames.num_rows, len(tracks)), np.int64)
    place = {track: at for at, track in enumerate(tracks)}
    empty = rle.encode(np.zeros((height, width), bool))
    counts = [[empty] * len(tracks) for _ in range(source.frames.num_rows)]
    for (frame, track), texts in _grouped(rows).items():
        counts[frame][place[track]] = texts[0] if len(texts) == 1 else rle.union(texts, height, width)
    for frame, texts in enumerate(counts):
        areas[frame] = rle.areas(texts, height, width)
    annotated = source.frames.column("annotated").to_pylist() if options.asset == "coco_masks" else None
    masklet = [
        None
        if annotated and not annotated[frame]
        else [{"size": [height, width], "counts": text} for text in texts]
        for frame, texts in enumerate(counts)
    ]
    return {
        **_video_facts(source, height, width),
        **_object_facts(areas, height * width, rows, tracks, options),
        "masklet": masklet,
    }


def _grouped(rows: list[dict[str, Any]]) -> dict[tuple[int, int], list[str]]:
    """RLE counts by frame and track: one, or several where annotations give an object in parts."""
    groups: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        groups.setdefault((row["frame"], row["track_id"]), []).append(row["rle_counts"])
    return groups


def _size(source: ExportSource) -> tuple[int, int]:
    sizes = {(row["height"], row["width"]) for row in source.frame_rows}
    if len(sizes) != 1:
        raise BadInput(
            f"scene {source.scene}: expected frames of one size, found {len(sizes)} sizes; SA-V holds videos, an "
            "image set goes out with: segassets convert sa1b"
        )
    return sizes.pop()


def _refuse_unusable(source: ExportSource, tracks: list[int], options: SavOptions) -> None:
    if 0 in tracks:
        raise BadInput(
            f"scene {source.scene}: masks of {options.asset} have no identity through time; export sam2_tracks, or "
            "annotations of a video"
        )
    if not tracks:
        raise BadInput(
            f"scene {source.scene}: {options.asset} has no masks"
            f"{'' if options.level is None else f' of level {options.level}'}; sam2 cannot sample a video without any"
        )


def _video_facts(source: ExportSource, height: int, width: int) -> dict[str, Any]:
    times = [row["timestamp_s"] for row in source.frame_rows]
    known = times[0] is not None and times[-1] is not None
    return {
        "video_id": source.scene,
        "video_duration": float(times[-1] - times[0]) if known else None,
        "video_frame_count": float(len(times)),
        "video_height": float(height),
        "video_width": float(width),
        "video_resolution": float(height * width),
        "video_environment": None,
        "video_split": "train",
    }


def _object_facts(
    areas: np.ndarray, pixels: int, rows: list[dict[str, Any]], tracks: list[int], options: SavOptions
) -> dict[str, Any]:
    """SA-V's lists with an entry per object; areas (T, N) are 0 where it is absent, pixels is the frame's."""
    visible = areas > 0
    mean = areas.sum(0) / np.maximum(visible.sum(0), 1)
    firsts = {row["track_id"]: row for row in reversed(rows)}
    bucket = np.where(mean < _MEDIUM_PX, "small", np.where(mean < _LARGE_PX, "medium", "large"))
    return {
        "masklet_num": len(tracks),
        "masklet_id": list(range(len(tracks))),
        "masklet_type": [options.kind] * len(tracks),
        "masklet_size_abs": mean.tolist(),
        "masklet_size_rel": (mean / pixels).tolist(),
        "masklet_size_bucket": bucket.tolist(),
        "masklet_visibility_changes": (visible[1:] != visible[:-1]).sum(0).tolist(),
        "masklet_first_appeared_frame": visible.argmax(0).tolist(),
        "masklet_frame_count": [len(areas)] * len(tracks),
        "masklet_edited_frame_count": [0] * len(tracks),
        "track_id": tracks,
        "level": [firsts[track]["level"] for track in tracks],
        "category_id": [firsts[track]["category_id"] for track in tracks],
    }
