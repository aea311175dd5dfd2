"""Folders of mask pictures, as VideoCutLER leaves them, to one YTVIS JSON of pseudo tubes with its skip report.

    <mask_root>/<video>/mask_*.png      id maps, colours or palettes
    <img_root>/<video>/*.jpg            the frames; without them the mask pictures stand for all frames there are

A video that cannot be used is named in the report with its reason; the rest goes on (`strict` stops at the first).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import Field

from segassets.datasets.files import natural_key
from segassets.datasets.id_folders import IdFolder, Shared, UnusableMasks, list_masks, read_id_folder
from segassets.errors import BadInput, MissingInput, SegassetsError
from segassets.exports.convert.coco_file import write_json
from segassets.exports.skips import SkipReport, SkipRules
from segassets.exports.ytvis import Absent, YtvisDocument
from segassets.media.pictures import picture_size


class VideocutlerOptions(SkipRules):
    """Options of the conversion."""

    split_name: str = Field("train", description="What the JSON calls its split.")
    img_exts: list[str] = Field(["jpg", "jpeg", "png"], description="Endings of the frames' files.")
    mask_glob: str = Field("mask_*.png", description="Names of the mask pictures.")
    mask_glob_fallback: str = Field("*.png", description="Names, where none fit the first.")
    category_id: int = Field(1, description="Id of the one category.")
    category_name: str = Field("object", description="Its name.")
    shared_ids: Shared = Field(
        "auto",
        description="Ids that hold several instances: tell them apart (split), report them, or split those of colours.",
    )
    absent_areas: Absent = Field("zero", description="What areas hold where a tube is absent.")
    strict: bool = Field(False, description="Stop at the first video whose masks cannot be used.")
    error_on_empty: bool = Field(False, description="Fail when no video is left.")


def videocutler_to_ytvis(
    mask_root: Path,
    img_root: Path | None,
    out_json: Path,
    options: VideocutlerOptions | None = None,
    skip_report: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Convert all videos of a folder.

    Args:
        skip_report: where the report goes; by default `<out_json>.skipped.json`.
        progress: called with videos done and videos in all.

    Returns:
        videos, annotations, skipped (reason to number), shared_ids (video -> ids that hold several instances),
        not_by_number (videos whose pictures found their frames by order or position).

    Raises:
        MissingInput: a root is not there.
        BadInput: no video is left and `error_on_empty`, or with `strict` the first video that cannot be used.
    """
    options = options or VideocutlerOptions()
    mask_root, out_json = Path(mask_root).expanduser(), Path(out_json).expanduser()
    img_root = None if img_root is None else Path(img_root).expanduser()
    names = _videos(mask_root, img_root)
    report = SkipReport(options)
    document = YtvisDocument(none_id=options.category_id, absent_areas=options.absent_areas)
    shared: dict[str, Any] = {}
    pairings: dict[str, str] = {}
    for done, name in enumerate(names, 1):
        found = _convert(name, mask_root / name, img_root and img_root / name, document, options, report)
        if found is not None:
            if found.shared:
                shared[name] = found.shared
            if found.pairing != "number":
                pairings[name] = found.pairing
        if progress is not None:
            progress(done, len(names))
    if not document.videos and options.error_on_empty:
        raise BadInput(f"{mask_root}: expected at least one usable video, found {len(names)} that are not")
    categories = {options.category_id: options.category_name}
    write_json(out_json, {"split": options.split_name, **document.document(categories)})
    facts = {"out_json": str(out_json), "skip_list": options.skip_list}
    write_json(skip_report or out_json.with_name(out_json.name + ".skipped.json"), report.to_dict(**facts))
    reasons = [item["reason"] for item in report.skipped]
    return {
        "videos": len(document.videos),
        "annotations": len(document.annotations),
        "skipped": {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)},
        "shared_ids": shared,
        "not_by_number": pairings,
    }


def _videos(mask_root: Path, img_root: Path | None) -> list[str]:
    """Names of all videos: a video without a folder of masks has no instances."""
    found: set[str] = set()
    for root in (mask_root, img_root):
        if root is not None:
            if not root.is_dir():
                raise MissingInput(f"expected a folder of videos at {root}, found nothing")
            found.update(path.name for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
    return sorted(found, key=natural_key)


def _convert(
    name: str,
    mask_dir: Path,
    frame_dir: Path | None,
    document: YtvisDocument,
    options: VideocutlerOptions,
    report: SkipReport,
) -> IdFolder | None:
    """Add one video to the document, or to the report."""
    masks = list_masks(mask_dir, options.mask_glob, options.mask_glob_fallback)
    frames = _frames(frame_dir, options) if frame_dir is not None else [Path(f"{m.stem}.jpg") for m in masks]
    places = {"frame_dir": str(frame_dir) if frame_dir else None, "mask_dir": str(mask_dir)}
    reason = options.reason(name, len(frames), len(masks))
    if reason is not None:
        report.add(name, reason, len(frames), len(masks), **places)
        return None
    try:
        found = read_id_folder(
            masks, [frame.name for frame in frames], _size(frames) if frame_dir else None, options.shared_ids
        )
    except UnusableMasks as error:
        if options.strict:
            raise
        report.add(name, error.reason, len(frames), len(masks), **places, problem=str(error))
        return None
    filled = len(found.tubes.by_frame)
    reason = options.reason(name, len(frames), filled)  # pictures may be there and empty
    if reason is not None:
        report.add(name, reason, len(frames), filled, **places)
        return None
    document.add(name, [f"{name}/{frame.name}" for frame in frames], found.tubes)
    return found


def _frames(folder: Path, options: VideocutlerOptions) -> list[Path]:
    endings = {f".{ending.lower().lstrip('.')}" for ending in options.img_exts}
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix.lower() in endings and path.name[0] != ".")
    return sorted(found, key=lambda path: natural_key(path.name))


def _size(frames: list[Path]) -> tuple[int, int]:
    """(height, width) of a video, the same for all its frames by their headers."""
    first = None
    for path in frames:
        try:
            size = picture_size(path)
        except SegassetsError as error:
            raise UnusableMasks("unreadable", str(error)) from error
        first = first or size
        if size != first:
            raise UnusableMasks(
                "other_size",
                f"{path}: expected a frame of {first[0]} x {first[1]} (height x width) like those before it, found "
                f"{size[0]} x {size[1]}",
            )
    assert first is not None
    return first
