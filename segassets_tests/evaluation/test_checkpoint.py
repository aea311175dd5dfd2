"""Whole evaluations with a tracker that knows the truth: what is shown, judged, averaged and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from segassets.errors import BadConfig, BadInput
from segassets.evaluation.aggregate import (
    AREA_OVERALL,
    IMAGE_VIDEO_OVERALL,
    ITEM_OVERALL,
    OBJECT_BENCHMARK,
    OBJECT_OVERALL,
)
from segassets.evaluation.checkpoint import CheckpointScores, evaluate_scenes
from segassets.evaluation.pairs import pair_dice, pair_iou
from segassets.evaluation.prompts import EvaluationConfig
from segassets.evaluation.stored import count_stored, stored_frames
from segassets.masks import rle
from segassets.masks.schemas import MASKS
from segassets.masks.table import read_table, validate_masks
from segassets_tests.evaluation.footage import HEIGHT, WIDTH, Oracle, Tracks, disc, scene_of

FRAMES = 6


def two_discs() -> Tracks:
    """One from the start, of category 0; one from frame 2 on, of category 5."""
    moving = {t: disc(12 + 3 * t, 20, 8) for t in range(FRAMES)}
    late = {t: disc(48, 28, 6) for t in range(2, FRAMES)}
    return {1: (0, moving), 2: (5, late)}


def run(
    tmp_path: Path, tracks: Tracks, oracle: Oracle | None = None, **config: Any
) -> tuple[CheckpointScores, Oracle]:
    oracle = oracle or Oracle(tracks)
    scene = scene_of(tracks, FRAMES, categories={0: "chair", 5: "table", 7: "lamp"})
    return evaluate_scenes(lambda frames: oracle, [scene], EvaluationConfig(**config), tmp_path), oracle


@pytest.mark.parametrize("objects", ["instance", "category"])
@pytest.mark.parametrize("kind", ["point", "box", "mask"])
def test_a_tracker_that_knows_the_truth_scores_one(kind: str, objects: str, tmp_path: Path) -> None:
    scores, oracle = run(tmp_path, two_discs(), type=kind, objects=objects)
    assert scores.figures["iou"] == scores.figures["dice"] == scores.figures["j_and_f"] == 1
    assert scores.figures["mae"] < 1e-4
    assert 0 < scores.figures["iou_first_mask"] < 1
    assert oracle.shown == [(0, kind, 1), (2, kind, 2)], "each once, where it first appears"
    assert scores.items.num_rows == FRAMES + FRAMES - 2, "an object is judged from its first appearance on"


@pytest.mark.parametrize(
    ("late", "shown", "rows", "iou"),
    [
        pytest.param("prompt", [1, 2], 10, 1.0, id="shown later"),
        pytest.param("miss", [1], 10, (1 + 1 + 4 * 0.5) / 6, id="counted as missed"),
        pytest.param("ignore", [1], 6, 1.0, id="left out"),
    ],
)
def test_objects_that_appear_later(
    late: str, shown: list[int], rows: int, iou: float, tmp_path: Path
) -> None:
    scores, oracle = run(tmp_path, two_discs(), late_objects=late)
    assert [track for _, _, track in oracle.shown] == shown
    assert scores.items.num_rows == rows
    assert scores.figures["iou"] == pytest.approx(iou)
    if late == "miss":
        missed = [row for row in scores.items.to_pylist() if row["object_id"] == 2]
        assert {(row["iou"], row["prompt"], row["mae"] > 0) for row in missed} == {(0.0, "none", True)}


def test_a_category_no_one_sees_is_empty_not_half_sure(tmp_path: Path) -> None:
    """Nothing shown is a probability of 0, not of .5, and absent categories are judged only on request."""
    scores, _ = run(tmp_path, two_discs(), objects="category", variable_categories=False)
    lamp = [row for row in scores.items.to_pylist() if row["category_id"] == 7]
    assert len(lamp) == FRAMES
    assert {(row["iou"], row["mae"], row["f"]) for row in lamp} == {(1.0, 0.0, 1.0)}
    scores, _ = run(tmp_path, two_discs(), objects="category")
    assert 7 not in scores.items.column("category_id").to_pylist()


def test_an_object_that_leaves(tmp_path: Path) -> None:
    tracks: Tracks = {1: (0, {t: disc(20, 20, 8) for t in (0, 1, 4)})}
    scores, _ = run(tmp_path, tracks)
    assert scores.items.column("iou").to_pylist() == [1.0] * FRAMES, "absent and not predicted agree"
    assert scores.items.column("iou_first_mask").to_pylist() == [1, 1, 0, 0, 1, 0]
    scores, _ = run(tmp_path, tracks, both_empty="ignore")
    assert scores.items.column("iou").to_pylist() == [1, 1, None, None, 1, None]
    lingering = Oracle({1: (0, {t: disc(20, 20, 8) for t in range(FRAMES)})})
    scores, _ = run(tmp_path, tracks, lingering)
    assert scores.items.column("iou").to_pylist() == [1, 1, 0, 0, 1, 0]


def test_only_annotated_frames_are_judged(tmp_path: Path) -> None:
    tracks: Tracks = {1: (0, {t: disc(12 + 3 * t, 20, 8) for t in (1, 4)})}
    scene = scene_of(tracks, FRAMES, annotated=[1, 4])
    scores = evaluate_scenes(lambda frames: Oracle(tracks), [scene], EvaluationConfig(), tmp_path)
    assert scores.items.column("frame").to_pylist() == [1, 4]
    assert scene.source.decoded == [0, 1, 2, 3, 4], "what follows the last judged frame is not decoded"


@pytest.mark.parametrize(
    ("config", "shown_at"),
    [
        pytest.param({"clip_length": 3}, [(0, 1), (2, 2), (3, 1), (3, 2)], id="clips, each prompted anew"),
        pytest.param({"clip_length": 4}, [(0, 1), (2, 2), (4, 1), (4, 2)], id="the last clip is shorter"),
        pytest.param({"max_frames": 2}, [(0, 1)], id="only the first frames"),
        pytest.param({"categories": ["table"]}, [(2, 2)], id="one category by name"),
        pytest.param({"categories": [0]}, [(0, 1)], id="category 0 by id"),
        pytest.param({"background": ["chair"]}, [(2, 2)], id="background left out"),
        pytest.param({"min_area_fraction": 0.06}, [(0, 1)], id="small objects left out"),
    ],
)
def test_what_is_shown(config: dict[str, Any], shown_at: list[tuple[int, int]], tmp_path: Path) -> None:
    scores, oracle = run(tmp_path, two_discs(), **config)
    assert [(frame, track) for frame, _, track in oracle.shown] == shown_at
    assert scores.figures["iou"] == 1


def test_pictures_are_clips_of_their_own(tmp_path: Path) -> None:
    tracks: Tracks = {0: (0, {t: disc(12 + 3 * t, 20, 8) for t in range(3)})}
    scene = scene_of(tracks, 3, unrelated=True)
    lengths: list[int] = []

    def tracker(frames: int) -> Oracle:
        lengths.append(frames)
        return Oracle(tracks)

    scores = evaluate_scenes(tracker, [scene], EvaluationConfig(type="box"), tmp_path)
    assert lengths == [1, 1, 1]
    assert scores.items.column("iou").to_pylist() == [1, 1, 1]
    assert set(scores.items.column("object_id").to_pylist()) == {-1, -2, -3}
    assert "iou_first_mask" not in scores.figures


def test_masks_of_footage_without_tracks_are_judged_where_they_are(tmp_path: Path) -> None:
    tracks: Tracks = {0: (0, {t: disc(12 + 3 * t, 20, 8) for t in range(3)}), 2: two_discs()[2]}
    scores, oracle = run(tmp_path, tracks, late_objects="ignore")
    assert scores.items.column("frame").to_pylist() == [0, 1, 2]
    assert (oracle.stepped, scores.figures["iou"]) == (0, 1)
    scores, oracle = run(tmp_path, tracks)
    assert scores.items.num_rows == 3 + FRAMES - 2
    assert oracle.stepped == FRAMES - 3, "only the object with a track is followed"


@pytest.mark.parametrize(
    ("split", "shown"),
    [("components", [(0, 1), (0, 3)]), ("annotations", [(0, 1), (0, 3), (2, 4)]), ("whole", [(0, 1)])],
)
def test_a_category_of_several_objects(split: str, shown: list[tuple[int, int]], tmp_path: Path) -> None:
    tracks: Tracks = {
        1: (0, {t: disc(12, 14, 8) for t in range(FRAMES)}),
        3: (0, {t: disc(45, 26, 7) for t in range(FRAMES)}),
        4: (0, {t: disc(30, 6, 4) for t in range(2, FRAMES)}),
    }
    scores, oracle = run(tmp_path, tracks, objects="category", split=split)
    assert [(frame, track) for frame, _, track in oracle.shown] == shown
    whole = np.logical_or.reduce([tracks[track][1][5] for track in tracks])
    found = np.logical_or.reduce([tracks[track][1][5] for _, track in shown])
    last = scores.items.to_pylist()[-1]
    assert last["iou"] == pytest.approx(float(pair_iou(found, whole)))
    assert last["object_id"] == 0
    assert scores.items.num_rows == FRAMES


def test_skipping_the_frame_that_was_shown(tmp_path: Path) -> None:
    scores, _ = run(tmp_path, two_discs(), prompted_frames="skip")
    rows = scores.items.to_pylist()
    assert {(row["frame"], row["object_id"]) for row in rows}.isdisjoint({(0, 1), (2, 2)})
    assert len(rows) == 8


def test_every_aggregation_by_hand(tmp_path: Path) -> None:
    """Two videos: image -> video -> overall, by object, by item, by area, and J&F without first and last frame."""
    truth = {
        "made.a": {
            1: (0, {t: disc(20, 20, 9) for t in range(4)}),
            2: (5, {t: disc(48, 28, 6) for t in range(4)}),
        },
        "made.b": {1: (0, {t: disc(30, 20, 5) for t in range(3)})},
    }
    answers = {
        "made.a": {
            1: (0, {t: disc(20 + t, 20, 9) for t in range(4)}),
            2: (5, {t: disc(48, 28, 6) for t in range(2)}),
        },
        "made.b": {1: (0, {t: disc(30, 20 + 2 * t, 5) for t in range(3)})},
    }
    scenes = [scene_of(tracks, 4, key, categories={0: "chair", 5: "table"}) for key, tracks in truth.items()]
    queue = [Oracle(tracks) for tracks in answers.values()]
    scores = evaluate_scenes(lambda frames: queue.pop(0), scenes, EvaluationConfig(), tmp_path)
    items = {}  # (video, frame, object) -> iou, dice, true area
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    for video, tracks in truth.items():
        for track, (_, masks) in tracks.items():
            for frame, mask in masks.items():
                found = answers[video][track][1].get(frame, nothing)
                items[video, frame, track] = (
                    float(pair_iou(found, mask)),
                    float(pair_dice(found, mask)),
                    mask.sum(),
                )
        for frame in range(4):
            items.setdefault((video, frame, 1), (1.0, 1.0, 0))  # annotated, and without the object
    rows = {(row["scene"], row["metric"], row["aggregation"]): row for row in scores.metrics.to_pylist()}

    def mean(at: int, keep: Any = lambda key: True) -> float:
        return float(np.mean([value[at] for key, value in items.items() if keep(key)]))

    for at, metric in enumerate(("iou", "dice")):
        videos = [
            np.mean([mean(at, lambda key, v=v, f=f: key[:2] == (v, f)) for f in range(4)]) for v in truth
        ]
        objects = [("made.a", 1), ("made.a", 2), ("made.b", 1)]
        expected = {
            IMAGE_VIDEO_OVERALL: np.mean(videos),
            OBJECT_OVERALL: np.mean([mean(at, lambda key, o=o: (key[0], key[2]) == o) for o in objects]),
            ITEM_OVERALL: mean(at),
            AREA_OVERALL: np.average([v[at] for v in items.values()], weights=[v[2] for v in items.values()]),
        }
        for aggregation, value in expected.items():
            assert rows["overall", metric, aggregation]["value"] == pytest.approx(value), aggregation
            assert rows["overall", metric, aggregation]["n"] == 12
        assert rows["made.a", metric, "image > video"]["value"] == pytest.approx(videos[0])
        table = mean(at, lambda key: key[2] == 2)
        assert rows["overall", f"{metric}[table]", IMAGE_VIDEO_OVERALL]["value"] == pytest.approx(table)
    inner = [mean(0, lambda key, o=o: (key[0], key[2]) == o and key[1] in (1, 2)) for o in objects]
    assert rows["overall", "j", OBJECT_BENCHMARK]["value"] == pytest.approx(np.mean(inner))
    assert scores.metrics.column("asset").to_pylist()[0] == "sam2_checkpoint_evaluation"


def test_files(tmp_path: Path) -> None:
    config = {"save_predict_json": True, "save_probabilities": True}
    scores, _ = run(tmp_path, two_discs(), **config)
    predictions = read_table(tmp_path / "predictions.parquet", MASKS)
    validate_masks(predictions)
    assert predictions.num_rows == 10
    row = predictions.to_pylist()[-1]
    assert (row["track_id"], row["category_id"], row["source_frame"]) == (2, 5, 50)
    assert row["score"] == pytest.approx(0.9)
    np.testing.assert_array_equal(rle.decode(row["rle_counts"], HEIGHT, WIDTH), disc(48, 28, 6))
    predicted = json.loads((tmp_path / "predict.json").read_text())
    assert len(predicted) == 10
    assert predicted[0]["segmentation"]["size"] == [HEIGHT, WIDTH]
    assert [entry["image_id"] for entry in predicted] == [0, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["overall"][IMAGE_VIDEO_OVERALL]["iou"] == 1
    assert set(metrics["per_category"]) == {"chair", "table"}
    assert set(metrics["per_video"]) == {"made.scene"}
    assert scores.record["config"]["save_predict_json"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "evaluation.json", "items.parquet", "metrics.json", "metrics.parquet", "predict.json", "predictions.parquet",
        "probs",
    ]  # fmt: skip


def test_stored_probabilities_hold_what_the_items_counted(tmp_path: Path) -> None:
    tracks = two_discs()
    oracle = Oracle(tracks, inside=float(np.log(0.7 / 0.3)), outside=-20.0)
    scores, _ = run(tmp_path, tracks, oracle, objects="category", save_probabilities=True)
    frames = list(stored_frames(tmp_path / "probs"))
    assert [frame.image_id for frame in frames] == [f"made.scene/{frame:06d}" for frame in range(FRAMES)]
    assert frames[-1].probs.dtype == np.float16
    assert frames[-1].categories.tolist() == [0, 5]
    assert not frames[0].of_category(5).any()

    def truth_of(image_id: str) -> dict[int, np.ndarray]:
        frame = int(image_id.rpartition("/")[2])
        return {category: masks[frame] for category, masks in tracks.values() if frame in masks}

    counted = list(count_stored(tmp_path / "probs", truth_of, scores.config.thresholds))
    rows = scores.items.to_pylist()
    assert [list(row["predicted"]) for row in counted] == [row["predicted_areas"] for row in rows]
    assert [list(row["hit"]) for row in counted] == [row["hit_areas"] for row in rows]
    search = scores.search_threshold()
    assert search.best_threshold == 0.5
    assert search.threshold_curve[-1]["dice"] < search.best_dice == 1


def test_the_threshold_decides_the_masks(tmp_path: Path) -> None:
    oracle = Oracle(two_discs(), inside=0.0)  # a probability of exactly .5
    assert run(tmp_path, two_discs(), oracle, threshold=0.5)[0].figures["iou"] == 1
    assert run(tmp_path, two_discs(), oracle, threshold=0.51)[0].figures["iou"] == 0


def test_what_cannot_be_judged_is_refused(tmp_path: Path) -> None:
    tracks = two_discs()
    with pytest.raises(BadInput, match=r"found none at level 'parts'"):
        run(tmp_path, tracks, level="parts")
    with pytest.raises(BadConfig, match=r"no category 'chairs'. Did you mean 'chair'"):
        run(tmp_path, tracks, categories=["chairs"])
    scene = scene_of(tracks, FRAMES)
    small: Any = scene.truth.set_column(
        13, scene.truth.schema.field("height"), pa.array([20] * scene.truth.num_rows, pa.int32())
    )
    broken = type(scene)(scene.key, scene.source, small)
    with pytest.raises(
        BadInput, match=r"scene made.scene, frame 0, mask 1: expected a mask .* 40 x 60 .* 20 x 60"
    ):
        evaluate_scenes(lambda frames: Oracle(tracks), [broken], EvaluationConfig(), tmp_path)
    others = [scene_of(tracks, FRAMES, "made.a", categories={0: "chair"}),
              scene_of(tracks, FRAMES, "made.b", categories={0: "sofa"})]  # fmt: skip
    with pytest.raises(BadInput, match=r"made.b: category 0 is 'sofa', but 'chair'"):
        evaluate_scenes(lambda frames: Oracle(tracks), others, EvaluationConfig(), tmp_path)


def test_a_network_that_answers_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"scene made.scene, frame 0, object 1 of category 0: .* answered nan"):
        run(tmp_path, two_discs(), Oracle(two_discs(), inside=float("nan")))


class Greedy(Oracle):
    """Runs out of memory on frame 3."""

    def encode(self, rgb: np.ndarray, frame: int) -> int:
        if rgb[0, 0, 0] == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().encode(rgb, frame)


def test_running_out_of_memory_names_what_to_lower(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"scene made.scene, frame 3: out of memory .*2 GiB.*objects_per_batch"
    ):
        run(tmp_path, two_discs(), Greedy(two_discs()))


def test_rows_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segassets.evaluation.writing._ROWS", 3)
    scores, _ = run(tmp_path, two_discs())
    assert scores.items.num_rows == 10
    assert pq.ParquetFile(tmp_path / "items.parquet").num_row_groups == 3
    assert read_table(tmp_path / "predictions.parquet", MASKS).column("mask_id").to_pylist() == list(
        range(1, 11)
    )
