"""Pictures of a scene report: drawn in one pass over the frames, fitted into a page of bounded size."""

from __future__ import annotations

import base64
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from segassets.media.draw import contact_sheet, draw_instances
from segassets.media.pictures import read_picture
from segassets.media.preview import thumbnail, webp_bytes
from segassets.reports.data import SceneTables, levels_of, rows_by_frame
from segassets.reports.figures import TrackFigures
from segassets.reports.overlays import at_width, masks_like, overlay, same_as_tracks
from segassets.reports.sampling import first_middle_last
from segassets.storage import atomic

if TYPE_CHECKING:
    from segassets.datasets.frames import FrameSource
    from segassets.reports.config import ReportConfig

_STEPS = ((1.0, 80), (1.0, 62), (0.8, 60), (0.65, 55), (0.5, 50), (0.35, 45))  # (scale, WebP quality)


@dataclass
class ScenePictures:
    """Pictures by their place in the report, RGB uint8 (H, W, 3).

    Attributes:
        sheets: level -> [(frame, picture with tracks)].
        candidates: level -> [(frame, picture with candidates)].
        thumbnails: track_id -> its surroundings where it is largest.
    """

    sheets: dict[int, list[tuple[int, np.ndarray]]] = field(default_factory=lambda: defaultdict(list))
    candidates: dict[int, list[tuple[int, np.ndarray]]] = field(default_factory=lambda: defaultdict(list))
    thumbnails: dict[int, np.ndarray] = field(default_factory=dict)

    def by_name(self) -> dict[str, np.ndarray]:
        """Every picture under a name of its own."""
        named = {
            f"{kind}-L{level}-{frame}": picture
            for kind, levels in (("tracks", self.sheets), ("candidates", self.candidates))
            for level, pictures in levels.items()
            for frame, picture in pictures
        }
        return named | {f"track-{track}": picture for track, picture in self.thumbnails.items()}


def draw_scene(
    source: FrameSource, data: SceneTables, tracks: Sequence[TrackFigures], config: ReportConfig
) -> ScenePictures:
    """Contact sheets of tracks and candidates per level, a thumbnail per track; each frame is read once."""
    pictures = ScenePictures()
    sheet = set(first_middle_last(len(source), config.contact_sheet_frames))
    kept = data.filtered if data.filtered is not None else data.candidates
    keyframes = sorted(set(kept.column("frame").to_pylist())) if kept is not None else []
    shown_keyframes = {keyframes[at] for at in first_middle_last(len(keyframes), 3)}
    largest: dict[int, list[TrackFigures]] = defaultdict(list)
    for item in tracks:
        largest[item.largest_frame].append(item)
    by_frame = rows_by_frame(data.tracks)
    candidates = rows_by_frame(kept) if kept is not None else {}
    levels = levels_of(data.tracks) or [2]
    for frame, rgb in source.iterate(sorted(sheet | shown_keyframes | set(largest))):
        rows = by_frame.get(frame)
        if frame in sheet:
            picture = at_width(rgb, config.max_width // 3)
            for level in levels:
                pictures.sheets[level].append((frame, overlay(picture, _of_level(rows, level))))
        if frame in shown_keyframes:
            _draw_candidates(pictures, frame, at_width(rgb, config.max_width // 4), candidates[frame], rows)
        for item in largest.get(frame, ()):
            one = by_frame[frame].filter(pc.equal(by_frame[frame].column("track_id"), item.track_id))
            pictures.thumbnails[item.track_id] = _thumbnail(rgb, one, item.track_id, config.thumbnail_px)
    return pictures


def _draw_candidates(
    pictures: ScenePictures, frame: int, picture: np.ndarray, rows: pa.Table, tracks: pa.Table | None
) -> None:
    for level in levels_of(rows):
        own = _of_level(rows, level)
        identities = same_as_tracks(own, _of_level(tracks, level))
        drawn = overlay(picture, own, identities, labels=False, alpha=0.45)
        pictures.candidates[level].append((frame, drawn))


def _of_level(rows: pa.Table | None, level: int) -> pa.Table | None:
    return None if rows is None else rows.filter(pc.equal(rows.column("level"), level))


def _thumbnail(rgb: np.ndarray, rows: pa.Table, track_id: int, side: int) -> np.ndarray:
    """The surroundings of a mask, square where the frame allows it, with its outline."""
    height, width = rgb.shape[:2]
    x, y, w, h = rows.column("bbox_xywh")[0].as_py()
    half = max(w, h) * 0.62 + 3
    left, right = max(0, int(x + w / 2 - half)), min(width, int(x + w / 2 + half) + 1)
    top, bottom = max(0, int(y + h / 2 - half)), min(height, int(y + h / 2 + half) + 1)
    [mask] = masks_like(rows, rgb.shape)
    crop, mask = rgb[top:bottom, left:right], mask[top:bottom, left:right]
    factor = max(1, side // max(crop.shape[:2]))  # a tiny object is shown larger, pixel by pixel
    crop = crop.repeat(factor, 0).repeat(factor, 1)
    mask = mask.repeat(factor, 0).repeat(factor, 1)
    return thumbnail(draw_instances(crop, [(track_id, mask)], labels=False, alpha=0.22), side)


def data_uris(pictures: Mapping[str, np.ndarray], budget: int) -> dict[str, str]:
    """WebP data URIs that together stay below `budget` characters: quality goes down first, then size."""
    uris: dict[str, str] = {}
    for scale, quality in _STEPS:
        uris = {
            name: "data:image/webp;base64,"
            + base64.b64encode(webp_bytes(_scaled(picture, scale), quality)).decode("ascii")
            for name, picture in pictures.items()
        }
        if sum(map(len, uris.values())) <= budget:
            break
    return uris


def _scaled(picture: np.ndarray, scale: float) -> np.ndarray:
    return picture if scale == 1 else thumbnail(picture, max(16, round(max(picture.shape[:2]) * scale)))


def write_sheets(pictures: ScenePictures, folder: Path, width: int) -> dict[str, str]:
    """Contact sheets as JPEG files for the Markdown report; returns name -> file name."""
    files = {}
    for kind, levels in (("tracks", pictures.sheets), ("candidates", pictures.candidates)):
        for level, frames in levels.items():
            columns = min(3, len(frames))
            sheet = contact_sheet(
                [picture for _, picture in frames],
                columns=columns,
                labels=[f"frame {frame}" for frame, _ in frames],
                cell_px=max(1, (width - 6 * (columns + 1)) // columns),
            )
            name = f"{kind}_L{level}.jpg"
            write_jpeg(folder / name, sheet)
            files[f"{kind}-L{level}"] = name
    return files


def read_comparison(folder: Path | None, width: int) -> tuple[dict[str, np.ndarray], str]:
    """First, middle and last comparison render of the coarsest level, and how many there are, in words."""
    if folder is None or not (folder / "index.json").is_file():
        return {}, ""
    images = json.loads((folder / "index.json").read_text("utf-8"))["images"]
    coarsest = [item for item in images if item["level"] == min(entry["level"] for entry in images)]
    shown = {}
    for at in first_middle_last(len(coarsest), 3):
        item = coarsest[at]
        picture = read_picture(folder / Path(item["file"]).name)
        shown[f"comparison-frame-{item['frame']}"] = thumbnail(picture, width)
    return shown, f"{len(shown)} of {len(images)} renders of the asset track_comparison."


def write_jpeg(path: Path, picture: np.ndarray) -> None:
    """The picture as JPEG, quality 88."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, format="JPEG", quality=88)
    atomic.write_bytes(path, stream.getvalue())
