"""Growth of the peak memory of a track run with the length of the footage, above the loaded model."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.measure import Figure, in_child

SHORT, LONG, OBJECTS = 200, 2000, 4


def resident() -> int:
    """Bytes of memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class Peak:
    """Largest resident size while the block runs, sampled every 10 ms."""

    def __enter__(self) -> Peak:
        self.value, self._going = resident(), True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while self._going:
            self.value = max(self.value, resident())
            time.sleep(0.01)

    def __exit__(self, *error: object) -> None:
        self._going = False
        self._thread.join()


def measure(frames: int) -> dict[str, int]:
    """Peak above the loaded and warmed-up model, in bytes, of one run in this process."""
    from benchmarks.tracks import make_footage, track_ours
    from segassets.models.registry import load_spec
    from segassets.models.sam2.build import build_sam2_network

    network = build_sam2_network(load_spec("nano"))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        warm = make_footage(root / "warm", 3, OBJECTS)
        track_ours(network, root / "warm", 3, warm, root / "scratch")
        masks = make_footage(root / "frames", frames, OBJECTS)
        baseline = resident()
        with Peak() as peak:
            track_ours(network, root / "frames", frames, masks, root / "scratch")
    return {"growth": peak.value - baseline, "peak": peak.value}


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    short, long = (in_child("benchmarks.memory", str(frames)) for frames in (SHORT, LONG))
    return [
        Figure(
            "tracks_memory", long["peak"] / short["peak"] if short["growth"] <= 0 else long["growth"] / short["growth"],
            "x the growth", 1.1, at_most=True,
            note=f"{long['growth'] / 1e6:.0f} MB at {LONG} frames, {short['growth'] / 1e6:.0f} MB at {SHORT}",
        )
    ]  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
