"""Blocking checks, one bad table after another."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from segassets.assets.frames_checks import FRAMES_CHECKS
from segassets.assets.mask_checks import ANNOTATION_CHECKS, CANDIDATE_CHECKS, FILTER_CHECKS
from segassets.assets.report_checks import COMPARISON_CHECKS, REPORT_CHECKS
from segassets.assets.track_checks import TRACK_CHECKS
from segassets.errors import BadInput
from segassets.masks import rle
from segassets.masks.schemas import FRAMES, TRACKS
from segassets.masks.table import MaskRows, write_table
from segassets.orchestration.checks import run_checks

SIZE = (8, 10)
FRAME_COUNT = 4


def frames_table(annotated: bool = True) -> pa.Table:
    rows = [
        {
            "scene": "a",
            "frame": n,
            "source_frame": 2 * n,
            "uri": f"{n}.png",
            "height": SIZE[0],
            "width": SIZE[1],
        }
        | {"annotated": annotated}
        for n in range(FRAME_COUNT)
    ]
    return pa.Table.from_pylist(rows, schema=FRAMES)


def mask_of(frame: int) -> str:
    mask = np.zeros(SIZE, bool)
    mask[frame : frame + 3, 2:5] = True
    return rle.encode(mask)


def masks_table(rows: list[dict]) -> pa.Table:
    table = MaskRows("a")
    for row in rows:
        frame = row.pop("frame")
        table.add(
            frame=frame,
            source_frame=2 * frame,
            height=SIZE[0],
            width=SIZE[1],
            rle_counts=mask_of(frame),
            source="candidate",
            **row,
        )
    return table.to_table()


def work(tmp_path, made: pa.Table, **parts):
    config = {"keyframe_stride": 2}
    defaults = {
        "asset": "x",
        "key": "a",
        "frames": frames_table(),
        "made_masks": made,
        "out": tmp_path,
        "provenance": SimpleNamespace(config=config),
    }
    return SimpleNamespace(**{**defaults, **parts})


def verdicts(kind, made_work) -> dict[str, str]:
    """Name of each failed check -> its message."""
    return {item.name: item.message for item in run_checks(kind, made_work) if not item.passed}


def test_sound_candidates_pass(tmp_path):
    made = masks_table([{"frame": 0}, {"frame": 0, "parent_id": 1, "level": 4}, {"frame": 2}])
    assert verdicts(CANDIDATE_CHECKS, work(tmp_path, made)) == {}


def test_no_candidates_at_all_pass_and_are_counted(tmp_path):
    found = run_checks(CANDIDATE_CHECKS, work(tmp_path, masks_table([])))
    assert all(item.passed for item in found)
    assert found[-1].figures == {"keyframes": 2, "keyframes_without_candidates": 2}


@pytest.mark.parametrize(
    ("rows", "failed", "words"),
    [
        ([{"frame": 1}], "coverage", "every 2th frame"),
        ([{"frame": 0, "parent_id": 9}], "coverage", "parents on the frame"),
        ([{"frame": 0}, {"frame": 2, "parent_id": 1}], "coverage", "parents on the frame"),
        ([{"frame": 0, "mask_id": 3}, {"frame": 2, "mask_id": 3}], "ids_unique", "1 repeats"),
        ([{"frame": 4}], "masks_inside_frames", "a frame (index, source_frame"),  # beyond the scene
    ],
)
def test_candidates_with_a_flaw(tmp_path, rows, failed, words):
    found = verdicts(CANDIDATE_CHECKS, work(tmp_path, masks_table(rows)))
    assert words in found[failed]


def test_a_mask_larger_than_its_frame_is_found(tmp_path):
    made = masks_table([{"frame": 0}])
    at = made.schema.get_field_index("height")
    made = made.set_column(at, made.schema.field(at), pa.array([SIZE[0] - 1], pa.int32()))
    assert "rows" in verdicts(CANDIDATE_CHECKS, work(tmp_path, made))["masks_inside_frames"]


def test_annotations_lie_on_annotated_frames(tmp_path):
    made = masks_table([{"frame": 1}])
    assert verdicts(ANNOTATION_CHECKS, work(tmp_path, made)) == {}
    found = verdicts(ANNOTATION_CHECKS, work(tmp_path, made, frames=frames_table(annotated=False)))
    assert "annotated frames only" in found["coverage"]


def test_every_candidate_is_kept_or_counted(tmp_path):
    before = masks_table([{"frame": 0}, {"frame": 0, "parent_id": 1}, {"frame": 2}])
    kept = before.slice(0, 2)
    parts = {"masks": lambda asset: before}
    (tmp_path / "dropped.json").write_text(json.dumps({"small_area": 1, "overlap": 0}))
    assert verdicts(FILTER_CHECKS, work(tmp_path, kept, **parts)) == {}
    (tmp_path / "dropped.json").write_text(json.dumps({"small_area": 0}))
    assert "kept or counted" in verdicts(FILTER_CHECKS, work(tmp_path, kept, **parts))["coverage"]
    stranger = masks_table([{"frame": 0, "mask_id": 77}])
    assert "other masks [77]" in verdicts(FILTER_CHECKS, work(tmp_path, stranger, **parts))["coverage"]


def summary(tmp_path, counts: dict[int, int]) -> None:
    rows = [
        {"scene": "a", "track_id": track, "level": 2, "source_frame_born": 0, "source_frame_last": 2}
        | {"frames": frames, "prompt_mask_ids": [1], "mean_score": 0.5, "retired_because": "end_of_footage"}
        for track, frames in counts.items()
    ]
    write_table(pa.Table.from_pylist(rows, schema=TRACKS), TRACKS, tmp_path / "tracks.parquet")


@pytest.mark.parametrize(
    ("rows", "counts", "failed"),
    [
        ([(1, 0), (1, 1), (2, 3)], {1: 2, 2: 1}, set()),
        ([], {}, set()),
        ([(1, 0), (1, 1)], {1: 1}, {"coverage"}),  # the summary counts too few
        ([(1, 0)], {1: 1, 2: 1}, {"coverage"}),  # a track without masks
        ([(1, 0), (1, 0)], {1: 2}, {"ids_unique"}),  # twice on a frame
    ],
)
def test_tracks_and_their_summary(tmp_path, rows, counts, failed):
    summary(tmp_path, counts)
    made = masks_table([{"frame": frame, "track_id": track} for track, frame in rows])
    assert set(verdicts(TRACK_CHECKS, work(tmp_path, made))) == failed


def test_pictures_of_the_index_and_the_page_must_be_there(tmp_path):
    (tmp_path / "index.json").write_text(json.dumps({"images": [{"file": "a.png"}]}))
    nothing = work(tmp_path, masks_table([]))
    assert "missing: ['a.png']" in verdicts(COMPARISON_CHECKS, nothing)["coverage"]
    (tmp_path / "a.png").write_bytes(b"x")
    assert verdicts(COMPARISON_CHECKS, nothing) == {}
    assert "report.html" in verdicts(REPORT_CHECKS, nothing)["coverage"]
    (tmp_path / "report.md").write_text("x")
    (tmp_path / "report.html").write_text("<html><body><img src='data:x'></body></html>")
    assert verdicts(REPORT_CHECKS, nothing) == {}
    (tmp_path / "report.html").write_text('<html><body><img src="http://x"></body></html>')
    assert "self-contained" in verdicts(REPORT_CHECKS, nothing)["coverage"]


def test_frames_must_be_listed_once_and_in_order(tmp_path):
    class Source:
        def iterate(self, frames):
            if 2 in frames:
                raise BadInput("frame 2 is broken")
            return iter(())

    whole = frames_table()
    parts = {
        "scene": SimpleNamespace(frames=[0] * FRAME_COUNT),
        "source": SimpleNamespace(iterate=lambda _: iter(())),
    }
    none = masks_table([])
    assert verdicts(FRAMES_CHECKS, work(tmp_path, none, **parts)) == {}
    shorter = work(tmp_path, none, **{**parts, "frames": whole.slice(0, 3)})
    assert "expected the 4 selected frames, found 3" in verdicts(FRAMES_CHECKS, shorter)["whole"]
    swapped = work(tmp_path, none, **{**parts, "frames": whole.take([1, 0, 2, 3])})
    assert "in order" in verdicts(FRAMES_CHECKS, swapped)["whole"]
    unreadable = work(tmp_path, none, **{**parts, "source": Source()})
    assert verdicts(FRAMES_CHECKS, unreadable)["whole"] == "frame 2 is broken"
