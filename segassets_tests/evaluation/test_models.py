"""Measuring a model: the guesses, a model that knows the truth, and the whole on one small room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from segassets.errors import BadConfig
from segassets.evaluation import trivial
from segassets.evaluation.models import (
    EvaluationScene,
    Figures,
    add_pictures,
    add_tracks,
    evaluate_model,
    summarise,
)
from segassets.evaluation.pairs import pair_iou
from segassets.masks import rle
from segassets.masks.table import MaskRows
from segassets.models.sam2.tiny import tiny_spec
from segassets.models.streaming import StepOutput

HEIGHT, WIDTH, FRAMES = 40, 60, 8


def _disc(x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(columns - x, rows - y) <= radius


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        pytest.param(_disc(20, 15, 6), (20, 15), id="a disc"),
        pytest.param(_disc(20, 15, 0), (20, 15), id="one pixel"),
        pytest.param(np.pad(np.ones((3, 3), bool), ((0, 5), (0, 5))), (1, 1), id="in a corner"),
    ],
)
def test_centre_most(mask: np.ndarray, expected: tuple[int, int]) -> None:
    assert trivial.centre_most(mask) == expected


def test_centre_most_of_the_full_frame_is_inside() -> None:
    x, y = trivial.centre_most(np.ones((9, 21), bool))
    assert (4 <= x <= 16, y) == (True, 4)


def test_boxes_and_ellipses() -> None:
    disc = _disc(30, 20, 12)
    box = trivial.box_xyxy(disc)
    assert box == (18, 8, 43, 33)
    assert trivial.filled_box(box, disc.shape).sum() == 25 * 25
    assert pair_iou(trivial.inscribed_ellipse(box, disc.shape), disc) > 0.9
    pixel = trivial.box_xyxy(_disc(3, 4, 0))
    assert (
        trivial.inscribed_ellipse(pixel, disc.shape).sum() == trivial.filled_box(pixel, disc.shape).sum() == 1
    )


def test_disc_ious_against_drawn_discs() -> None:
    mask, radii = _disc(30, 20, 12) & ~_disc(36, 20, 5), np.array([0.5, 4.0, 11.0, 30.0])
    expected = [pair_iou(_disc(28, 19, radius), mask) for radius in radii]
    np.testing.assert_allclose(trivial.disc_ious(mask, (28, 19), radii), expected)


class _Footage:
    """Two discs, one of which moves; the truth is known to `_Oracle`."""

    def __init__(self) -> None:
        self.masks = [
            np.stack([_disc(15 + 3 * t, 20, 8), _disc(45, 28, 7) & ~_disc(15 + 3 * t, 20, 8)])
            for t in range(FRAMES)
        ]

    def __len__(self) -> int:
        return FRAMES

    def size_hw(self, frame: int) -> tuple[int, int]:
        return HEIGHT, WIDTH

    def iterate(self, indices: Any = None) -> Any:
        for index in range(FRAMES) if indices is None else indices:
            yield index, np.full((HEIGHT, WIDTH, 3), index, np.uint8)

    def scene(self) -> EvaluationScene:
        rows = MaskRows("made.scene")
        for frame, masks in enumerate(self.masks):
            for number, mask in enumerate(masks, start=1):
                rows.add(frame=frame, source_frame=frame, height=HEIGHT, width=WIDTH, track_id=number,
                         level=2, rle_counts=rle.encode(mask), source="annotation")  # fmt: skip
        return EvaluationScene("made.scene", self, rows.to_table())  # type: ignore[arg-type]


class _Oracle:
    """An ImageSegmenter and VideoTracker that answers with the truth of `_Footage`."""

    def __init__(self, footage: _Footage) -> None:
        self.footage = footage

    def encode(self, rgb: np.ndarray, frame: int = -1) -> int:
        return int(rgb[0, 0, 0])

    def predict(
        self, encoded: int, points_xy: Any = None, labels: Any = None, boxes_xyxy: Any = None, **kind: Any
    ) -> Any:
        masks = self.footage.masks[encoded]
        logits = torch.from_numpy(masks * 20.0 - 10.0).float()[:, None]
        return logits.expand(-1, 3 if kind["multimask"] else 1, -1, -1), torch.ones(len(masks), 1)

    def found(self, features: int, masks: Any = None, boxes_xyxy: Any = None) -> Any:
        np.testing.assert_array_equal(masks, self.footage.masks[features])
        return "memory", None

    def step(self, features: int, memory: str) -> StepOutput:
        logits = torch.from_numpy(self.footage.masks[features] * 20.0 - 10.0).float()
        return StepOutput(logits, torch.ones(2), torch.ones(2))


def test_a_model_that_knows_the_truth_scores_one() -> None:
    footage, figures = _Footage(), Figures()
    oracle: Any = _Oracle(footage)
    add_pictures(figures, footage.scene(), oracle)
    add_tracks(figures, footage.scene(), oracle, FRAMES)
    figures.recall["value"].append((0.5, 2))
    found = summarise(figures)
    assert (
        found["iou_point"]["value"] == found["iou_point"]["best_of_three"] == found["iou_box"]["value"] == 1.0
    )
    assert found["j_track"]["value"] == 1.0
    kept = [pair_iou(footage.masks[0], masks) for masks in footage.masks[1:]]
    assert found["j_track"]["first_mask_kept"] == pytest.approx(np.mean(kept), abs=1e-4)
    assert 0.5 < found["iou_box"]["filled_box"] < found["iou_box"]["inscribed_ellipse"] < 1
    assert found["iou_point"]["best_disc_of_one_size"] > 0.8


def test_small_objects_and_parts_are_not_judged() -> None:
    rows = MaskRows("a.b")
    for level, radius in ((2, 1), (2, 9), (4, 8)):
        rows.add(frame=0, source_frame=0, height=HEIGHT, width=WIDTH, track_id=radius, level=level,
                 rle_counts=rle.encode(_disc(20, 20, radius)), source="annotation")  # fmt: skip
    scene = EvaluationScene("a.b", _Footage(), rows.to_table())  # type: ignore[arg-type]
    assert list(scene.objects(0)) == [9]
    assert scene.objects(1) == {}
    assert not scene.mask(1, 9).any()


def test_one_small_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("datasets", "models"):
        (tmp_path / "configs" / folder).mkdir(parents=True)
    spec = tiny_spec().model_dump(exclude_none=True)
    (tmp_path / "configs/models/tiny-0.yaml").write_text(yaml.safe_dump(spec))
    room = {"frames": 3, "size_px": [64, 64], "antialias": False, "objects_min": 4, "objects_max": 4}
    dataset = {
        "name": "little",
        "layout": "rooms",
        "root": str(tmp_path / "rooms"),
        "options": {"count": 1, "room": room},
    }
    (tmp_path / "configs/datasets/little.yaml").write_text(yaml.safe_dump(dataset))
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path / "configs"))
    found = evaluate_model("tiny-0", "little", device="cpu", track_frames=3)
    assert (found["model"], found["scenes"]) == ("tiny-0", 1)
    assert found["objects"] > 0
    for figure in ("iou_point", "iou_box", "j_track", "candidate_recall"):
        assert 0 <= found[figure]["value"] <= 1
        assert len(found[figure]) >= 2
    with pytest.raises(BadConfig, match=r"'little'"):
        evaluate_model("tiny-0", "litle")
