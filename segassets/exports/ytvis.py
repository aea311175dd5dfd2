"""YTVIS / LV-VIS JSON of tubes: annotations to learn from, or a list of results to be evaluated.

    videos       {id, name, file_names, height, width, length}
    annotations  {id, video_id, category_id, iscrowd, height, width, length, segmentations, bboxes, areas, score,
                 track_id}
    categories   {id, name}

Video and annotation ids count from 1: evaluators take 0 for "unmatched". Where a tube is absent its three lists hold
null (YTVIS); areas hold 0 there on demand, as WS-OVVIS's converter wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from segassets.errors import BadInput
from segassets.exports.jpegs import write_jpegs
from segassets.exports.source import MASK_ASSETS, ExportSource, categories_of
from segassets.masks import rle
from segassets.masks.tubes import Tubes, tubes_of_table
from segassets.storage import atomic
from segassets.strict import StrictModel

Absent = Literal["null", "zero"]
NO_CATEGORY = "object"


class YtvisOptions(StrictModel):
    """Options of the ytvis export."""

    asset: str = Field("sam2_tracks", description=f"Which masks: {', '.join(MASK_ASSETS)}.")
    levels: list[int] | None = Field(None, description="Levels to write; empty for all.")
    kind: Literal["annotations", "results"] = Field(
        "annotations",
        description="A document with videos and categories, or the bare list that evaluators read.",
    )
    categories: Literal["agnostic", "keep", "contiguous"] = Field(
        "agnostic",
        description="All tubes of the one category 1; or the footage's categories, as they are or numbered 1 to K "
        "in order of id, as LV-VIS's evaluator needs them (a tube without one gets 'object').",
    )
    absent_areas: Absent = Field("null", description="What areas hold where a tube is absent.")
    pictures: Literal["none", "link", "write"] = Field(
        "none", description="JPEGImages: leave out, link local JPEG files (write the others), or write all."
    )
    file_name: str = Field(
        "annotations.json", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.json$", description="Name."
    )


@dataclass
class YtvisDocument:
    """A document that grows video by video.

    Attributes:
        category_ids: category of a tube -> its id in the document; a tube of any other gets `none_id`.
    """

    category_ids: Mapping[int, int] = field(default_factory=dict)
    none_id: int = 1
    absent_areas: Absent = "null"
    videos: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, file_names: Sequence[str], tubes: Tubes, **more: Any) -> int:
        """Take in a video with its tubes (their frames are positions in `file_names`); returns its id.

        Raises:
            BadInput: a tube has a mask on a frame that is not there.
        """
        video_id, length = len(self.videos) + 1, len(file_names)
        shape = {"height": tubes.height, "width": tubes.width, "length": length}
        self.videos.append({"id": video_id, "name": name, "file_names": list(file_names), **shape, **more})
        for at, masks in enumerate(tubes.masks):
            if masks and not 0 <= min(masks) <= max(masks) < length:
                raise BadInput(
                    f"video {name}: expected masks on frames 0 to {length - 1}, found {max(masks)}"
                )
            self.annotations.append(
                {
                    "id": len(self.annotations) + 1,
                    "video_id": video_id,
                    "category_id": self.category_ids.get(int(tubes.categories[at]), self.none_id),
                    "iscrowd": int(tubes.crowd[at]),
                    **shape,
                    **self._lists(masks, tubes, length),
                    "score": float(tubes.scores[at]),
                    "track_id": int(tubes.ids[at]),
                }
            )
        return video_id

    def _lists(self, masks: Mapping[int, str], tubes: Tubes, length: int) -> dict[str, list[Any]]:
        lists: dict[str, list[Any]] = {name: [None] * length for name in ("segmentations", "bboxes", "areas")}
        if self.absent_areas == "zero":
            lists["areas"] = [0] * length
        areas, boxes = rle.areas_and_boxes(list(masks.values()), tubes.height, tubes.width)
        for (frame, counts), area, box in zip(masks.items(), areas, boxes, strict=True):
            if area:
                lists["segmentations"][frame] = {"size": [tubes.height, tubes.width], "counts": counts}
                lists["bboxes"][frame] = [float(side) for side in box]
                lists["areas"][frame] = int(area)
        return lists

    def document(self, categories: Mapping[int, str], **info: Any) -> dict[str, Any]:
        """The whole document; `info` is free text about it."""
        return {
            "info": info,
            "licenses": [],
            "videos": self.videos,
            "annotations": self.annotations,
            "categories": [{"id": key, "name": name} for key, name in sorted(categories.items())],
        }

    def results(self) -> list[dict[str, Any]]:
        """The tubes as evaluators read predictions; crowds are none."""
        names = ("video_id", "category_id", "score", "segmentations")
        return [{name: item[name] for name in names} for item in self.annotations if not item["iscrowd"]]


def write_ytvis(sources: Sequence[ExportSource], folder: Path, options: YtvisOptions) -> dict[str, Any]:
    """Write the JSON, and the pictures if asked for; returns {"videos", "annotations", "categories", "skipped"}.

    Pictures are `JPEGImages/<scene>/%05d.jpg`; without them file names say where the footage has them. Scenes that
    pseudo tubes were not made of are left out and named with their reasons in `skipped.json`.

    Raises:
        BadInput: a track has two masks on a frame, frames of several sizes, categories that contradict.
    """
    skipped = [record for source in sources if (record := source.skipped(options.asset))]
    sources = [source for source in sources if source.skipped(options.asset) is None]
    known = categories_of(sources) if options.categories != "agnostic" else {}
    ids = {key: at if options.categories == "contiguous" else key for at, key in enumerate(sorted(known), 1)}
    names = {ids[key]: name for key, name in known.items()}
    document = YtvisDocument(ids, max(names, default=0) + 1, options.absent_areas)
    for source in sources:
        if options.pictures != "none":
            write_jpegs(source, folder / "JPEGImages" / source.scene, link=options.pictures == "link")
        document.add(source.scene, _file_names(source, options), _tubes(source, options))
    if any(item["category_id"] == document.none_id for item in document.annotations) or not names:
        names[document.none_id] = NO_CATEGORY
    whole = document.document(names, description=f"segassets {options.asset}")
    content = whole if options.kind == "annotations" else document.results()
    atomic.write_bytes(folder / options.file_name, orjson.dumps(content))
    report = {"out_json": options.file_name, "skipped": skipped, "num_skipped": len(skipped)}
    if skipped:
        atomic.write_text(folder / "skipped.json", json.dumps(report, indent=1))
    counts = {"videos": len(sources), "annotations": len(document.annotations), "categories": len(names)}
    return {**counts, "skipped": len(skipped)}


def write_tubes_json(
    path: Path, scene: str, frames: pa.Table, masks: pa.Table, tubes: pa.Table
) -> dict[str, Any]:
    """One scene's tubes, of the one category 1, as a document.

    Args:
        frames: schema FRAMES; masks: schema MASKS; tubes: schema TUBES.
    """
    document = YtvisDocument()
    rows = frames.select(["uri", "height", "width"]).to_pylist()
    size = (rows[0]["height"], rows[0]["width"]) if rows else None
    document.add(scene, [row["uri"] for row in rows], tubes_of_table(masks, tubes, size))
    whole = document.document({document.none_id: NO_CATEGORY}, description="segassets pseudo_tubes")
    atomic.write_bytes(path, orjson.dumps(whole))
    return whole


def _tubes(source: ExportSource, options: YtvisOptions) -> Tubes:
    masks = source.masks(options.asset)
    if options.levels is not None:
        masks = masks.filter(pc.field("level").isin(options.levels))
    first = source.frame_rows[0]
    return tubes_of_table(masks, source.summary(options.asset), (first["height"], first["width"]))


def _file_names(source: ExportSource, options: YtvisOptions) -> list[str]:
    if options.pictures == "none":
        return [row["uri"] for row in source.frame_rows]
    return [f"{source.scene}/{row['frame']:05d}.jpg" for row in source.frame_rows]
