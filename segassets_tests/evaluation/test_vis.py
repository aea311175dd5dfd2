"""AP and AR of tubes: equal to a plain evaluator that follows YTVIS's rules, and to figures worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import vis_reference
from benchmarks.vis_ap import largest_difference, make_videos
from segassets.datasets.ytvis_tubes import read_tube_file
from segassets.errors import BadInput
from segassets.evaluation.vis import VisEvaluation
from segassets.masks import rle
from segassets.masks.schemas import METRICS
from segassets.masks.table import MaskRows
from segassets.masks.tubes import Tubes, tube_iou, tubes_of_table

HEIGHT, WIDTH, FRAMES = 20, 30, 4


def box(top: int, left: int, height: int = 6, width: int = 8) -> str:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return rle.encode(mask)


def tubes(*masks: dict[int, str], **columns) -> Tubes:
    return Tubes(HEIGHT, WIDTH, list(masks), **columns)


A, B = {0: box(0, 0), 1: box(1, 1)}, {1: box(10, 15), 2: box(10, 16), 3: box(10, 17)}
NONE = tubes()


def scores_of(*videos: tuple[Tubes, Tubes], **values):
    evaluation = VisEvaluation()
    for truth, predicted in videos:
        evaluation.add(truth, predicted)
    return evaluation.scores(**values)


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_a_plain_evaluator(seed):
    rng = np.random.default_rng(seed)
    videos = make_videos(4, 5, 12, 6, (300, 320), 3, seed)
    videos.append((videos[0][0], NONE.__class__(300, 320, [])))  # nothing predicted
    videos.append((NONE.__class__(300, 320, []), videos[1][1]))  # nothing there
    videos.append((NONE.__class__(300, 320, []),) * 2)
    truth, predicted = videos[2]
    truth = Tubes(300, 320, truth.masks, None, truth.categories, crowd=[True, False, True, False, False])
    both = np.concatenate([np.arange(len(predicted)), rng.integers(0, len(predicted), 100)])
    videos[2] = (truth, predicted.take(both))  # more than a hundred, with equal scores and equal masks
    ours = scores_of(*videos)
    plain = [tuple(vis_reference.tubes_of(item, 6) for item in video) for video in videos]
    theirs = {
        name: vis_reference.evaluate(plain, by_category=by_category)
        for name, by_category in (("categories", True), ("agnostic", False))
    }
    assert largest_difference({"categories": ours.per_class, "agnostic": ours.agnostic}, theirs) < 1e-9
    assert ours.agnostic["ap"] > 0.05 and ours.counts["crowds"] > 0


def test_iou_in_space_and_time():
    shifted = {1: box(1, 3), 2: box(0, 0)}  # shares 36 pixels with A on frame 1 only
    assert tube_iou(tubes(A, {}), tubes(shifted, A, {})).tolist() == [
        [36 / (2 * 48 + 48 + 12), 1, 0],
        [0, 0, 0],
    ]
    with pytest.raises(BadInput, match="20 x 30 and 5 x 5"):
        tube_iou(tubes(A), Tubes(5, 5, []))


@pytest.mark.parametrize("at_least", [0.1, 0.5, 0.9])
def test_pairs_below_a_bound_are_left_out_but_for_the_best(at_least):
    truth, predicted = make_videos(1, 12, 30, 6, (100, 120), 3, 7)[0]
    whole, found = tube_iou(predicted, truth), tube_iou(predicted, truth, at_least)
    assert np.array_equal(found[whole >= at_least], whole[whole >= at_least])
    assert np.array_equal(found.max(0), whole.max(0)) and (found <= whole).all()
    assert (found == 0).sum() > (whole == 0).sum()


def test_ids_from_zero_and_a_perfect_result():
    truth = tubes(A, B, ids=[0, 7], categories=[0, 5])
    found = scores_of((truth, truth), categories={0: "forceps", 5: "probe"})
    figures = [found.agnostic["ap"], found.per_class["ap"], found.agnostic["ar1"]]
    assert figures == pytest.approx([1, 1, 0.5])
    assert [(row["name"], round(row["ap"], 9), row["ap_l"]) for row in found.categories] == [
        ("forceps", 1, None),
        ("probe", 1, None),
    ]
    assert found.base is None


def test_nothing_predicted_and_nothing_there():
    truth = tubes(A, B, categories=[1, 1])
    empty = scores_of((truth, NONE))
    assert (empty.agnostic["ap"], empty.per_class["ar100"], empty.agnostic["mean_best_iou"]) == pytest.approx(
        (0, 0, 0)
    )
    nothing = scores_of((NONE, tubes(A)))
    assert set(nothing.agnostic.values()) | set(nothing.per_class.values()) == {None}
    assert nothing.counts["predictions_without_category"] == 1
    assert scores_of().agnostic["ap"] is None


def test_a_stray_costs_precision_not_recall():
    truth = tubes(A, categories=[1])
    found = scores_of((truth, tubes(B, A, categories=[1, 1], scores=[0.9, 0.8])))
    assert found.agnostic["ap"] == pytest.approx(0.5)
    assert (found.agnostic["ar1"], found.agnostic["ar10"], found.agnostic["recall50"]) == pytest.approx(
        (0, 1, 1)
    )


def test_a_wrong_category_counts_only_with_categories():
    found = scores_of((tubes(A, categories=[1]), tubes(A, categories=[2])))
    assert (found.agnostic["ap"], found.per_class["ap"]) == pytest.approx((1, 0))


def test_a_crowd_is_neither_found_nor_missed():
    truth = tubes(A, B, categories=[1, 1], crowd=[False, True])
    found = scores_of((truth, tubes(A, B, B, categories=[1, 1, 1], scores=[0.5, 0.9, 0.8])))
    assert found.agnostic["ap"] == pytest.approx(1)
    assert found.counts == {
        "videos": 1, "true_tubes": 1, "crowds": 1, "predictions": 3, "predictions_without_category": 0,
    }  # fmt: skip


def test_base_and_novel():
    truth = tubes(A, B, categories=[3, 9])
    predicted = tubes(A, categories=[3])
    found = scores_of((truth, predicted), partitions={3: 1, 9: 2, 12: 3})
    assert (found.base["ap"], found.novel["ap"], found.per_class["ap"]) == pytest.approx((1, 0, 0.5))
    rows = found.metric_rows("rooms", "vis_evaluation")
    assert {row["aggregation"] for row in rows} == {
        "class-agnostic", "mean over categories", "base categories", "novel categories",
    }  # fmt: skip
    assert set(rows[0]) == set(METRICS.names)


def test_tubes_of_a_mask_table():
    rows = MaskRows("a.b")
    for frame, track, counts, score, source in (
        (0, 4, box(0, 0), 0.5, "track"),
        (2, 4, box(0, 1), 1.0, "track"),
        (2, 2, box(9, 9), None, "annotation_crowd"),
        (2, 0, box(9, 9), None, "annotation"),
    ):
        rows.add(frame=frame, source_frame=frame, height=HEIGHT, width=WIDTH, rle_counts=counts, source=source,
                 track_id=track, category_id=track, score=score)  # fmt: skip
    table = rows.to_table()
    made = tubes_of_table(table)
    assert made.ids.tolist() == [2, 4] and made.categories.tolist() == [2, 4]
    assert made.scores.tolist() == [1, 0.75] and made.crowd.tolist() == [True, False]
    assert [sorted(masks) for masks in made.masks] == [[2], [0, 2]]
    assert len(tubes_of_table(table.slice(0, 0), size_hw=(HEIGHT, WIDTH))) == 0


def document(**changes):
    entry = {"size": [HEIGHT, WIDTH], "counts": box(0, 0)}
    annotation = {"id": 0, "video_id": 0, "category_id": 4, "segmentations": [entry, None], "areas": [48, 0]}
    return {
        "videos": [{"id": 0, "file_names": ["a/0.jpg", "a/1.jpg"], "height": HEIGHT, "width": WIDTH}],
        "annotations": [annotation | changes],
        "categories": [{"id": 4, "name": "cup", "partition": 2}],
    }


def result(**changes):
    entry = {"size": [HEIGHT, WIDTH], "counts": box(0, 0)}
    return {"video_id": 0, "category_id": 4, "score": 0.5, "segmentations": [entry, None]} | changes


def written(folder, name, content):
    (folder / name).write_text(json.dumps(content))
    return folder / name


@pytest.mark.parametrize(
    ("results", "ap"), [([], 0), ([result()], 1), ([result(segmentations=[None, None])], 0)]
)
def test_files(tmp_path, results, ap):
    file = read_tube_file(written(tmp_path, "truth.json", document()))
    evaluation = VisEvaluation()
    for _, truth, predicted in file.results(written(tmp_path, "results.json", results)):
        evaluation.add(truth, predicted)
    found = evaluation.scores(file.categories, file.partitions)
    assert (found.per_class["ap"], found.novel["ap"]) == pytest.approx((ap, ap))
    assert found.base["ap"] is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (document(segmentations=[{"size": [WIDTH, HEIGHT], "counts": box(0, 0)}, None]), "annotation 0 in frame 0"),
        (document(segmentations=[{"size": [HEIGHT, WIDTH], "counts": "11"}, None]), "annotation 0 in frame 0"),
        (document(segmentations=[None]), "expected 2 segmentations.*found 1"),
        (document(video_id=3), "expected a known video_id, found 3"),
        (document(category_id=1), "expected a known category_id, found 1"),
        (document() | {"videos": document()["videos"] * 2}, "found id 0 twice"),
    ],
)  # fmt: skip
def test_truth_that_cannot_be_trusted_is_refused(tmp_path, content, message):
    with pytest.raises(BadInput, match=message):
        read_tube_file(written(tmp_path, "truth.json", content)).tubes(0)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({"a": 1}, "expected a list of results"),
        ([result(video_id=9)], "result 0: expected a video of .*found video_id 9"),
        ([{"video_id": 0, "category_id": 4}], "expected 'score'"),
        ([3], "expected an object"),
    ],
)
def test_results_that_cannot_be_read_are_refused(tmp_path, results, message):
    file = read_tube_file(written(tmp_path, "truth.json", document()))
    with pytest.raises(BadInput, match=message):
        list(file.results(written(tmp_path, "results.json", results)))
