"""My3DIS run folders, one per scene, as its downstream tools read them.

    <scene>/manifest.json                                     what was selected, with which settings
    <scene>/level_<L>/candidates/candidates.json              every candidate without its pixels
    <scene>/level_<L>/filtered/filtered.json                  kept candidates with packed masks
    <scene>/level_<L>/tracking/video_segments_scale0.3x.npz   tracks frame by frame
    <scene>/level_<L>/tracking/object_segments_scale0.3x.npz  the frames of each track
    <scene>/relations/...                                     the tree of the candidates

The two archives are ZIP files of JSON, although their name ends in .npz: any ZIP reader opens them,
`numpy.load` does not. Frame numbers are those of the whole footage (source frames). Shapes are [height,
width], boxes end past their last pixel.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from segassets.errors import BadInput
from segassets.exports.my3dis_candidates import write_candidates
from segassets.exports.packed import pack
from segassets.exports.source import ExportSource, by_frame, frame_name, levels_of, of_level
from segassets.masks import rle
from segassets.storage import atomic
from segassets.strict import StrictModel

_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed time, so that the same masks give the same file


class My3disOptions(StrictModel):
    """Options of the my3dis export."""

    mask_scale_ratio: float = Field(
        0.3, gt=0, le=1, description="Ratio at which masks are stored; 1 is full size."
    )
    levels: list[int] | None = Field(None, description="Levels to write; empty for all that occur.")
    candidates: bool = Field(True, description="Write candidates.json, filtered.json and relations too.")


def write_my3dis(sources: Sequence[ExportSource], folder: Path, options: My3disOptions) -> dict[str, Any]:
    """Write a run folder per scene; returns {"tracks", "track_masks"}."""
    totals = {"tracks": 0, "track_masks": 0}
    for source in sources:
        tracks = source.masks("sam2_tracks")
        _refuse_anonymous(tracks, source)
        root = folder / source.scene
        root.mkdir()
        artifacts = {}
        for level in options.levels or levels_of(tracks):
            masks = of_level(tracks, level)
            artifacts[str(level)] = _write_level(source, masks, level, root, options.mask_scale_ratio)
            totals["tracks"] += len(set(masks.column("track_id").to_pylist()))
            totals["track_masks"] += masks.num_rows
        summary = (
            write_candidates(source, root, options.levels, options.mask_scale_ratio)
            if options.candidates
            else {}
        )
        manifest = _manifest(source, options, artifacts, summary)
        atomic.write_text(root / "manifest.json", json.dumps(manifest, indent=1))
    return totals


def _refuse_anonymous(tracks: pa.Table, source: ExportSource) -> None:
    if 0 in tracks.column("track_id").to_pylist():
        raise BadInput(f"sam2_tracks of scene {source.scene}: expected a track_id in every row, found 0")


def suffix(scale: float) -> str:
    """What a file name says about the scale: nothing at full size."""
    return "" if scale >= 1 else f"_scale{scale:g}x"


def _write_level(
    source: ExportSource, masks: pa.Table, level: int, root: Path, scale: float
) -> dict[str, Any]:
    """Both archives of one level; returns their entry in the manifest."""
    folder = root / f"level_{level}" / "tracking"
    folder.mkdir(parents=True)
    names = {kind: f"{kind}_segments{suffix(scale)}.npz" for kind in ("video", "object")}
    groups = by_frame(masks)
    objects: dict[str, list[dict[str, Any]]] = {}
    listing = []
    with zipfile.ZipFile(folder / names["video"], "w", zipfile.ZIP_DEFLATED) as archive:
        for row in source.frame_rows:
            group = groups.get(row["frame"])
            if group is None:
                continue
            entry = f"frames/frame_{row['source_frame']:06d}.json"
            packed = dict(_packed(group, "track_id", scale))
            head = {"frame_index": row["source_frame"], "frame_name": frame_name(row)}
            _add_json(archive, entry, {**head, "objects": packed})
            listing.append({**head, "entry": entry, "objects": list(packed)})
            for identity in packed:
                place = {"frame_index": row["source_frame"], "frame_entry": entry}
                objects.setdefault(identity, []).append(place)
        meta: dict[str, Any] = {"level": level, "mask_scale_ratio": scale}
        _add_json(archive, "manifest.json", {"meta": meta, "frames": listing})
    with zipfile.ZipFile(folder / names["object"], "w", zipfile.ZIP_DEFLATED) as archive:
        ordered = {identity: objects[identity] for identity in sorted(objects, key=int)}
        linked = {**meta, "linked_video": names["video"]}
        _add_json(archive, "manifest.json", {"meta": linked, "objects": ordered})
    paths: dict[str, Any] = {f"{kind}_segments": f"level_{level}/tracking/{names[kind]}" for kind in names}
    return {**paths, "objects": len(objects), "frames": len(listing)}


def _add_json(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, json.dumps(value, separators=(",", ":")))


def _packed(group: pa.Table, identity: str, scale: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, packed mask) of the masks of one frame, one decoded at a time."""
    for row in group.select([identity, "rle_counts", "height", "width"]).to_pylist():
        yield str(row[identity]), pack(rle.decode(row["rle_counts"], row["height"], row["width"]), scale)


def _manifest(
    source: ExportSource, options: My3disOptions, artifacts: dict[str, Any], summary: dict[str, Any]
) -> dict[str, Any]:
    rows = source.frame_rows
    keyframes: list[dict[str, Any]] = []
    settings: dict[str, Any] = {}
    if source.store.has("mask_candidates", source.scene):
        frames = set(source.masks("mask_candidates").column("frame").to_pylist())
        keyframes = [row for row in rows if row["frame"] in frames]
        settings["candidates"] = source.config("mask_candidates")
    if source.store.has("filtered_masks", source.scene):
        settings["filtering"] = source.config("filtered_masks")
    settings["tracking"] = source.config("sam2_tracks")
    return {
        "scene": source.scene,
        "mode": "segassets",
        "levels": sorted(int(level) for level in artifacts),
        "frames_selected": len(rows),
        "frames_ssam": len(keyframes),
        "selected_frames": [frame_name(row) for row in rows],
        "selected_indices": [row["source_frame"] for row in rows],
        "ssam_frames": [frame_name(row) for row in keyframes],
        "ssam_indices": [row["frame"] for row in keyframes],
        "ssam_absolute_indices": [row["source_frame"] for row in keyframes],
        "mask_downscale": {"enabled": options.mask_scale_ratio < 1, "ratio": options.mask_scale_ratio},
        "settings": settings,
        "generation_summary": summary,
        "tracking_artifacts": artifacts,
    }
