"""Identities: support, founding, looking back, retirement, bounds, and going on after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from segassets.masks import rle
from segassets.masks.schemas import MASKS, TRACKS
from segassets.masks.table import read_table, validate_masks
from segassets.models.sam2.video import Sam2Tracker
from segassets.tracking.config import TrackingConfig
from segassets.tracking.scene import track_scene
from segassets.tracking.support import Candidate, match
from segassets_tests.tracking.scenery import HEIGHT, WIDTH, Frames, candidates, moving_square, network, square


def _track(
    tmp_path: Path,
    rows: list,
    frames: int = 12,
    source: Frames | None = None,
    work: str = "work",
    **config: Any,
) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
    source = source or Frames(moving_square(frames))
    result = track_scene(
        source,  # type: ignore[arg-type]
        "a.scene",
        candidates(rows),
        Sam2Tracker(network(), len(source)),
        TrackingConfig(**config),
        tmp_path / work,
        tmp_path,
    )
    masks = read_table(tmp_path / "masks.parquet", MASKS)
    validate_masks(masks)
    return masks, read_table(tmp_path / "tracks.parquet", TRACKS), result.stats


def _mask_on(masks: pa.Table, track: int, frame: int) -> np.ndarray:
    rows = [row for row in masks.to_pylist() if (row["track_id"], row["frame"]) == (track, frame)]
    return rle.decode(rows[0]["rle_counts"], HEIGHT, WIDTH)


def test_no_candidates_no_tracks(tmp_path: Path) -> None:
    masks, tracks, stats = _track(tmp_path, [])
    assert masks.num_rows == tracks.num_rows == 0
    assert stats["frames"] == 12


def test_one_frame(tmp_path: Path) -> None:
    masks, tracks, _ = _track(tmp_path, [(0, square(5, 15), {})], frames=1)
    assert masks.column("frame").to_pylist() == [0]
    assert tracks.to_pylist()[0]["retired_because"] == "end_of_footage"


@pytest.mark.parametrize(
    "mask", [square(3, 3, 1), np.ones((HEIGHT, WIDTH), bool)], ids=["one pixel", "full frame"]
)
def test_extreme_prompts_do_not_break(mask: np.ndarray, tmp_path: Path) -> None:
    _track(tmp_path, [(0, mask, {})], frames=3)


def test_each_frame_is_decoded_once_whatever_the_levels_and_objects(tmp_path: Path) -> None:
    source = Frames(moving_square(12))
    rows = [(0, square(5, 15), {"level": level}) for level in (2, 4, 6)] + [(6, square(40, 30, 12), {})]
    _track(tmp_path, rows, source=source)
    assert source.decoded == list(range(12))


def test_a_later_candidate_on_a_track_supports_it_and_elsewhere_founds_one(tmp_path: Path) -> None:
    first, _, _ = _track(tmp_path, [(0, square(5, 15), {})])
    seen = _mask_on(first, 1, 4)
    elsewhere = np.zeros_like(seen)
    elsewhere[~seen & (np.arange(WIDTH) > 40)[None]] = True
    rows = [(0, square(5, 15), {}), (4, seen, {}), (4, elsewhere, {})]
    _, tracks, stats = _track(tmp_path, rows, work="again")
    assert stats["founded"] == 2
    assert [row["prompt_mask_ids"] for row in tracks.to_pylist()] == [[1, 2], [3]]


def test_levels_do_not_compete(tmp_path: Path) -> None:
    _, tracks, _ = _track(tmp_path, [(0, square(5, 15), {"level": 2}), (0, square(5, 15), {"level": 4})])
    assert tracks.column("level").to_pylist() == [2, 4]


def test_parts_keep_their_parents_track(tmp_path: Path) -> None:
    rows = [
        (0, square(5, 15), {"level": 2, "mask_id": 7}),
        (0, square(8, 18, 8), {"level": 4, "parent_id": 7, "mask_id": 9}),
    ]
    masks, tracks, _ = _track(tmp_path, rows, frames=3)
    assert tracks.column("track_id").to_pylist() == [1, 2]
    for frame in range(3):
        whole, part = [row for row in masks.to_pylist() if row["frame"] == frame]
        assert (whole["parent_id"], part["parent_id"]) == (0, whole["mask_id"])


@pytest.mark.parametrize(("longest", "last"), [(0, 2), (1, 3), (4, 6), (None, 11)])
def test_a_track_ends_max_propagate_frames_after_its_last_support(
    longest: int | None, last: int, tmp_path: Path
) -> None:
    rows = [(2, square(9, 15), {})]
    masks, tracks, _ = _track(tmp_path, rows, max_propagate=longest, backward_frames=0)
    assert max(masks.column("frame").to_pylist()) == last
    assert tracks.to_pylist()[0]["source_frame_last"] == 10 * last
    expected = "end_of_footage" if longest is None else "unsupported"
    assert tracks.to_pylist()[0]["retired_because"] == expected


@pytest.mark.parametrize(("back", "first"), [(0, 8), (3, 5), (20, 0)])
def test_a_new_track_is_followed_backwards_within_its_bound(back: int, first: int, tmp_path: Path) -> None:
    masks, tracks, _ = _track(tmp_path, [(8, square(21, 15), {})], backward_frames=back)
    assert min(masks.column("frame").to_pylist()) == first
    assert tracks.to_pylist()[0]["source_frame_born"] == 10 * first
    assert masks.column("frame").to_pylist() == sorted(masks.column("frame").to_pylist())


def test_a_lost_track_is_found_again_by_its_past(tmp_path: Path) -> None:
    """The object's track is absent on the keyframe; the new candidate, followed back, coincides with it."""
    base, _, _ = _track(tmp_path, [(0, square(5, 15), {})], frames=6)
    again = _mask_on(base, 1, 5)
    model = Sam2Tracker(network(), 6)
    hidden = _Hiding(model, absent_on=range(5, 6))
    result = track_scene(
        Frames(moving_square(6)),  # type: ignore[arg-type]
        "a.scene",
        candidates([(0, square(5, 15), {}), (5, again, {})]),
        hidden,
        TrackingConfig(iou_threshold=0.3),
        tmp_path / "two",
        tmp_path,
    )
    assert result.stats["relinked"] == 1
    assert result.tracks.column("track_id").to_pylist() == [1]
    assert result.tracks.to_pylist()[0]["prompt_mask_ids"] == [1, 2]


class _Hiding:
    """The real tracker, except that nothing it follows is in view on some frames."""

    def __init__(self, model: Sam2Tracker, absent_on: range) -> None:
        self._model, self._absent_on = model, absent_on

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def step(self, features: Any, memory: Any) -> Any:
        output = self._model.step(features, memory)
        if features.frame in self._absent_on:
            return replace(output, logits=output.logits.clamp(max=-10))
        return output


def test_what_left_the_view_is_retired(tmp_path: Path) -> None:
    source = Frames(moving_square(12))
    result = track_scene(
        source,  # type: ignore[arg-type]
        "a.scene",
        candidates([(0, square(5, 15), {})]),
        _Hiding(Sam2Tracker(network(), 12), range(4, 12)),
        TrackingConfig(retire_after=3),
        tmp_path / "work",
        tmp_path,
    )
    summary = result.tracks.to_pylist()[0]
    assert (summary["frames"], summary["retired_because"]) == (4, "left_view")


def test_more_candidates_than_allowed_are_counted(tmp_path: Path) -> None:
    rows = [(0, square(x, 15, 8), {}) for x in (2, 15, 28, 41)]
    _, tracks, stats = _track(tmp_path, rows, max_objects=3, frames=2)
    assert (stats["founded"], stats["over_limit"], tracks.num_rows) == (3, 1, 3)


def test_batches_of_any_size_give_the_same_tracks(tmp_path: Path) -> None:
    rows = [(0, square(x, 15, 10), {}) for x in (2, 20, 40, 60)] + [(5, square(30, 40, 12), {})]
    one, _, _ = _track(tmp_path, rows, frames=24, objects_per_batch=1)
    all_together, _, _ = _track(tmp_path, rows, frames=24, objects_per_batch=64, work="two")
    assert one.column("track_id").to_pylist() == all_together.column("track_id").to_pylist()
    for left, right in zip(one.to_pylist(), all_together.to_pylist(), strict=True):
        assert rle.iou_matrix([left["rle_counts"]], [right["rle_counts"]], HEIGHT, WIDTH)[0, 0] > 0.99


class _Killed(Exception):
    pass


@pytest.mark.parametrize("killed_at", [3, 8, 13, 19])
def test_a_killed_run_goes_on_and_ends_the_same(killed_at: int, tmp_path: Path) -> None:
    rows = [(0, square(5, 15), {}), (6, square(40, 30, 12), {}), (12, square(20, 35, 9), {})]
    whole, whole_tracks, _ = _track(tmp_path, rows, frames=20, chunk_frames=4, backward_frames=3)

    class Dying(Frames):
        def iterate(self, indices: Any = None) -> Any:
            for index, picture in super().iterate(indices):
                if index == killed_at:
                    raise _Killed
                yield index, picture

    with pytest.raises(_Killed):
        _track(tmp_path, rows, source=Dying(moving_square(20)), chunk_frames=4, backward_frames=3, work="cut")
    source = Frames(moving_square(20))
    masks, tracks, stats = _track(
        tmp_path, rows, source=source, chunk_frames=4, backward_frames=3, work="cut"
    )
    assert stats["resumed_at"] == killed_at // 4 * 4
    assert min(source.decoded) == max(stats["resumed_at"] - 3, 0)
    assert masks.equals(whole)
    assert tracks.equals(whole_tracks)


def test_pictures_of_an_image_set_are_not_followed(tmp_path: Path) -> None:
    pictures = [*moving_square(2), np.zeros((40, 50, 3), np.uint8)]
    result = track_scene(
        Frames(pictures),  # type: ignore[arg-type]
        "a.scene",
        candidates([(0, square(5, 15), {}), (1, square(5, 15), {})]),
        Sam2Tracker(network(), 3),
        TrackingConfig(),
        tmp_path / "work",
        tmp_path,
        unrelated=True,
    )
    masks = read_table(tmp_path / "masks.parquet", MASKS)
    assert masks.column("frame").to_pylist() == [0, 1]
    assert result.tracks.column("frames").to_pylist() == [1, 1]


def test_match_takes_the_best_track_of_the_level() -> None:
    left, right = rle.encode(square(5, 15)), rle.encode(square(7, 15))
    wanted = Candidate(1, 0, 2, -1, 400, (0, 0, 1, 1), rle.encode(square(6, 15)), 1.0)
    owners = match([wanted], {1: left, 2: right, 3: right}, {1: 4, 2: 2, 3: 4}, HEIGHT, WIDTH, 0.5)
    assert owners == [2]
    assert match([wanted], {1: left}, {1: 2}, HEIGHT, WIDTH, 0.99) == [0]
    assert match([], {1: left}, {1: 2}, HEIGHT, WIDTH, 0.5) == []
