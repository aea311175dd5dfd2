"""Threshold search: against a search by hand, ties, background, nothing to judge, stored results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from segassets.errors import BadInput, MissingInput
from segassets.evaluation.aggregate import ITEM_OVERALL
from segassets.evaluation.items import ITEMS, items_of
from segassets.evaluation.segmentation import count_at_thresholds
from segassets.evaluation.thresholds import best_index, search_threshold
from segassets.models.trained import read_best_threshold

GRID = [0.2, 0.35, 0.5, 0.65, 0.8]


def item(
    probabilities: np.ndarray, truth: np.ndarray, grid: list[float] = GRID, **columns: Any
) -> dict[str, Any]:
    predicted, hit = count_at_thresholds(probabilities, truth, grid)
    row = {"scene": "a.b", "clip": 0, "frame": 0, "object_id": 1, "category_id": 0, "prompt": "mask"}
    row |= {"prompted_here": False, "pixels": truth.size, "truth_area": int(truth.sum()), "mae": 0.0}
    return row | {"predicted_areas": predicted, "hit_areas": hit} | columns


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=ITEMS)


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    whole = mask.sum() + truth.sum()
    return 2 * (mask & truth).sum() / whole if whole else 1.0


@pytest.mark.parametrize("seed", range(8))
def test_search_equals_one_pass_a_threshold(seed: int) -> None:
    """Two videos of unlike length, two objects: image -> video -> overall, written out with loops."""
    rng = np.random.default_rng(seed)
    rows, by_video = [], {}
    for video, frames in (("a.long", 3), ("a.short", 1)):
        for frame in range(frames):
            for thing in range(1, 3):
                probabilities = rng.choice(np.array([*GRID, 0.0, 0.9], np.float32), (6, 7))
                truth = rng.random((6, 7)) < rng.choice([0, 0.3, 1])
                rows.append(item(probabilities, truth, scene=video, frame=frame, object_id=thing))
                by_video.setdefault(video, {}).setdefault(frame, []).append((probabilities, truth))
    found = search_threshold(items_of(table(rows)), GRID)
    expected = [
        np.mean([
            np.mean([np.mean([dice(p >= np.float32(threshold), g) for p, g in image]) for image in images.values()])
            for images in by_video.values()
        ])
        for threshold in GRID
    ]  # fmt: skip
    np.testing.assert_allclose([row["dice"] for row in found.threshold_curve], expected)
    assert found.best_dice == pytest.approx(max(expected))
    assert expected[GRID.index(found.best_threshold)] == pytest.approx(max(expected))
    assert found.items == 8


@pytest.mark.parametrize(
    ("values", "best"),
    [
        pytest.param([0.1, 0.9, 0.3, 0.2, 0.1], 0.35, id="the largest"),
        pytest.param([0.9, 0.9, 0.3, 0.9, 0.9], 0.35, id="ties: closest to .5, then the lower"),
        pytest.param([0.9, 0.9, 0.9, 0.9, 0.9], 0.5, id="all equal"),
        pytest.param([0.9, 0.1, 0.1, 0.1, 0.9], 0.2, id="equally far: the lower"),
        pytest.param([np.nan, 0.1, np.nan, 0.2, np.nan], 0.65, id="nan is no value"),
    ],
)
def test_ties(values: list[float], best: float) -> None:
    assert GRID[best_index(np.array(values), GRID)] == best


def test_background_is_left_out() -> None:
    truth = np.zeros((4, 4), bool)
    truth[:2] = True
    sure, unsure = np.where(truth, 0.4, 0.1), np.where(truth, 0.9, 0.7)
    rows = [item(sure, truth, category_id=3), item(unsure, truth, category_id=0, object_id=2)]
    without = search_threshold(items_of(table(rows)), GRID, background=[0])
    assert (without.best_threshold, without.best_dice, without.items) == (0.35, 1.0, 1)
    kept = search_threshold(items_of(table(rows)), GRID, background=[0], exclude_background=False)
    assert kept.items == 2
    assert kept.best_dice < 1


def test_an_unjudged_frame_depends_on_the_threshold() -> None:
    nothing = np.zeros((3, 3), bool)
    found = search_threshold(
        items_of(table([item(np.full((3, 3), 0.4), nothing)])),
        GRID,
        both_empty=float("nan"),
        aggregation=ITEM_OVERALL,
    )
    assert [row["dice"] for row in found.threshold_curve][:2] == [0, 0]
    assert np.isnan([row["dice"] for row in found.threshold_curve][2:]).all()


def test_nothing_to_judge_and_another_grid() -> None:
    with pytest.raises(BadInput, match="found none"):
        search_threshold(items_of(table([])), GRID)
    rows = [item(np.zeros((2, 2)), np.ones((2, 2), bool))]
    with pytest.raises(BadInput, match=r"expected counts at 3 thresholds, found 5"):
        search_threshold(items_of(table(rows)), [0.1, 0.2, 0.3])


def test_stored_and_read(tmp_path: Path) -> None:
    truth = np.eye(4, dtype=bool)
    found = search_threshold(items_of(table([item(np.where(truth, 0.36, 0.1), truth)])), GRID)
    found.write(tmp_path)
    stored = json.loads((tmp_path / "best_threshold.json").read_text())
    assert stored["best_threshold"] == 0.35
    assert len(stored["threshold_curve"]) == len(GRID)
    assert read_best_threshold(tmp_path) == read_best_threshold(tmp_path / "best_threshold.json") == 0.35


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"best_threshold": 2}', '{"best_threshold": "x"}', '{"best_threshold": NaN}']
)
def test_a_broken_result_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "best_threshold.json"
    path.write_text(text)
    with pytest.raises(BadInput, match="best_threshold"):
        read_best_threshold(path)


def test_a_missing_result_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no threshold at"):
        read_best_threshold(tmp_path)
