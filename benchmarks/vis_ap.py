"""AP and AR of 1,000 tubes of 30 frames, against an evaluator that follows YTVIS's rules one pair of masks a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measure import Figure, interleaved, seconds

VIDEOS, TRUE, PREDICTED = 10, 10, 90  # 100 tubes a video, as evaluators allow 100 predictions
FRAMES, HEIGHT, WIDTH, CATEGORIES = 30, 360, 640, 5
REPEATS = 3


def make_videos(
    videos: int = VIDEOS,
    true: int = TRUE,
    predicted: int = PREDICTED,
    frames: int = FRAMES,
    size_hw: tuple[int, int] = (HEIGHT, WIDTH),
    categories: int = CATEGORIES,
    seed: int = 0,
) -> list[tuple[Any, Any]]:
    """(true, predicted) tubes: ellipses that drift and come; predictions are true ones disturbed, or strays."""
    rng = np.random.default_rng(seed)
    return [_video(rng, true, predicted, frames, size_hw, categories) for _ in range(videos)]


def _video(
    rng: np.random.Generator,
    true: int,
    predicted: int,
    frames: int,
    size_hw: tuple[int, int],
    categories: int,
) -> tuple[Any, Any]:
    from segassets.masks.tubes import Tubes

    height, width = size_hw
    paths = [_path(rng, size_hw) for _ in range(true)]
    kinds = rng.integers(0, categories, true)
    truth = Tubes(height, width, [_masks(path, frames, size_hw) for path in paths], None, kinds,
                  crowd=rng.random(true) < 0.1)  # fmt: skip
    made, labels = [], []
    for number in range(predicted):
        near = number % max(1, len(paths)) if paths and rng.random() < 0.7 else None
        path = _path(rng, size_hw) if near is None else paths[near] * rng.normal(1, 0.03, 7)
        made.append(_masks(path, frames, size_hw))
        labels.append(rng.integers(0, categories) if near is None or rng.random() < 0.2 else kinds[near])
    scores = np.round(rng.random(predicted), 2)  # rounded: some are equal
    return truth, Tubes(height, width, made, None, np.array(labels, int), scores)


def _path(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Centre, motion a frame, radii and the frame from which on it is there."""
    height, width = size_hw
    return np.array(
        [
            *(rng.uniform(0.2, 0.8, 2) * size_hw),
            *rng.normal(0, 0.004, 2) * size_hw,
            *(rng.uniform(0.05, 0.45, 2) * min(height, width)),
            rng.uniform(0, 0.3),
        ]
    )


def _masks(path: np.ndarray, frames: int, size_hw: tuple[int, int]) -> dict[int, str]:
    """Counts of an ellipse by frame, straight from the run of rows that it covers in each column."""
    from pycocotools import mask as coco

    height, width = size_hw
    y, x, down, right, tall, wide, start = path
    found = {}
    for frame in range(int(start * frames), frames):
        reach = 1 - ((np.arange(width) - x - frame * right) / wide) ** 2
        half = tall * np.sqrt(np.maximum(reach, 0)) - (reach <= 0)
        middle = y + frame * down
        top = np.clip(np.ceil(middle - half), 0, height).astype(int)
        end = np.clip(np.floor(middle + half) + 1, top, height).astype(int)
        edges = (np.arange(width) * height + np.array([top, end])).T[end > top].reshape(-1)
        if len(edges):
            runs = np.diff(np.concatenate([[0], edges, [height * width]])).tolist()
            encoded = coco.frPyObjects({"size": [height, width], "counts": runs}, height, width)
            found[frame] = encoded["counts"].decode("ascii")
    return found


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    from benchmarks import vis_reference
    from segassets.evaluation.vis import VisEvaluation

    videos = make_videos()

    def ours() -> dict[str, dict[str, float | None]]:
        evaluation = VisEvaluation()
        for truth, predicted in videos:
            evaluation.add(truth, predicted)
        scores = evaluation.scores()
        return {"categories": scores.per_class, "agnostic": scores.agnostic}

    def theirs() -> dict[str, dict[str, float]]:
        plain = [tuple(vis_reference.tubes_of(tubes, FRAMES) for tubes in video) for video in videos]
        return {
            name: vis_reference.evaluate(plain, by_category=by_category)  # type: ignore[arg-type]
            for name, by_category in (("categories", True), ("agnostic", False))
        }

    found: dict[str, Any] = {}
    times = interleaved(
        [lambda: seconds(lambda: found.update(a=ours())), lambda: seconds(lambda: found.update(b=theirs()))],
        REPEATS,
    )
    apart = largest_difference(found["a"], found["b"])
    if apart > 1e-9:
        raise RuntimeError(f"the two evaluators differ by {apart}")
    note = (
        f"{times[0]:.2f} s against {times[1]:.2f} s with and without categories; they differ by {apart:.0e}"
    )
    return [Figure("vis_ap", times[1] / times[0], "x plain Python", 10, note=note)]


def largest_difference(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Of all figures of the reference; None of ours is its -1."""
    return max(
        abs((-1.0 if (mine := ours[group][name]) is None else mine) - value)
        for group, figures in theirs.items()
        for name, value in figures.items()
    )
