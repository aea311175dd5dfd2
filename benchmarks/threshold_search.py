"""Threshold search over stored probabilities: all thresholds counted in one pass against a pass for each threshold.

Both read the same files (float16 probabilities of the objects of a frame), unite the objects of a category, decode the
true masks and count; the counts must be equal. The note gives the counting alone, with everything in memory.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Figure, interleaved, seconds

FRAMES, HEIGHT, WIDTH, CATEGORIES, MOD = 12, 480, 854, 3, 1000
REPEATS = 3


def make_probabilities(folder: Path) -> dict[str, dict[int, str]]:
    """Stored probabilities of smooth objects; returns the true masks, image id -> category -> RLE counts."""
    from scipy.ndimage import gaussian_filter

    from segassets.masks import rle

    rng = np.random.default_rng(0)
    truth: dict[str, dict[int, str]] = {}
    for frame in range(FRAMES):
        planes = []
        truth[name := f"{frame:06d}"] = {}
        for category in range(CATEGORIES):
            field = gaussian_filter(rng.standard_normal((HEIGHT // 4, WIDTH // 4 + 1)), 8)
            field = np.kron(field / field.std() - 1, np.ones((4, 4)))[:HEIGHT, :WIDTH]  # a sixth of the frame
            planes.append(1 / (1 + np.exp(-12 * field - rng.normal(0, 1, field.shape))))
            truth[name][category] = rle.encode(field > 0.05)
        np.savez_compressed(
            folder / f"{name}.npz", probs=np.array(planes, np.float16), obj_ids=np.arange(CATEGORIES),
            height=np.int64(HEIGHT), width=np.int64(WIDTH),
        )  # fmt: skip
    (folder / "meta.json").write_text(json.dumps({"mod": MOD, "image_ids": list(truth)}))
    return truth


def count(folder: Path, truth: dict[str, dict[int, str]], grid: Sequence[float], counter: Any) -> np.ndarray:
    """Predicted and hit pixels of every category on every frame (2, frames x categories, thresholds)."""
    from segassets.evaluation.stored import count_stored
    from segassets.masks import rle

    def truth_of(image_id: str) -> dict[int, np.ndarray]:
        return {category: rle.decode(counts, HEIGHT, WIDTH) for category, counts in truth[image_id].items()}

    rows = list(count_stored(folder, truth_of, grid, counter))
    return np.array([[row["predicted"] for row in rows], [row["hit"] for row in rows]])


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    from segassets.evaluation.prompts import EvaluationConfig
    from segassets.evaluation.segmentation import count_at_thresholds, count_brute_force

    grid = EvaluationConfig().thresholds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = make_probabilities(folder)

        def one_pass() -> np.ndarray:
            return count(folder, truth, grid, count_at_thresholds)

        def a_pass_each() -> np.ndarray:
            return np.concatenate([count(folder, truth, [t], count_brute_force) for t in grid], axis=2)

        if not np.array_equal(one_pass(), a_pass_each()):
            raise RuntimeError("the counts of one pass differ from those of a pass for each threshold")
        ours, theirs = interleaved([lambda: seconds(one_pass), lambda: seconds(a_pass_each)], REPEATS)
        inside = _in_memory(folder, truth, grid)
    note = f"{ours:.2f} s against {theirs:.2f} s for {len(grid)} thresholds; counting alone {inside:.1f} x"
    return [Figure("threshold_search", theirs / ours, "x 13 passes", 10, note=note)]


def _in_memory(folder: Path, truth: dict[str, dict[int, str]], grid: Sequence[float]) -> float:
    """How many times faster one pass counts, nothing read or decoded."""
    from segassets.evaluation.segmentation import count_at_thresholds, count_brute_force
    from segassets.evaluation.stored import stored_frames
    from segassets.masks import rle

    loaded = [
        (frame.of_category(category), rle.decode(truth[frame.image_id][category], HEIGHT, WIDTH))
        for frame in stored_frames(folder)
        for category in range(CATEGORIES)
    ]

    def all_of(counter: Any) -> None:
        for probabilities, mask in loaded:
            counter(probabilities, mask, grid)

    counters = (count_at_thresholds, count_brute_force)
    ours, theirs = interleaved([lambda c=c: seconds(partial(all_of, c)) for c in counters], REPEATS)
    return theirs / ours
