"""One record a picture: masks, points, Gaussians and embeddings, what the 2D-to-3D Lifting system pickles.

    index.json                     format, categories, and each picture's file, size, counts and what it lacks
    <scene>/<stem>.safetensors     arrays by name, read by `safetensors.numpy.load_file`
Parts of different lengths are laid end to end: part i is `[offset[i]:offset[i + 1]]`. Nothing in a record runs when it
is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from segassets.errors import BadInput
from segassets.exports.langsplat_scene import stems_of
from segassets.exports.source import MASK_ASSETS, ExportSource, by_frame, categories_of
from segassets.exports.stored_language import StoredRows, stored_rows
from segassets.geometry.gaussians import Gaussians, load_gaussians
from segassets.geometry.points import PointCloud, load_points
from segassets.geometry.stored_lift import MASK_GAUSSIANS_FILE, lifted_frames, load_record, points_path
from segassets.storage import atomic
from segassets.strict import StrictModel

FORMAT = "segassets-records-1"
INDEX = "index.json"


class RecordsOptions(StrictModel):
    """What a record holds."""

    asset: str | None = Field(
        None,
        description=f"Which masks: {', '.join(MASK_ASSETS)}; those that were lifted when empty, else annotations.",
    )
    points: bool = Field(
        True, description="Points of the masks too; without them a record is some kilobytes."
    )


@dataclass(frozen=True)
class PictureParts:
    """What is known of a picture's M masks; a part is None where it has not been made.

    Attributes:
        masks: rows of the mask table, in order of mask_id.
        cloud: points, each under the smallest mask over its pixel.
        gaussians: one for each mask that has points, `object_id` its mask_id.
        clip: (M, D) float32 unit rows.
        codes: (M, dim) float32 unit rows.
    """

    masks: pa.Table
    cloud: PointCloud | None = None
    gaussians: Gaussians | None = None
    clip: np.ndarray | None = None
    codes: np.ndarray | None = None


def record_arrays(parts: PictureParts) -> dict[str, np.ndarray]:
    """The arrays of a record.

    Returns:
        Of the masks: `mask_id`, `track_id`, `category_id`, `level`, `area`, `bbox_xywh`, and their COCO run lengths as
        ASCII in `mask_counts` with `mask_counts_offset`. Of the points: `points`, `points_rgb` with `points_offset`.
        Of the Gaussians: `gaussian_mask_id`, `mean`, `covariance`, `opacity` in 0..1, `color` in 0..1, `scale`
        (standard deviations), `rotation` (w x y z), and with codes `embedding`. And `clip_embeddings`.
    """
    table = parts.masks
    mask_id = table.column("mask_id").to_numpy()
    counts = [text.encode("ascii") for text in table.column("rle_counts").to_pylist()]
    boxes = table.column("bbox_xywh").combine_chunks().values.to_numpy()
    arrays = {
        name: table.column(name).to_numpy()
        for name in ("mask_id", "track_id", "category_id", "level", "area")
    }
    arrays["bbox_xywh"] = boxes.reshape(-1, 4)
    arrays["mask_counts"] = np.frombuffer(b"".join(counts), np.uint8)
    arrays["mask_counts_offset"] = np.cumsum([0, *map(len, counts)])
    if parts.cloud is not None:
        arrays |= _points(mask_id, parts.cloud)
    if parts.gaussians is not None:
        arrays |= _gaussians(mask_id, parts.gaussians, parts.codes)
    if parts.clip is not None:
        arrays["clip_embeddings"] = parts.clip
    return arrays


def _points(mask_id: np.ndarray, cloud: PointCloud) -> dict[str, np.ndarray]:
    order = np.argsort(cloud.mask_id, kind="stable")
    owner = cloud.mask_id[order]
    starts, ends = np.searchsorted(owner, mask_id, "left"), np.searchsorted(owner, mask_id, "right")
    chosen = np.concatenate(
        [order[start:end] for start, end in zip(starts, ends, strict=True)] or [order[:0]]
    )
    return {
        "points": cloud.xyz[chosen],
        "points_rgb": cloud.rgb[chosen],
        "points_offset": np.cumsum([0, *(ends - starts)]),
    }


def _gaussians(mask_id: np.ndarray, gaussians: Gaussians, codes: np.ndarray | None) -> dict[str, np.ndarray]:
    place = np.searchsorted(mask_id, gaussians.object_id)
    arrays = {
        "gaussian_mask_id": gaussians.object_id,
        "mean": gaussians.xyz,
        "covariance": gaussians.covariances().astype(np.float32),
        "opacity": (1 / (1 + np.exp(-gaussians.opacity_logit))).astype(np.float32),
        "color": gaussians.rgb.astype(np.float32) / 255,
        "scale": np.exp(gaussians.log_scale),
        "rotation": gaussians.rotation_wxyz,
    }
    if codes is not None:
        arrays["embedding"] = codes[place]
    return arrays


def write_record(path: Path, arrays: dict[str, np.ndarray], facts: dict[str, str]) -> None:
    """Write a record; `facts` stand in the file's metadata.

    Raises:
        BadInput: a number is not finite; names file and array.
    """
    from safetensors.numpy import save

    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadInput(f"{path}: expected finite numbers, found nan or infinity in {name}")
    path.write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, facts))


def write_records(sources: Sequence[ExportSource], folder: Path, options: RecordsOptions) -> dict[str, Any]:
    """The exporter of format `records`.

    Raises:
        MissingInput: a scene has no masks of the asset.
    """
    entries = [entry for source in sources for entry in _write_scene(source, folder, options)]
    index = {
        "format": FORMAT,
        "categories": {str(key): name for key, name in categories_of(sources).items()},
        "records": entries,
    }
    atomic.write_text(folder / INDEX, json.dumps(index, indent=1))
    return {"records": len(entries), "masks": sum(entry["masks"] for entry in entries)}


def _write_scene(source: ExportSource, folder: Path, options: RecordsOptions) -> Iterator[dict[str, Any]]:
    lift = source.artifact("depth_lifts").path if source.has("depth_lifts") else None
    lifted = None if lift is None else load_record(lift)["masks"]
    asset = options.asset or lifted or "coco_masks"
    masks = by_frame(source.masks(asset))
    clip, codes = stored_rows(source, asset)
    known = lift if lifted == asset else None
    gaussians = None if known is None else load_gaussians(known / MASK_GAUSSIANS_FILE)
    with_points = set(lifted_frames(known)) if known is not None and options.points else set()
    rows = source.frame_rows
    stems = stems_of([row["uri"] for row in rows], [row["source_frame"] for row in rows])
    (folder / source.scene).mkdir(parents=True)
    unit = "" if lift is None else load_record(lift)["unit"]
    for row, stem in zip(rows, stems, strict=True):
        table = masks.get(row["frame"])
        if table is None:
            table = source.masks(asset).slice(0, 0)
        parts = PictureParts(
            table,
            load_points(points_path(known, row["frame"])) if known and row["frame"] in with_points else None,
            _of_masks(gaussians, table),
            _of_rows(clip, table),
            _of_rows(codes, table),
        )
        name = f"{source.scene}/{stem}.safetensors"
        arrays = record_arrays(parts)
        size = {"height": str(row["height"]), "width": str(row["width"]), "unit": unit}
        write_record(
            folder / name, arrays, {"format": FORMAT, "scene": source.scene, "uri": row["uri"], **size}
        )
        yield {
            "file": name,
            "scene": source.scene,
            "frame": row["frame"],
            "source_frame": row["source_frame"],
            "uri": row["uri"],
            "height": row["height"],
            "width": row["width"],
            "masks": table.num_rows,
            "points": len(arrays.get("points", ())),
            "gaussians": len(arrays.get("mean", ())),
            "without": [
                part for part in ("points", "mean", "embedding", "clip_embeddings") if part not in arrays
            ],
        }


def _of_masks(gaussians: Gaussians | None, table: pa.Table) -> Gaussians | None:
    if gaussians is None:
        return None
    found = gaussians.take(np.isin(gaussians.object_id, table.column("mask_id").to_numpy()))
    return found.take(np.argsort(found.object_id, kind="stable"))


def _of_rows(rows: StoredRows | None, table: pa.Table) -> np.ndarray | None:
    return None if rows is None else rows.of(table.column("mask_id").to_numpy())
