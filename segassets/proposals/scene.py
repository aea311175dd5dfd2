"""Propose masks on the keyframes of one scene: engine, limits, gap filling, one table. Resumable."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from segassets.errors import EngineFailed
from segassets.masks.table import MaskRows
from segassets.proposals.config import CandidateConfig
from segassets.proposals.engine import CandidateEngine
from segassets.proposals.finished import FinishedFrames
from segassets.proposals.frame import FrameCandidates
from segassets.proposals.gaps import fill_gaps
from segassets.proposals.overlaps import best_first, limit_levels, make_exclusive

if TYPE_CHECKING:
    from segassets.datasets.frames import FrameSource

Progress = Callable[[int, int, str], None]


def keyframes(frames: int, stride: int) -> range:
    """Every stride-th of `frames` selected frames, from the first on."""
    return range(0, frames, stride)


def propose_scene(
    source: FrameSource,
    scene: str,
    engine: CandidateEngine,
    config: CandidateConfig,
    progress: Progress | None = None,
    work_dir: Path | None = None,
    stats: Counter[str] | None = None,
) -> pa.Table:
    """The candidates of a scene's keyframes as a mask table: ids from 1 by frame, level and falling score.

    Args:
        source: the scene's frames.
        progress: called with (keyframes done, keyframes in all, a note).
        work_dir: finished keyframes survive a kill here; it belongs to one scene, config and model.
        stats: counts are added: candidates, gap_fill, over_limit, keyframes, resumed.

    Raises:
        BadInput: a keyframe cannot be read; names scene, file and frame.
        EngineFailed: the external program failed or broke its contract.
    """
    stats = Counter() if stats is None else stats
    wanted = keyframes(len(source), config.keyframe_stride)
    found: dict[int, FrameCandidates] = {}
    with _folder(work_dir) as folder:
        finished = FinishedFrames(folder / "frames")
        found = {frame: done for frame in wanted if (done := finished.load(frame)) is not None}
        stats.update(keyframes=len(wanted), resumed=len(found))
        missing = [frame for frame in wanted if frame not in found]
        for frame, candidates in engine.propose(source.iterate(missing), folder) if missing else ():
            finished.save(frame, candidates)
            found[frame] = candidates
            if progress:
                progress(len(found), len(wanted), f"frame {frame}: {len(candidates)} masks")
    if lost := [frame for frame in wanted if frame not in found]:
        raise EngineFailed(f"scene {scene}: no answer of the engine for frames {lost}; expected one for each")
    rows = MaskRows(scene)
    for frame in wanted:
        _add_rows(rows, frame, source.source_frame(frame), _finish(found[frame], config, stats))
    return rows.to_table()


@contextmanager
def _folder(work_dir: Path | None) -> Iterator[Path]:
    if work_dir is not None:
        yield work_dir
        return
    with tempfile.TemporaryDirectory(prefix="segassets-") as name:
        yield Path(name)


def _finish(candidates: FrameCandidates, config: CandidateConfig, stats: Counter[str]) -> FrameCandidates:
    """What holds for every engine: the limit, the overlap rule, the gaps."""
    limited = limit_levels(candidates, config.max_masks_per_level)
    stats["over_limit"] += len(candidates) - len(limited)
    if config.exclusive:
        limited = make_exclusive(limited, config.min_region_area)
    stats["candidates"] += len(limited)
    if not config.gap_fill:
        return limited
    filled = fill_gaps(limited, config.levels[0], config.fill_area)
    stats["gap_fill"] += len(filled) - len(limited)
    return filled


def _add_rows(rows: MaskRows, frame: int, source_frame: int, candidates: FrameCandidates) -> None:
    ordered = candidates.select(best_first(candidates))
    first, score = rows.next_mask_id, ordered.score
    for at, counts in enumerate(ordered.rle_counts):
        rows.add(
            frame=frame,
            source_frame=source_frame,
            height=ordered.height,
            width=ordered.width,
            rle_counts=counts,
            source=ordered.source[at],
            mask_id=first + at,
            parent_id=int(first + ordered.parent[at]) if ordered.parent[at] >= 0 else 0,
            level=int(ordered.level[at]),
            score=_known(score[at]),
            stability=_known(ordered.stability[at]),
            predicted_iou=_known(ordered.predicted_iou[at]),
        )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else min(max(float(value), 0.0), 1.0)
