from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.scene import FrameRecord, Scene
from segassets.errors import BadInput, EngineFailed
from segassets.masks import rle
from segassets.masks.table import validate_masks
from segassets.media.pictures import write_png
from segassets.proposals.config import CandidateConfig
from segassets.proposals.engine import make_engine
from segassets.proposals.finished import FinishedFrames
from segassets.proposals.sam2_engine import Sam2CandidateEngine
from segassets.proposals.scene import keyframes, propose_scene
from segassets_tests.proposals.truth import (
    HEIGHT,
    WIDTH,
    Pictures,
    TruthSegmenter,
    box_mask,
    candidates_of,
    picture,
)

CONFIG = CandidateConfig(points_per_side=8, keyframe_stride=2)


class Fixed:
    """An engine with the same answer for every frame."""

    def __init__(self, answer) -> None:
        self.answer = answer

    def propose(self, frames, work_dir):
        for frame, _ in frames:
            if self.answer is not None:
                yield frame, self.answer


@pytest.mark.parametrize(
    ("frames", "stride", "expected"), [(0, 3, []), (1, 3, [0]), (7, 3, [0, 3, 6]), (2, 1, [0, 1])]
)
def test_keyframes_are_every_nth_selected_frame(frames, stride, expected):
    assert list(keyframes(frames, stride)) == expected


def test_a_scene_becomes_a_sound_table():
    source, heard, stats = Pictures([picture(i) for i in range(5)]), [], Counter()
    engine = make_engine(CONFIG, TruthSegmenter)
    table = propose_scene(source, "rooms.one", engine, CONFIG, lambda *args: heard.append(args), stats=stats)
    validate_masks(table)
    rows = table.to_pylist()
    assert source.decoded == [0, 2, 4]
    assert [row["mask_id"] for row in rows] == list(range(1, len(rows) + 1))
    assert sorted({(row["frame"], row["source_frame"]) for row in rows}) == [(0, 0), (2, 20), (4, 40)]
    assert {row["source"] for row in rows} == {"candidate"}
    by_id = {row["mask_id"]: row for row in rows}
    for row in rows:
        assert row["score"] == pytest.approx(row["stability"] * row["predicted_iou"])
        if row["parent_id"]:
            parent = by_id[row["parent_id"]]
            assert (parent["frame"], parent["level"] < row["level"]) == (row["frame"], True)
    assert {row["level"] for row in rows} == {2, 4, 6}
    assert [(done, total) for done, total, _ in heard] == [(1, 3), (2, 3), (3, 3)]
    assert stats == {"keyframes": 3, "resumed": 0, "candidates": len(rows), "over_limit": 0}


def test_scores_fall_within_a_level():
    table = propose_scene(Pictures([picture()]), "s", Sam2CandidateEngine(TruthSegmenter(), CONFIG), CONFIG)
    levels, scores = table.column("level").to_numpy(), table.column("score").to_numpy()
    assert (np.diff(levels) >= 0).all()
    for level in np.unique(levels):
        assert (np.diff(scores[levels == level]) <= 0).all()


def test_gaps_limits_and_exclusive_masks():
    masks = [box_mask((0, HEIGHT, 0, 60)), box_mask((0, 40, 50, 70)), box_mask((0, 20, 0, 20))]
    engine = Fixed(candidates_of(masks, [2, 2, 4], [-1, -1, 0], stability=[0.9, 0.5, 0.9]))
    stats: Counter[str] = Counter()
    limited = CandidateConfig(max_masks_per_level=1, gap_fill=True, fill_area=10)
    rows = propose_scene(Pictures([picture()]), "s", engine, limited, stats=stats).to_pylist()
    assert [(row["source"], row["level"], row["area"]) for row in rows] == [
        ("candidate", 2, HEIGHT * 60),
        ("gap_fill", 2, HEIGHT * (WIDTH - 60)),
        ("candidate", 4, 400),
    ]
    assert rows[1]["score"] is None and rows[1]["stability"] is None and rows[1]["predicted_iou"] is None
    assert rows[2]["parent_id"] == rows[0]["mask_id"]
    assert (stats["over_limit"], stats["gap_fill"]) == (1, 1)
    exclusive = propose_scene(Pictures([picture()]), "s", engine, CandidateConfig(exclusive=True))
    counts = [row["rle_counts"] for row in exclusive.to_pylist() if row["level"] == 2]
    assert rle.iou_matrix(counts[:1], counts[1:], HEIGHT, WIDTH).max() == 0


@pytest.mark.parametrize("pictures", [0, 1])
def test_scenes_without_frames_or_masks(pictures):
    source = Pictures([picture()] * pictures)
    table = propose_scene(source, "s", Fixed(candidates_of([], [])), CandidateConfig())
    validate_masks(table)
    assert table.num_rows == 0


def test_frames_of_an_image_set_may_differ_in_size():
    class Ground(TruthSegmenter):
        def _answers(self, x, y):
            half = np.zeros((3, *self.size), bool)
            half[:, : self.size[0] // 2] = True
            return half

        def encode(self, rgb):
            self.size = rgb.shape[:2]
            return super().encode(rgb)

    source = Pictures([np.zeros((40, 60, 3), np.uint8), np.zeros((80, 20, 3), np.uint8)])
    config = CandidateConfig(keyframe_stride=1, points_per_side=4, levels=[2])
    table = propose_scene(source, "s", Sam2CandidateEngine(Ground(), config), config)
    assert table.column("area").to_pylist() == [1200, 800]
    validate_masks(table)


def test_an_unreadable_keyframe_is_named():
    source = Pictures([picture()] * 5, unreadable=2)
    with pytest.raises(BadInput, match=r"frame 2: cannot read 000002\.png"):
        propose_scene(source, "s", Fixed(candidates_of([], [])), CONFIG)


def test_an_unreadable_frame_between_keyframes_does_no_harm():
    propose_scene(Pictures([picture()] * 5, unreadable=3), "s", Fixed(candidates_of([], [])), CONFIG)


def test_an_engine_that_forgets_frames_is_named():
    with pytest.raises(EngineFailed, match=r"scene s: no answer of the engine for frames \[0, 2\]"):
        propose_scene(Pictures([picture()] * 3), "s", Fixed(None), CONFIG)


def test_a_killed_run_goes_on(tmp_path):
    config = CandidateConfig(points_per_side=8, keyframe_stride=1)
    pictures = [picture(i) for i in range(4)]
    whole = propose_scene(Pictures(pictures), "s", make_engine(config, TruthSegmenter), config)
    with pytest.raises(BadInput):
        propose_scene(
            Pictures(pictures, unreadable=2), "s", make_engine(config, TruthSegmenter), config, None, tmp_path
        )
    source, stats = Pictures(pictures), Counter()
    again = propose_scene(source, "s", make_engine(config, TruthSegmenter), config, None, tmp_path, stats)
    assert source.decoded == [2, 3]
    assert stats["resumed"] == 2
    assert again.equals(whole)
    source = Pictures(pictures)
    assert propose_scene(source, "s", Fixed(None), config, None, tmp_path).equals(whole)
    assert source.decoded == []


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"height": 2}', "null"])
def test_a_damaged_finished_frame_is_done_again(tmp_path, damage):
    finished = FinishedFrames(tmp_path)
    finished.save(3, candidates_of([box_mask((0, 9, 0, 9))], [2], stability=[float("nan")]))
    kept = finished.load(3)
    assert kept is not None and kept.areas.tolist() == [81] and np.isnan(kept.stability[0])
    (tmp_path / "000003.json").write_text(damage)
    assert finished.load(3) is None
    assert finished.load(4) is None


def test_a_truncated_picture_of_a_folder_is_named(tmp_path):
    for frame in range(3):
        write_png(tmp_path / f"{frame:03d}.png", picture(frame))
    data = (tmp_path / "002.png").read_bytes()
    (tmp_path / "002.png").write_bytes(data[: len(data) // 2])
    records = [FrameRecord(frame, f"{frame:03d}.png", HEIGHT, WIDTH) for frame in range(3)]
    scene = Scene(key="chairs.one", dataset="chairs", name="one", root=str(tmp_path), frames=records)
    source = FrameSource(frames_table(scene), scene.root)
    with pytest.raises(BadInput, match=r"scene chairs\.one, frame 2: .*002\.png"):
        propose_scene(source, scene.key, make_engine(CONFIG, TruthSegmenter), CONFIG)
