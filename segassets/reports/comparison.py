"""Comparison renders: frame, truth, candidates and tracks side by side, a PNG per frame and level.

What belongs together has one colour: a true or proposed mask takes that of the track it overlaps most.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.media.draw import contact_sheet
from segassets.media.pictures import write_png
from segassets.reports.config import ComparisonConfig
from segassets.reports.data import levels_of, rows_by_frame
from segassets.reports.overlays import UNMATCHED, at_width, faded, overlay, same_as_tracks
from segassets.reports.sampling import sample
from segassets.storage import atomic

if TYPE_CHECKING:
    from segassets.datasets.frames import FrameSource

INDEX = "index.json"


def write_comparison(
    source: FrameSource,
    *,
    scene: str,
    frames: pa.Table,
    tracks: pa.Table,
    out_dir: Path,
    config: ComparisonConfig,
    candidates: pa.Table | None = None,
    truth: pa.Table | None = None,
    categories: dict[int, str] | None = None,
) -> dict[str, Any]:
    """Writes `frame_<source frame>_L<level>.png` files and `index.json` into `out_dir`.

    Args:
        source: the scene's pictures.
        frames: table of schema FRAMES.
        tracks, candidates, truth: tables of schema MASKS; the last two only where there are such.
        categories: names written on true masks.

    Returns:
        The index: {"scene", "stride", "max_frames", "levels", "panels", "images": [{"file", "frame",
        "source_frame", "level", "truth", "candidates", "tracks"}]} (the last three are counts of masks, null
        where the frame is not annotated or has no candidates).
    """
    rows = frames.sort_by("frame").to_pylist()
    chosen = sample(len(rows), stride=config.stride, max_frames=config.max_frames)
    levels = config.levels if config.levels is not None else levels_of(tracks, candidates) or [2]
    panels = [_Panels(level, tracks, candidates, truth, categories or {}, config) for level in levels]
    images = []
    for at, rgb in source.iterate(chosen):
        picture = at_width(rgb, config.panel_width)
        for panel in panels:
            sheet, counts = panel.draw(picture, rows[at])
            name = f"frame_{rows[at]['source_frame']:06d}_L{panel.level}.png"
            write_png(out_dir / name, sheet)
            place = {"file": name, "frame": rows[at]["frame"], "source_frame": rows[at]["source_frame"]}
            images.append({**place, "level": panel.level, **counts})
    index = {
        "scene": scene,
        "stride": config.stride,
        "max_frames": config.max_frames,
        "levels": levels,
        "panels": panels[0].names if panels else [],
        "images": images,
    }
    atomic.write_text(out_dir / INDEX, json.dumps(index, indent=1))
    return index


class _Panels:
    """The panels of one level."""

    def __init__(
        self,
        level: int,
        tracks: pa.Table,
        candidates: pa.Table | None,
        truth: pa.Table | None,
        categories: dict[int, str],
        config: ComparisonConfig,
    ) -> None:
        self.level, self.categories, self.config = level, categories, config
        self.tracks = _of_level(tracks, level)
        self.candidates = None if candidates is None else _of_level(candidates, level)
        self.keyframes = set() if candidates is None else set(candidates.column("frame").to_pylist())
        self.truth = None if truth is None else _of_level(truth, _true_level(truth, level))
        shown = (("truth", truth), ("candidates", candidates))
        self.names = ["frame", *(name for name, table in shown if table is not None), "tracks"]

    def draw(self, picture: np.ndarray, frame: dict[str, Any]) -> tuple[np.ndarray, dict[str, int | None]]:
        """The sheet of one frame, and the count of masks in each panel."""
        tracks = self.tracks.get(frame["frame"])
        sheets, titles = (
            [picture],
            [f"frame {frame['frame']} (source {frame['source_frame']}), level {self.level}"],
        )
        counts: dict[str, int | None] = {"truth": None, "candidates": None}
        layers = (
            ("truth", self.truth, frame["annotated"], "not annotated"),
            ("candidates", self.candidates, frame["frame"] in self.keyframes, "none on this frame"),
        )
        for name, table, present, otherwise in layers:
            if table is None:
                continue
            if not present:
                sheets.append(faded(picture))
                titles.append(f"{name}: {otherwise}")
                continue
            rows = table.get(frame["frame"])
            counts[name] = 0 if rows is None else rows.num_rows
            sheets.append(self._other(picture, rows, tracks, name))
            titles.append(f"{name}: {counts[name]}")
        counts["tracks"] = 0 if tracks is None else tracks.num_rows
        sheets.append(overlay(picture, tracks, labels=self.config.labels, alpha=self.config.alpha))
        titles.append(f"tracks: {counts['tracks']}")
        return contact_sheet(sheets, columns=len(sheets), labels=titles), counts

    def _other(
        self, picture: np.ndarray, rows: pa.Table | None, tracks: pa.Table | None, name: str
    ) -> np.ndarray:
        """Truth or candidates, in the colours of the tracks."""
        if rows is None:
            return picture
        identities = same_as_tracks(rows, tracks)
        words: dict[int, str] = {}
        for identity, row in zip(
            identities, rows.select(["mask_id", "category_id"]).to_pylist(), strict=True
        ):
            if name == "truth":
                words[identity] = self.categories.get(
                    row["category_id"], "truth" if identity >= UNMATCHED else str(identity)
                )
            elif identity >= UNMATCHED:
                words[identity] = f"c{row['mask_id']}"
        labels, alpha = self.config.labels, self.config.alpha
        return overlay(picture, rows, identities, names=words, labels=labels, alpha=alpha)


def _of_level(table: pa.Table, level: int) -> dict[int, pa.Table]:
    """Rows of one level by frame."""
    return rows_by_frame(table.filter(pc.equal(table.column("level"), level)).sort_by("frame"))


def _true_level(truth: pa.Table, level: int) -> int:
    """The finest true level that is no finer than `level`: truth knows objects and parts, not sub-parts."""
    return max((known for known in levels_of(truth) if known <= level), default=level)
