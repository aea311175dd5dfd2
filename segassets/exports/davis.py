"""PNG annotations as video segmentation tools read them: DAVIS palettes, or SA-V's folder per object.

    Annotations/<scene>/00000.png          palette PNG, index = object (layout "palette")
    Annotations/<scene>/001/00000.png      black and white PNG of one object (layout "per_object")
    JPEGImages/<scene>/00000.jpg           the pictures, linked or written
    ImageSets/all.txt                      the names of the scenes
    ImageSets/sam2.txt                     the same for sam2's readers, which cut a name at its last dot
    objects/<scene>.json                   which index is which track

A palette picture holds one object per pixel. Where masks overlap, the one on top is chosen by the option
`on_top`. Every frame of the scene has its picture, a black one when nothing is there. With per_object a
file is missing where its object is.
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
from segassets.exports.jpegs import SAM2_LIST, write_jpegs
from segassets.exports.source import MASK_ASSETS, ExportSource, by_frame, levels_of, of_level
from segassets.masks import rle
from segassets.media.pictures import write_png
from segassets.storage import atomic
from segassets.strict import StrictModel

MAX_OBJECTS = 255


class DavisOptions(StrictModel):
    """Options of the davis export."""

    asset: str = Field("sam2_tracks", description=f"Which masks: {', '.join(MASK_ASSETS)}.")
    level: int | None = Field(None, description="The level to write; empty for the coarsest that occurs.")
    layout: Literal["palette", "per_object"] = Field(
        "palette", description="One palette PNG per frame, or a folder per object (more than 255 objects)."
    )
    on_top: Literal["score", "small", "last"] = Field(
        "score", description="Which mask wins a pixel: the higher score, the smaller area, or the later id."
    )
    names: Literal["frame", "source_frame"] = Field(
        "frame", description="Number files by position in the selection, or in the whole footage."
    )
    pictures: Literal["none", "link", "write"] = Field(
        "none", description="JPEGImages: leave out, link local JPEG files (write the others), or write all."
    )


def write_davis(sources: Sequence[ExportSource], folder: Path, options: DavisOptions) -> dict[str, Any]:
    """Write all scenes; returns {"objects", "pictures"}."""
    totals = {"objects": 0, "pictures": 0}
    for source in sources:
        masks = source.masks(options.asset)
        levels = levels_of(masks)
        level = options.level if options.level is not None else (levels[0] if levels else 2)
        numbered = _number(of_level(masks, level), source, options)
        write = _write_palette if options.layout == "palette" else _write_per_object
        totals["pictures"] += write(source, numbered, folder / "Annotations" / source.scene, options)
        totals["objects"] += len(numbered.objects)
        record = {"scene": source.scene, "level": level, "objects": numbered.objects}
        _write_text(folder / "objects" / f"{source.scene}.json", json.dumps(record, indent=1))
        if options.pictures != "none":
            link = options.pictures == "link"
            write_jpegs(source, folder / "JPEGImages" / source.scene, names=options.names, link=link)
    _write_text(folder / "ImageSets" / "all.txt", "".join(f"{source.scene}\n" for source in sources))
    _write_text(folder / "ImageSets" / SAM2_LIST, "".join(f"{source.scene}.mp4\n" for source in sources))
    return totals


class _Numbered:
    """Masks of one level, by frame, with the index of their object."""

    def __init__(
        self, frames: dict[int, pa.Table], index: dict[int, int], objects: list[dict[str, Any]]
    ) -> None:
        self.frames, self.index, self.objects = frames, index, objects

    def on(self, frame: int) -> list[dict[str, Any]]:
        """Rows of a frame with the `index` of their object, or their place in the picture."""
        rows = self.frames[frame].to_pylist() if frame in self.frames else []
        for place, row in enumerate(rows, start=1):
            row["index"] = self.index.get(row["track_id"], place)
        return rows


def _number(masks: pa.Table, source: ExportSource, options: DavisOptions) -> _Numbered:
    """Indices 1.. in order of track_id; without identities, 1.. in each picture."""
    frames = by_frame(masks)
    tracks = sorted(set(masks.column("track_id").to_pylist()))
    if 0 in tracks:
        tracks, most = [], max((table.num_rows for table in frames.values()), default=0)
    else:
        most = len(tracks)
    if most > MAX_OBJECTS and options.layout == "palette":
        raise BadInput(
            f"scene {source.scene}: a palette picture holds at most {MAX_OBJECTS} objects, found {most}; "
            "choose a coarser level, or export with layout=per_object"
        )
    columns = (masks.column(name).to_pylist() for name in ("track_id", "category_id"))
    category = dict(zip(*columns, strict=True))
    objects = [
        {"index": index, "track_id": track, "category_id": category[track]}
        for index, track in enumerate(tracks, start=1)
    ]
    return _Numbered(frames, {item["track_id"]: item["index"] for item in objects}, objects)


def _write_palette(source: ExportSource, numbered: _Numbered, folder: Path, options: DavisOptions) -> int:
    folder.mkdir(parents=True)
    for frame in source.frame_rows:
        labels = np.zeros((frame["height"], frame["width"]), np.uint8)
        for row in sorted(numbered.on(frame["frame"]), key=_UPWARD[options.on_top]):
            labels[rle.decode(row["rle_counts"], row["height"], row["width"])] = row["index"]
        write_png(folder / f"{frame[options.names]:05d}.png", labels, palette=True)
    return source.frames.num_rows


_UPWARD = {  # sort keys from the bottom to the top
    "score": lambda row: (row["score"] if row["score"] is not None else -1.0, row["index"]),
    "small": lambda row: (-row["area"], row["index"]),
    "last": lambda row: row["index"],
}


def _write_per_object(source: ExportSource, numbered: _Numbered, folder: Path, options: DavisOptions) -> int:
    folder.mkdir(parents=True)
    written = 0
    for frame in source.frame_rows:
        for row in numbered.on(frame["frame"]):
            mask = rle.decode(row["rle_counts"], row["height"], row["width"])
            own = folder / f"{row['index']:03d}"
            own.mkdir(exist_ok=True)
            write_png(own / f"{frame[options.names]:05d}.png", mask.astype(np.uint8) * 255)
            written += 1
    return written


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, text)
