"""Comparison renders: frame, truth, candidates and tracks side by side, a PNG per frame and level."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segassets.reports.config import ComparisonConfig

if TYPE_CHECKING:
    from segassets.datasets.frames import FrameSource


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
) -> dict[str, Any]:
    """Writes `frame_<source frame>_L<level>.png` files and `index.json` into `out_dir`.

    Args:
        source: the scene's pictures.
        frames: table of schema FRAMES.
        tracks, candidates, truth: tables of schema MASKS; the last two only where there are such.

    Returns:
        The index: {"scene", "stride", "max_frames", "levels", "panels", "images": [{"file", "frame",
        "source_frame", "level", "truth", "candidates", "tracks"}]} (the last three are counts of masks).
    """
    raise NotImplementedError
