"""Pseudo tubes: which scenes are skipped, which tubes are dropped, what is kept of the rest."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from segassets.errors import BadInput
from segassets.exports.skips import SkipReport, SkipRules, read_skip_list
from segassets.masks import rle
from segassets.masks.schemas import FRAMES
from segassets.masks.table import MaskRows, validate_masks
from segassets.tracking.tube_config import TubeConfig
from segassets.tracking.tubes import attribute_tubes, make_tubes

HEIGHT, WIDTH, LENGTH = 24, 32, 10


def frames_table(length: int = LENGTH) -> pa.Table:
    columns = {name: [None] * length for name in FRAMES.names}
    columns |= {"scene": ["a.b"] * length, "frame": list(range(length)), "source_frame": list(range(length))}
    columns |= {"uri": [f"{at}.jpg" for at in range(length)], "annotated": [False] * length}
    columns |= {"height": [HEIGHT] * length, "width": [WIDTH] * length}
    return pa.table(columns, schema=FRAMES)


def tracks(*rows: tuple[int, range, int, float | None], **values) -> pa.Table:
    """Rows (track id, frames, left edge, score)."""
    made = MaskRows("a.b")
    for track, frames, left, score in rows:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[4:12, left : left + 8] = True
        for frame in frames:
            made.add(
                frame=frame, source_frame=frame, height=HEIGHT, width=WIDTH, rle_counts=rle.encode(mask),
                source="track", track_id=track, score=score, **values,
            )  # fmt: skip
    return made.to_table()


def made(*rows, **config):
    return make_tubes(tracks(*rows), frames_table(), "a.b", TubeConfig(**config))


def test_scores_coverage_and_source():
    found = made((5, range(4), 0, 0.5), (2, range(10), 16, None))
    assert found.tubes.to_pylist() == [
        {"scene": "a.b", "track_id": 2, "category_id": -1, "score": 1.0, "frames": 10, "coverage": 1.0},
        {"scene": "a.b", "track_id": 5, "category_id": -1, "score": 0.5, "frames": 4, "coverage": pytest.approx(0.4)},
    ]  # fmt: skip
    validate_masks(found.masks, frames_table())
    assert set(found.masks.column("source").to_pylist()) == {"tube"}
    assert found.skipped is None and found.dropped == {}


def test_score_times_coverage():
    [row] = made((5, range(4), 0, 0.5), score="mean_coverage").tubes.to_pylist()
    assert row["score"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("config", "dropped"),
    [
        ({}, {"duplicate": [3]}),
        ({"max_tube_iou": 1.0}, {}),
        ({"min_score": 0.6}, {"low_score": [2, 3]}),
        ({"min_tube_frames": 5}, {"duplicate": [3], "too_short": [4]}),
        ({"min_tube_coverage": 0.5}, {"duplicate": [3], "low_coverage": [4]}),
        ({"max_tubes": 1}, {"duplicate": [3], "too_many": [2, 4]}),
    ],
)
def test_what_is_dropped(config, dropped):
    rows = (
        (1, range(10), 0, 0.9),
        (2, range(10), 8, 0.5),
        (3, range(9), 0, 0.4),  # as track 1, for all but a frame
        (4, range(3), 0, 0.8),  # on the same place, for three frames only: IoU .3
    )
    assert made(*rows, **config).dropped == dropped


@pytest.mark.parametrize(
    ("rows", "config", "reason"),
    [
        ([(1, range(10), 0, 0.9)], {"skip_list": ["a.b"]}, "in_skip_list"),
        ([], {}, "no_masks"),
        ([(0, range(10), 0, 0.9)], {}, "no_masks"),  # masks without identity
        ([(1, range(2), 0, 0.9)], {}, "too_few_masks"),
        ([(1, range(3), 0, 0.9)], {"min_coverage": 0.5}, "low_coverage"),
    ],
)
def test_scenes_that_give_too_little_are_skipped(rows, config, reason):
    found = made(*rows, **config)
    assert found.skipped["reason"] == reason and found.skipped["frames"] == LENGTH
    assert found.masks.num_rows == found.tubes.num_rows == 0


def test_a_permissive_rule_keeps_what_is_there():
    assert made((1, range(1), 0, 0.9), min_masks=1, min_coverage=0).skipped is None
    assert made(min_masks=0, min_coverage=0).skipped["reason"] == "no_masks"


def test_attribution():
    tubes = made((1, range(10), 0, 0.9), (2, range(10), 8, 0.5)).tubes
    assert attribute_tubes(tubes, {2: 0}).column("category_id").to_pylist() == [-1, 0]
    with pytest.raises(BadInput, match="found track 9"):
        attribute_tubes(tubes, {9: 1})


def test_two_masks_of_a_track_on_a_frame_are_refused():
    with pytest.raises(BadInput, match="one mask of track 1 on frame 0"):
        made((1, range(10), 0, 0.9), (1, range(1), 8, 0.9))


def test_skip_list_and_report(tmp_path):
    (tmp_path / "skip.txt").write_text("# broken\n00012\n\n00013  # blurred\n")
    assert read_skip_list(tmp_path / "skip.txt") == ["00012", "00013"]
    report = SkipReport(SkipRules(min_masks=2))
    report.add("v", "too_few_masks", 8, 1, frame_dir="f")
    assert report.to_dict(out_json="x.json") == {
        "out_json": "x.json",
        "min_masks": 2,
        "min_coverage": 0.2,
        "skipped": [
            {
                "video": "v", "reason": "too_few_masks", "frames": 8, "masks": 1, "coverage": 0.125, "min_masks": 2,
                "min_coverage": 0.2, "frame_dir": "f",
            }
        ],
        "num_skipped": 1,
    }  # fmt: skip
