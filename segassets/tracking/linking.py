"""Pseudo masks linked through time: by the streaming tracker, or by the identities they bring."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from segassets.masks.schemas import MASKS, TRACKS
from segassets.masks.table import read_table
from segassets.models.streaming import VideoTracker
from segassets.tracking.tube_config import PseudoTubeConfig

if TYPE_CHECKING:
    from segassets.datasets.frames import FrameSource

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Linked:
    """Masks with identities.

    Attributes:
        tracks: schema MASKS, all with a track id.
        how: track or ids.
        support: track id -> share of the frames looked at, while it lives, on which a pseudo mask confirms it; empty
            where that is not known.
    """

    tracks: pa.Table
    how: str
    support: Mapping[int, float] = field(default_factory=dict)


def link_masks(
    source: FrameSource,
    scene: str,
    masks: pa.Table,
    looked_at: Collection[int],
    tracker: Callable[[], VideoTracker],
    config: PseudoTubeConfig,
    work_dir: Path,
    progress: Progress | None = None,
    unrelated: bool = False,
) -> Linked:
    """Masks of one scene as tracks.

    Args:
        masks: schema MASKS.
        looked_at: frames on which masks were looked for.
        tracker: loads the network; called only where masks are followed.
        work_dir: a killed run goes on from what it finds here; it belongs to these masks, settings and network.
        unrelated: the frames are pictures that have nothing to do with each other.

    Raises:
        BadInput: a frame cannot be read or changes size; names scene, file and frame.
    """
    from segassets.tracking.scene import track_scene

    named = any(track > 0 for track in masks.column("track_id").to_pylist())
    if config.link == "ids" or (config.link == "auto" and named) or not masks.num_rows:
        return Linked(masks, "ids")
    out = work_dir / "linked"
    out.mkdir(parents=True, exist_ok=True)
    track_scene(
        source, scene, masks, tracker(), config.tracking, work_dir / "chunks", out, progress, unrelated
    )
    tracks = read_table(out / "masks.parquet", MASKS)
    summary = read_table(out / "tracks.parquet", TRACKS)
    return Linked(tracks, "track", support_of(tracks, summary, masks, looked_at))


def support_of(
    tracks: pa.Table, summary: pa.Table, masks: pa.Table, looked_at: Collection[int]
) -> dict[int, float]:
    """Track id -> share of the frames looked at, while it lives, on which a mask founded or confirmed it.

    Args:
        tracks: schema MASKS; summary: schema TRACKS of the same; masks: what they were made from.
    """
    frame_of = dict(zip(masks.column("mask_id").to_pylist(), masks.column("frame").to_pylist(), strict=True))
    lives: dict[int, set[int]] = {}
    for track, frame in zip(
        tracks.column("track_id").to_pylist(), tracks.column("frame").to_pylist(), strict=True
    ):
        lives.setdefault(track, set()).add(frame)
    wanted, found = set(looked_at), {}
    for row in summary.to_pylist():
        chances = lives.get(row["track_id"], set()) & wanted
        confirmed = {frame_of[mask] for mask in row["prompt_mask_ids"]} & chances
        found[row["track_id"]] = len(confirmed) / len(chances) if chances else 0.0
    return found
