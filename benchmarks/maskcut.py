"""The eigenvector of MaskCut's normalised cut at 3,600 tokens, against scipy's dense solver asked for the same one.

Both are given the same affinities (the dense one in the form it needs) and must cut alike: IoU >= .99 on every picture.
"""

from __future__ import annotations

import statistics

import numpy as np

from benchmarks.measure import Figure, seconds

SIDE, CHANNELS, TAU = 60, 384, 0.15
NOISE = (0.7, 1.2, 1.8)  # a picture each: objects that stand out, and such that hardly do


def make_features(noise: float, seed: int) -> np.ndarray:
    """Features (3600, 384) of a ground with four things on it, rows of length 1."""
    from segassets.proposals.maskcut_eigen import unit_rows

    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    labels = np.zeros((SIDE, SIDE), int)
    for label in range(1, 5):
        y, x = rng.uniform(0.2, 0.8, 2) * SIDE
        tall, wide = rng.uniform(0.08, 0.25, 2) * SIDE
        labels[((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2 <= 1] = label
    shared = 0.5 * rng.standard_normal(CHANNELS)
    directions = rng.standard_normal((5, CHANNELS))
    grid = shared + directions[labels] + noise * rng.standard_normal((SIDE, SIDE, CHANNELS))
    return unit_rows(grid.reshape(-1, CHANNELS))


def cut_iou(one: np.ndarray, other: np.ndarray) -> float:
    """IoU of the two cuts, each above its mean; the sign of an eigenvector means nothing."""
    one, other = one > one.mean(), other > other.mean()
    return max(float((a & other).sum() / (a | other).sum()) for a in (one, ~one))


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    import scipy.linalg

    from segassets.proposals.maskcut_eigen import UNLIKE, alike, second_eigenvector

    ours, theirs, worst = [], [], 1.0
    for seed, noise in enumerate(NOISE):
        graph = alike(make_features(noise, seed), TAU)
        affinity = np.where(graph > 0, 1.0, UNLIKE)
        degree = np.diag(affinity.sum(1))
        found: dict[str, np.ndarray] = {}

        def dense(left: np.ndarray = degree - affinity, right: np.ndarray = degree) -> None:
            found["dense"] = scipy.linalg.eigh(left, right, subset_by_index=[1, 1])[1][:, 0]  # noqa: B023

        def lanczos(graph: np.ndarray = graph) -> None:
            found["ours"] = second_eigenvector(graph).vector  # noqa: B023

        theirs.append(seconds(dense))
        ours.append(statistics.median(seconds(lanczos) for _ in range(3)))
        worst = min(worst, cut_iou(found["ours"], found["dense"]))
    if worst < 0.99:
        raise RuntimeError(f"the two cuts agree to IoU {worst:.4f} only")
    mine, dense_s = statistics.median(ours), statistics.median(theirs)
    note = f"{mine:.2f} s against {dense_s:.2f} s for {SIDE * SIDE} tokens; the cuts agree to IoU {worst:.4f}"
    return [Figure("maskcut_eigen", dense_s / mine, "x dense solver", 10, note=note)]
