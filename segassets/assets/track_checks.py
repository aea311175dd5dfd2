"""Blocking checks of tracks and of tubes: their masks, and a summary that counts them."""

from __future__ import annotations

from collections import Counter

from segassets.assets.mask_checks import MASK_TABLE, coverage_check, mask_ids_unique
from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.work import TRACKS_FILE, TUBES_FILE, SceneWork


def _track_coverage(work: SceneWork) -> Figures:
    from segassets.masks.schemas import TRACKS
    from segassets.masks.table import read_table

    summary = read_table(work.out / TRACKS_FILE, TRACKS)
    rows: dict[int, int] = {}
    for track in work.made_masks.column("track_id").to_pylist():
        rows[track] = rows.get(track, 0) + 1
    listed = dict(
        zip(summary.column("track_id").to_pylist(), summary.column("frames").to_pylist(), strict=True)
    )
    if rows != listed:
        differing = sorted(set(rows.items()) ^ set(listed.items()))[:10]
        raise BadInput(
            f"expected the summary to count every mask of every track, found differences {differing}"
        )
    return {"tracks": len(listed), "frames_with_masks": len(set(work.made_masks.column("frame").to_pylist()))}


def _track_frames(work: SceneWork) -> Figures:
    names = ("track_id", "frame")
    pairs = list(zip(*(work.made_masks.column(name).to_pylist() for name in names), strict=True))
    if len(set(pairs)) != len(pairs):
        raise BadInput(f"expected one mask per track and frame, found {len(pairs) - len(set(pairs))} more")
    return mask_ids_unique(work)


TRACK_CHECKS = (
    *MASK_TABLE[:2],
    Check("ids_unique", "No mask_id occurs twice; a track has one mask per frame.", _track_frames),
    coverage_check(_track_coverage, "The summary lists every track with as many frames as it has masks."),
)


def _tube_coverage(work: SceneWork) -> Figures:
    from segassets.masks.schemas import TUBES
    from segassets.masks.table import read_table

    summary = read_table(work.out / TUBES_FILE, TUBES)
    rows = Counter(work.made_masks.column("track_id").to_pylist())
    listed = dict(
        zip(summary.column("track_id").to_pylist(), summary.column("frames").to_pylist(), strict=True)
    )
    if dict(rows) != listed or 0 in rows:
        differing = sorted(set(rows.items()) ^ set(listed.items()))[:10]
        raise BadInput(f"expected a summary of every tube with its masks counted, found others: {differing}")
    scores = [*summary.column("score").to_pylist(), *summary.column("coverage").to_pylist()]
    if not all(0 <= value <= 1 for value in scores):
        raise BadInput("expected scores and coverages from 0 to 1, found others")
    return {"tubes": len(listed)}


TUBE_CHECKS = (
    *MASK_TABLE[:2],
    Check("ids_unique", "No mask_id occurs twice; a tube has one mask per frame.", _track_frames),
    coverage_check(
        _tube_coverage, "The summary lists every tube with as many frames as it has masks, and a score."
    ),
)
