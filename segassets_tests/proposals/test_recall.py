from __future__ import annotations

import pyarrow as pa
import pytest

from segassets.masks import rle
from segassets.masks.table import MaskRows, empty_masks
from segassets.proposals.recall import candidate_recall, tiled_boxes
from segassets_tests.proposals.truth import HEIGHT, WIDTH, box_mask


def table_of(rows: list[tuple[int, int, tuple[int, int, int, int]]], source: str = "annotation") -> pa.Table:
    """(frame, level, box) as a mask table."""
    collected = MaskRows("s")
    for frame, level, box in rows:
        collected.add(
            frame=frame,
            source_frame=frame,
            height=HEIGHT,
            width=WIDTH,
            rle_counts=rle.encode(box_mask(box)),
            source=source,
            level=level,
        )
    return collected.to_table()


TABLE, TOP, LEG = (10, 60, 10, 70), (10, 30, 10, 70), (30, 60, 10, 20)


def test_recall_by_level():
    truth = table_of([(0, 2, TABLE), (0, 4, TOP), (0, 4, LEG)])
    found = candidate_recall(table_of([(0, 2, TABLE), (0, 2, TOP), (0, 4, LEG)], "candidate"), truth)
    assert (found[2].truths, found[2].recall, found[2].recall_at_level) == (1, 1.0, 1.0)
    assert (found[4].truths, found[4].recall, found[4].recall_at_level) == (2, 1.0, 0.5)
    assert found[4].mean_best_iou == pytest.approx(1.0)


def test_a_part_that_is_all_of_its_object_may_be_found_as_a_whole():
    truth = table_of([(0, 2, TABLE), (0, 4, TABLE)])
    assert candidate_recall(table_of([(0, 2, TABLE)], "candidate"), truth)[4].recall_at_level == 1.0


@pytest.mark.parametrize(
    ("candidates", "truth", "frames", "expected"),
    [
        ([], [], None, {}),
        ([(0, 2, TABLE)], [], None, {}),
        (
            [],
            [(0, 2, TABLE)],
            None,
            {},
        ),  # without frames, a frame without candidates is not known to be a keyframe
        ([], [(0, 2, TABLE)], [0], {2: 0.0}),
        ([(1, 2, TABLE)], [(0, 2, TABLE), (1, 2, TABLE)], None, {2: 1.0}),
        ([(1, 2, TABLE)], [(0, 2, TABLE), (1, 2, TABLE)], [0, 1], {2: 0.5}),
        ([(0, 2, TABLE)], [(0, 2, TABLE), (0, 2, (0, 1, 0, 1))], None, {2: 1.0}),  # one pixel is not judged
        ([(0, 2, (0, HEIGHT, 0, WIDTH))], [(0, 2, (0, HEIGHT, 0, WIDTH))], None, {2: 1.0}),
    ],
)
def test_which_truths_are_judged(candidates, truth, frames, expected):
    found = candidate_recall(table_of(candidates, "candidate"), table_of(truth), frames=frames)
    assert {level: figures.recall for level, figures in found.items()} == expected


def test_crowds_are_not_judged():
    assert candidate_recall(empty_masks(), table_of([(0, 2, TABLE)], "annotation_crowd"), frames=[0]) == {}


def test_iou_threshold_is_included():
    truth, half = table_of([(0, 2, (0, 40, 0, 40))]), table_of([(0, 2, (0, 40, 0, 20))], "candidate")
    assert candidate_recall(half, truth, iou=0.5)[2].recall == 1.0
    assert candidate_recall(half, truth, iou=0.51)[2].recall == 0.0


def test_the_baseline_tiles_the_frame():
    counts = tiled_boxes(14, HEIGHT, WIDTH)
    areas = rle.areas(counts, HEIGHT, WIDTH)
    assert areas[0] == areas[1:5].sum() == areas[5:14].sum() == HEIGHT * WIDTH
    assert tiled_boxes(0, HEIGHT, WIDTH) == []


def test_the_baseline_uses_as_many_boxes_as_there_are_candidates():
    truth = table_of([(0, 2, (0, HEIGHT // 2, 0, WIDTH // 2))])
    few, more = table_of([(0, 2, LEG)], "candidate"), table_of([(0, 2, LEG)] * 2, "candidate")
    assert candidate_recall(few, truth)[2].baseline == 0.0
    assert candidate_recall(more, truth)[2].baseline == 1.0
