"""Matching of tracks to true objects, on small scenes whose figures can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from segassets.evaluation.track_quality import track_quality
from segassets.masks import rle
from segassets.masks.table import MaskRows

SIZE = 20


def table(rows: list[tuple[int, int, slice]], *, level: int = 2, source: str = "track") -> pa.Table:
    """Masks (frame, track_id, columns they cover)."""
    builder = MaskRows("test.scene")
    for frame, track, columns in rows:
        mask = np.zeros((SIZE, SIZE), bool)
        mask[:, columns] = True
        builder.add(
            frame=frame,
            source_frame=frame,
            height=SIZE,
            width=SIZE,
            rle_counts=rle.encode(mask),
            source=source,
            track_id=track,
            level=level,
        )
    return builder.to_table()


LEFT, RIGHT, NARROW = slice(0, 8), slice(12, 20), slice(0, 4)


def test_perfect_tracks() -> None:
    truth = table([(f, t, c) for f in range(3) for t, c in ((1, LEFT), (2, RIGHT))])
    tracks = table([(f, t, c) for f in range(3) for t, c in ((7, RIGHT), (9, LEFT))])
    found = track_quality(tracks, truth)
    assert (found["true_objects"], found["object_recall"], found["j"]) == (2, 1.0, 1.0)
    assert (found["id_switches"], found["tracks_unmatched"], found["j_first_mask"]) == (0, 0, 1.0)
    assert {item["object_id"]: item["track_id"] for item in found["objects"]} == {1: 9, 2: 7}


def test_one_track_cannot_serve_two_objects() -> None:
    truth = table([(0, 1, LEFT), (0, 2, NARROW)])
    found = track_quality(table([(0, 5, LEFT)]), truth)
    assert [item["track_id"] for item in found["objects"]] == [5, 0]
    assert found["object_recall"] == 0.5
    assert found["j"] == 0.5
    assert found["j_found"] == 1.0


def test_a_track_that_breaks_counts_as_a_switch_and_loses_j() -> None:
    truth = table([(f, 1, LEFT) for f in range(4)])
    tracks = table([(0, 1, LEFT), (1, 1, LEFT), (1, 3, LEFT), (2, 2, LEFT), (3, 2, LEFT)])
    found = track_quality(tracks, truth)
    assert found["id_switches"] == 1
    assert found["j"] == 0.5
    assert found["tracks_unmatched"] == 2


def test_lingering_costs_and_frames_without_either_do_not_count() -> None:
    truth = table([(0, 1, LEFT), (1, 1, LEFT)])
    tracks = table([(0, 1, LEFT), (1, 1, LEFT), (2, 1, LEFT)])
    assert track_quality(tracks, truth, annotated_frames=range(5))["j"] == pytest.approx(2 / 3)
    assert track_quality(tracks, truth)["j"] == 1.0  # frame 2 is not annotated


def test_levels_are_judged_apart_with_tracks_of_every_level() -> None:
    truth = pa.concat_tables([table([(0, 1, LEFT)]), table([(0, 2, NARROW)], level=4)])
    tracks = pa.concat_tables([table([(0, 1, NARROW)], level=6), table([(0, 2, LEFT)], level=4)])
    found = track_quality(tracks, truth)
    assert found["levels"][2]["object_recall"] == found["levels"][4]["object_recall"] == 1.0
    assert found["true_objects"] == 1


def test_masks_without_identity_stand_for_themselves() -> None:
    truth = table([(0, 0, LEFT), (1, 0, LEFT)])
    tracks = table([(0, 3, LEFT), (1, 4, LEFT)])
    assert track_quality(tracks, truth)["true_objects"] == 2


def test_f_over_the_frames_of_j() -> None:
    truth = table([(0, 1, LEFT), (1, 1, LEFT), (0, 2, RIGHT)])
    tracks = table([(0, 1, LEFT), (1, 1, LEFT), (2, 1, LEFT), (3, 1, NARROW)])
    found = track_quality(tracks, truth, range(5), boundary=True)
    assert [item["f"] for item in found["objects"]] == [0.5, 0.0]  # frames 2 and 3 are without the object
    assert found["f"] == 0.25
    assert track_quality(tracks, truth)["f"] is None


@pytest.mark.parametrize(
    ("tracks", "truth", "recall"),
    [
        ([], [], None),  # nothing at all
        ([(0, 1, LEFT)], [], None),  # nothing to find
        ([], [(0, 1, LEFT)], 0.0),  # nothing found
        ([(0, 1, slice(0, SIZE))], [(0, 1, slice(0, SIZE))], 1.0),  # full frame, a single frame
        ([(0, 1, slice(0, 1))], [(0, 1, slice(0, 1))], 1.0),  # one column
    ],
)
def test_extremes(tracks: list, truth: list, recall: float | None) -> None:
    assert track_quality(table(tracks), table(truth))["object_recall"] == recall
