"""The engine's logic against a segmenter that knows the truth, its measures against sam2's own code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segassets.masks import rle
from segassets.models.sam2.instantiate import prepare_sam2
from segassets.proposals.config import CandidateConfig
from segassets.proposals.decode import distinct, prompt_points, stability_of
from segassets.proposals.frame import FrameCandidates
from segassets.proposals.levels import Nesting
from segassets.proposals.refine import choose_wholes
from segassets.proposals.sam2_engine import Sam2CandidateEngine
from segassets_tests.proposals.truth import (
    HEIGHT,
    PARTS,
    SUB_PARTS,
    WHOLES,
    WIDTH,
    TruthSegmenter,
    box_mask,
    picture,
)


def propose(segmenter: TruthSegmenter | None = None, **values) -> FrameCandidates:
    config = CandidateConfig(**{"points_per_side": 12, "refine_points": 24, "nms_iou": 0.75} | values)
    return Sam2CandidateEngine(segmenter or TruthSegmenter(), config).propose_on(picture())


def best_match(candidates: FrameCandidates, box: tuple[int, int, int, int]) -> tuple[float, int]:
    """IoU and position of the candidate nearest to a rectangle."""
    iou = rle.iou_matrix([rle.encode(box_mask(box))], candidates.rle_counts, HEIGHT, WIDTH)[0]
    return float(iou.max()), int(iou.argmax())


def test_things_are_found_at_their_level_and_under_their_parent():
    found = propose()
    position = {}
    for level, boxes in ((2, WHOLES), (4, PARTS), (6, SUB_PARTS)):
        for name, box in boxes.items():
            iou, at = best_match(found, box)
            assert iou > 0.85, name
            assert found.level[at] == level, name
            position[name] = at
    assert found.parent[position["cupboard"]] == found.parent[position["ball"]] == -1
    assert found.parent[position["left door"]] == position["cupboard"]
    assert found.parent[position["window"]] == found.parent[position["handle"]] == position["left door"]
    assert (found.level == 2).sum() == 3  # the ground too
    assert len(found) == 7


def test_children_lie_within_their_parents():
    found = propose()
    masks = rle.decode_batch(found.rle_counts, HEIGHT, WIDTH)
    for at in np.flatnonzero(found.parent >= 0):
        assert not (masks[at] & ~masks[found.parent[at]]).any()
        assert found.level[found.parent[at]] < found.level[at]


@pytest.mark.parametrize(
    ("levels", "names_at_level"),
    [
        ([2], {2: ["cupboard", "ball"]}),
        ([4], {4: ["left door", "right door", "ball"]}),  # what has no parts stands in
        ([2, 6], {2: ["cupboard", "ball"], 6: ["window", "handle"]}),
        ([1, 3], {1: ["cupboard", "ball"], 3: ["left door", "right door"]}),
    ],
)
def test_levels_asked_for(levels, names_at_level):
    found = propose(levels=levels)
    everything = WHOLES | PARTS | SUB_PARTS
    for level, names in names_at_level.items():
        for name in names:
            iou, at = best_match(found, everything[name])
            assert iou > 0.85, name
            assert found.level[at] == level, name
    assert set(found.level) == set(levels)
    if levels == [2, 6]:
        assert (
            found.parent[best_match(found, SUB_PARTS["window"])[1]]
            == best_match(found, WHOLES["cupboard"])[1]
        )


def test_refinement_finds_what_the_grid_misses():
    coarse = {"points_per_side": 4, "levels": [2, 4, 6]}
    with_it, without = propose(**coarse), propose(**coarse, refine=False)
    assert best_match(with_it, SUB_PARTS["handle"])[0] > 0.8
    assert best_match(without, SUB_PARTS["handle"])[0] < 0.5


def test_a_picture_is_encoded_once_and_points_are_batched():
    segmenter = TruthSegmenter()
    propose(segmenter, points_per_batch=7)
    assert segmenter.encoded == 1
    assert segmenter.largest_batch == 7
    assert len(segmenter.points) > 144
    assert all(0 <= x < WIDTH and 0 <= y < HEIGHT for x, y in segmenter.points)


@pytest.mark.parametrize(
    ("segmenter", "threshold", "number"),
    [
        (TruthSegmenter(predicted_iou=0.5), {"predicted_iou_threshold": 0.6}, 0),
        (TruthSegmenter(predicted_iou=0.5), {"predicted_iou_threshold": 0.5}, 7),
        (TruthSegmenter(stability_logit=0.9), {"stability_threshold": 0.9}, 0),
        (TruthSegmenter(stability_logit=0.9), {"stability_threshold": 0.0}, 7),
    ],
)
def test_thresholds_filter(segmenter, threshold, number):
    # with logits of +-0.9 no pixel reaches the offset of 1: stability 0
    assert len(propose(segmenter, **threshold)) == number


def test_scores_are_the_networks_own():
    found = propose(TruthSegmenter(stability_logit=3.0), stability_threshold=0.7)
    np.testing.assert_allclose(found.predicted_iou, 0.9)
    assert len(np.unique(found.stability)) > 3
    assert ((found.stability >= 0.7) & (found.stability <= 1)).all()
    np.testing.assert_allclose(found.score, found.stability * found.predicted_iou)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 17)])
def test_odd_pictures(size):
    class Ground(TruthSegmenter):
        def _answers(self, x, y):
            return np.ones((3, *size), bool)

    config = CandidateConfig(points_per_side=3, min_region_area=1)
    found = Sam2CandidateEngine(Ground(), config).propose_on(np.zeros((*size, 3), np.uint8))
    assert len(found) == 0  # all of the frame is not a thing in it


def test_stability_is_sam2s():
    prepare_sam2()
    from sam2.utils.amg import calculate_stability_score

    logits = torch.randn(20, 31, 17, generator=torch.Generator().manual_seed(0)) * 2
    torch.testing.assert_close(stability_of(logits, 1.0), calculate_stability_score(logits, 0.0, 1.0))
    assert stability_of(torch.full((1, 3, 3), -5.0), 1.0).tolist() == [0.0]  # sam2 gives nan


def test_pools_are_thinned_when_they_grow(monkeypatch):
    config = CandidateConfig(points_per_side=12)
    points = Sam2CandidateEngine(TruthSegmenter(), config)
    whole = points.propose_on(picture())
    monkeypatch.setattr("segassets.proposals.decode.POOL_LOGITS", 10 * 48 * 64)
    thinned = points.propose_on(picture())
    assert sorted(thinned.rle_counts) == sorted(whole.rle_counts)


def test_votes_count_the_answers_a_mask_stands_for():
    config = CandidateConfig(points_per_batch=5)
    points = np.array([[100, 60], [110, 70], [60, 40]], np.float32)  # twice the ball, once the right door
    pool = prompt_points(TruthSegmenter(), (HEIGHT, WIDTH), points, config)
    assert sorted(pool.votes.tolist()) == [[0, 1, 1], [1, 0, 0], [2, 2, 2]]
    assert distinct(pool, config).votes.sum() == 9


def test_no_sound_answer_gives_no_pool():
    config = CandidateConfig(predicted_iou_threshold=1.0)
    assert prompt_points(TruthSegmenter(), (HEIGHT, WIDTH), np.zeros((4, 2), np.float32), config) is None
    assert prompt_points(TruthSegmenter(), (HEIGHT, WIDTH), np.zeros((0, 2), np.float32), config) is None


def test_a_mask_that_merges_two_things_does_not_make_parts_of_them():
    class Merging(TruthSegmenter):
        """Now and then takes the cupboard and the ball for one thing."""

        def _answers(self, x, y):
            answers = super()._answers(x, y).copy()
            if 40 < x < 50 and answers[2].sum() < 6000:
                answers[2] = box_mask(WHOLES["cupboard"]) | box_mask(WHOLES["ball"])
            return answers

    found = propose(Merging())
    assert best_match(found, WHOLES["cupboard"])[0] > 0.9
    for name, box in WHOLES.items():
        iou, at = best_match(found, box)
        assert iou > 0.85, name
        assert (found.level[at], found.parent[at]) == (2, -1), name
    at = best_match(found, PARTS["left door"])[1]
    assert found.parent[at] == best_match(found, WHOLES["cupboard"])[1]


@pytest.mark.parametrize(
    ("boxes", "whole_share", "expected"),
    [
        ([], [], []),
        ([(0, 1, 0, 1)], [0.0], [0]),  # one pixel
        ([(0, HEIGHT, 0, WIDTH)], [1.0], []),  # the full frame
        ([(0, 40, 0, 40), (0, 20, 0, 20)], [0.3, 0.0], [0]),  # a part
        ([(0, 40, 0, 40), (0, 20, 0, 20)], [0.1, 0.3], [0, 1]),  # a thing in front of another
    ],
)
def test_wholes(boxes, whole_share, expected):
    counts = [rle.encode(box_mask(box)) for box in boxes]
    chosen = choose_wholes(counts, HEIGHT, WIDTH, Nesting(), np.array(whole_share))
    assert chosen.tolist() == expected
