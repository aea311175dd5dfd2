"""Small tools of the stage: suppression, cleaning, points, gaps, limits, parents."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from torchvision.ops import nms

from segassets.masks import rle
from segassets.models.sam2.instantiate import prepare_sam2
from segassets.models.upsample import Upsampler
from segassets.proposals.frame import combined_score, reparent
from segassets.proposals.gaps import fill_gaps, gap_masks
from segassets.proposals.levels import Nesting, inside, outermost, shared_pixels, smallest_container
from segassets.proposals.nms import keep_distinct, representatives
from segassets.proposals.overlaps import limit_levels, make_exclusive
from segassets.proposals.refine import nest
from segassets.proposals.regions import clean_mask, grid_points, points_within
from segassets_tests.proposals.truth import box_mask, candidates_of


def random_boxes(number: int, side: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    top_left = rng.integers(0, side - 8, (number, 2))
    size = rng.integers(4, 24, (number, 2))
    return np.stack([top_left, np.minimum(top_left + size, side)], 1).reshape(-1, 4)[:, [0, 2, 1, 3]]


@pytest.mark.parametrize("number", [0, 1, 2, 50, 400])
def test_suppression_is_the_greedy_one_of_torchvision(number):
    boxes = random_boxes(number, 64, seed=number)
    scores = np.random.default_rng(1).permutation(number).astype(np.float32)
    counts = [rle.encode(box_mask(tuple(box), 64, 64)) for box in boxes]
    xyxy = torch.from_numpy(boxes[:, [2, 0, 3, 1]].astype(np.float32))
    expected = nms(xyxy, torch.from_numpy(scores), 0.5).tolist()  # for boxes the masks' IoU is the boxes'
    assert keep_distinct(counts, scores, 64, 64, 0.5).tolist() == expected


def test_each_mask_is_represented_by_its_most_similar_keeper():
    masks = [box_mask((0, 20, 0, 20)), box_mask((0, 20, 0, 19)), box_mask((40, 60, 40, 60))]
    stands_for = representatives(
        [rle.encode(mask) for mask in masks], np.array([0.5, 0.9, np.nan]), 96, 128, 0.7
    )
    assert stands_for.tolist() == [1, 1, 2]


@pytest.mark.parametrize(
    ("drawn", "min_area", "expected_area"),
    [
        ([], 5, 0),  # empty
        ([(10, 11, 10, 11)], 1, 1),  # one pixel, nothing is too small
        ([(10, 11, 10, 11)], 2, 0),  # one pixel, an island
        ([(0, 96, 0, 128)], 50, 96 * 128),  # the full frame
        ([(0, 20, 0, 20), (40, 42, 40, 42)], 5, 400),  # an island goes
        ([(0, 20, 0, 20), (40, 42, 40, 42)], 4, 404),  # of exactly the area stays
    ],
)
def test_islands(drawn, min_area, expected_area):
    mask = np.zeros((96, 128), bool)
    for box in drawn:
        mask |= box_mask(box)
    assert clean_mask(mask, min_area).sum() == expected_area


def test_holes_are_filled_and_bays_are_not():
    mask = box_mask((10, 40, 10, 40))
    mask[20:22, 20:22] = False  # a small hole
    mask[25:35, 20:30] = False  # a large one
    mask[10:12, 30:32] = False  # a bay
    cleaned = clean_mask(mask, 10)
    assert cleaned[20:22, 20:22].all()
    assert not cleaned[25:35, 20:30].any()
    assert not cleaned[10:12, 30:32].any()


def test_grid_is_that_of_automatic_mask_generation():
    prepare_sam2()
    from sam2.utils.amg import build_point_grid

    expected = build_point_grid(5) * np.array([128, 96])
    np.testing.assert_allclose(grid_points(96, 128, 5), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "mask",
    [
        box_mask((10, 11, 10, 11)),  # one pixel
        box_mask((0, 96, 0, 128)),  # the full frame
        box_mask((5, 90, 60, 61)),  # a line
        box_mask((0, 96, 0, 128)) & ~box_mask((1, 95, 1, 127)),  # a frame that the lattice misses
    ],
)
def test_points_lie_in_their_mask(mask):
    points = points_within(mask, 9)
    assert 1 <= len(points) <= 20
    assert mask[points[:, 1].astype(int), points[:, 0].astype(int)].all()


def test_no_points_in_an_empty_mask():
    assert points_within(np.zeros((4, 4), bool), 9).shape == (0, 2)


def test_gaps_are_the_large_4_connected_components_once_each():
    covered = np.ones((20, 20), bool)
    covered[0:5, 0:5] = False  # 25 pixels
    covered[5:8, 5:8] = False  # 9 pixels, touching the first at a corner only
    covered[15, 15] = False
    gaps = gap_masks(covered, 9)
    assert [int(gap.sum()) for gap in gaps] == [25, 9]
    assert gaps.sum(0).max() == 1
    labels, count = ndimage.label(~covered)
    assert count == 3
    assert labels[gaps[0]].min() == labels[gaps[0]].max()


@pytest.mark.parametrize(("covered", "expected"), [(True, []), (False, [400])])
def test_gaps_of_a_frame_covered_wholly_or_not_at_all(covered, expected):
    assert [int(gap.sum()) for gap in gap_masks(np.full((20, 20), covered), 1)] == expected


def test_filled_gaps_complete_the_base_level_without_double_counting():
    candidates = candidates_of([box_mask((0, 96, 0, 60)), box_mask((0, 10, 0, 10))], [2, 4], [-1, 0])
    filled = fill_gaps(candidates, 2, 100)
    base = [text for text, level in zip(filled.rle_counts, filled.level, strict=True) if level == 2]
    total = rle.areas(base, 96, 128).sum()
    assert filled.source == ["candidate", "candidate", "gap_fill"]
    assert total == 96 * 128 == rle.areas([rle.union(base, 96, 128)], 96, 128)[0]
    assert np.isnan(filled.score[2])


def test_gap_filling_without_any_mask_gives_the_frame():
    filled = fill_gaps(candidates_of([], []), 2, 1)
    assert filled.areas.tolist() == [96 * 128]


def test_shared_pixels_are_exact():
    first = [rle.encode(box_mask(tuple(box))) for box in random_boxes(30, 96, 3)]
    second = [rle.encode(box_mask(tuple(box))) for box in random_boxes(20, 96, 4)]
    iou = rle.iou_matrix(first, second, 96, 128)
    shared = shared_pixels(iou, rle.areas(first, 96, 128), rle.areas(second, 96, 128))
    left, right = rle.decode_batch(first, 96, 128), rle.decode_batch(second, 96, 128)
    expected = (left[:, None] & right[None]).sum((-1, -2))
    np.testing.assert_allclose(shared, expected, atol=1e-6)


def test_inside_needs_containment_and_a_larger_parent():
    boxes = [(0, 40, 0, 40), (0, 20, 0, 20), (0, 40, 0, 36), (0, 20, 30, 50), (0, 40, 0, 40)]
    counts = [rle.encode(box_mask(box)) for box in boxes]
    areas = rle.areas(counts, 96, 128)
    found = inside(rle.iou_matrix(counts, counts, 96, 128), areas, areas, Nesting())
    assert np.argwhere(found).tolist() == [[1, 0], [1, 2], [1, 4]]  # 2 repeats 0; 3 is half outside
    assert smallest_container(found, areas).tolist() == [-1, 2, -1, -1, -1]
    assert outermost(found).tolist() == [True, False, True, True, True]


def test_no_containers():
    assert smallest_container(np.zeros((3, 0), bool), np.zeros(0)).tolist() == [-1, -1, -1]


def test_children_of_what_is_left_out_go_to_the_nearest_kept_ancestor():
    parent = np.array([-1, 0, 1, 2, -1])
    assert reparent(parent, np.array([3, 0])).tolist() == [-1, 1, 1, 1, -1]
    assert reparent(parent, np.array([], int)).tolist() == [-1] * 5


def test_score_is_the_product_or_what_is_known():
    score = combined_score(np.array([0.5, np.nan, 0.5, np.nan]), np.array([0.5, 0.4, np.nan, np.nan]))
    np.testing.assert_allclose(score, [0.25, 0.4, 0.5, np.nan])


def test_limit_keeps_the_best_of_each_level():
    masks = [box_mask((0, 10 + i, 0, 10)) for i in range(4)]
    candidates = candidates_of(masks, [2, 2, 4, 4], [-1, -1, 0, 1], stability=[0.5, 0.9, 0.7, 0.8])
    limited = limit_levels(candidates, 1)
    assert limited.level.tolist() == [2, 4]
    assert limited.stability.tolist() == pytest.approx([0.9, 0.8])
    assert limited.parent.tolist() == [-1, 0]
    assert len(limit_levels(candidates, 0)) == 4


def test_exclusive_masks_do_not_overlap_and_stay_inside_their_parents():
    masks = [
        box_mask((0, 40, 0, 40)),
        box_mask((0, 40, 20, 60)),
        box_mask((0, 20, 10, 30)),
        box_mask((0, 9, 20, 24)),
    ]
    candidates = candidates_of(masks, [2, 2, 4, 2], [-1, -1, 0, -1], stability=[0.5, 0.9, 0.8, 0.4])
    exclusive = make_exclusive(candidates, 10)
    found = rle.decode_batch(exclusive.rle_counts, 96, 128)
    assert exclusive.areas.tolist() == [800, 1600, 200]  # the last one has nothing left
    assert not (found[0] & found[1]).any()
    assert not (found[2] & ~found[0]).any()


def test_nesting_finds_parents_clamps_and_drops_repetitions():
    masks = [
        box_mask((0, 40, 0, 40)),
        box_mask((0, 20, 0, 42)),  # a part that reaches over
        box_mask((0, 40, 0, 39)),  # its parent again
        box_mask((60, 80, 60, 80)),  # nobody's part
        box_mask((2, 8, 2, 8)),  # a part of the part
        box_mask((30, 31, 2, 4)),  # too small
    ]
    nested = nest(candidates_of(masks, [2, 4, 4, 4, 6, 6]), Nesting(), min_area=5)
    assert nested.level.tolist() == [2, 4, 4, 6]
    assert nested.parent.tolist() == [-1, 0, -1, 1]
    assert nested.areas.tolist() == [1600, 800, 400, 36]


def test_nesting_keeps_the_parents_it_is_given():
    masks = [box_mask((0, 40, 0, 40)), box_mask((0, 40, 0, 60)), box_mask((0, 20, 0, 20))]
    nested = nest(candidates_of(masks, [2, 2, 4], [-1, -1, 1]), Nesting(), 1)
    assert nested.parent.tolist() == [-1, -1, 1]


@pytest.mark.parametrize("masks", [[], [box_mask((0, 1, 0, 1))], [box_mask((0, 96, 0, 128))]])
def test_nesting_of_none_of_one_pixel_and_of_the_full_frame(masks):
    assert len(nest(candidates_of(masks, [2] * len(masks)), Nesting(), 1)) == len(masks)


@pytest.mark.parametrize("large_hw", [(96, 128), (13, 9), (1, 1), (12, 16), (5, 200)])
@pytest.mark.parametrize("small_hw", [(12, 16), (1, 1), (2, 3)])
def test_upsampled_windows_are_torchs_interpolation(small_hw, large_hw):
    logits = torch.randn(6, *small_hw, generator=torch.Generator().manual_seed(0)) * 3
    logits[4], logits[5] = -9.0, 9.0  # absent, and the full frame
    upsampler = Upsampler(small_hw, *large_hw, floor=-1.0, device=logits.device)
    expected = F.interpolate(logits[:, None], large_hw, mode="bilinear", align_corners=False)[:, 0]
    windows = upsampler.windows(logits)
    assert not windows[4].any()
    for small, large, corners in zip(logits, expected, windows, strict=True):
        window = upsampler.window(small, corners)
        inside = (slice(*corners[:2]), slice(*corners[2:]))
        torch.testing.assert_close(window, large[inside], atol=1e-4, rtol=1e-4)
        outside = large.clone()
        outside[inside] = -9.0
        assert (outside <= -1.0 + 1e-4).all()
