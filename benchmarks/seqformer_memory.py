"""Growth of the peak memory of a segmented video with its length, above the loaded model."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.measure import Figure, in_child
from benchmarks.memory import Peak, resident

SHORT, LONG = 80, 320
SIZE = 256


def pictures(frames: int) -> Iterator[np.ndarray]:
    """Squares that wander over noise, one frame at a time."""
    rng = np.random.default_rng(0)
    background = rng.integers(0, 120, (SIZE, SIZE, 3), dtype=np.uint8)
    for frame in range(frames):
        rgb = background.copy()
        for number in range(4):
            x, y = (37 * number + 3 * frame) % 200, (53 * number + 2 * frame) % 200
            rgb[y : y + 50, x : x + 50] = (60 * number, 250 - 50 * number, 120)
        yield rgb


def measure(frames: int) -> dict[str, int]:
    """Peak above the loaded and warmed-up model, in bytes, of one video in this process."""
    from segassets.models.registry import load_spec
    from segassets.models.seqformer.build import load_segmenter
    from segassets.models.seqformer.config import WindowConfig
    from segassets.models.spec import RandomSource

    spec = load_spec("nano-seqformer").model_copy(update={"source": RandomSource(kind="random")})
    segmenter = load_segmenter(
        spec, windows=WindowConfig(score=0.0, link_iou=0.01, max_overlap=1.0)
    )  # every query makes a tube
    segmenter.segment(pictures(9))
    baseline = resident()
    with Peak() as peak:
        tubes = segmenter.segment(pictures(frames))
    return {"growth": peak.value - baseline, "peak": peak.value, "tubes": len(tubes)}


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    short, long = (in_child("benchmarks.seqformer_memory", str(frames)) for frames in (SHORT, LONG))
    grown = long["growth"] / max(short["growth"], 1)
    note = f"{long['growth'] / 1e6:.1f} MB at {LONG} frames, {short['growth'] / 1e6:.1f} MB at {SHORT}"
    return [Figure("seqformer_memory", grown, "x the growth", 4.4, at_most=True, note=note)]


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
