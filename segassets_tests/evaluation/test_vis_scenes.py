"""What of a scene's mask tables is judged: levels, annotated frames, pictures without identities, empty tables."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from segassets.errors import BadInput, MissingInput
from segassets.evaluation import vis_scenes as vis
from segassets.masks import rle
from segassets.masks.schemas import FRAMES, TUBES
from segassets.masks.table import MaskRows

HEIGHT, WIDTH = 24, 32


def frames(annotated: str, sizes=None) -> pa.Table:
    """A frame for each letter: `y` is annotated."""
    rows = []
    for frame, letter in enumerate(annotated):
        height, width = (sizes or [(HEIGHT, WIDTH)] * len(annotated))[frame]
        rows.append({"scene": "a.b", "frame": frame, "source_frame": frame, "uri": f"{frame}.jpg"})
        rows[-1] |= {"height": height, "width": width, "annotated": letter == "y"}
    return pa.Table.from_pylist(rows, schema=FRAMES)


def masks(*rows: tuple[int, int, int], level: int = 2, **values) -> pa.Table:
    """Rows (track id, frame, left edge) of boxes of 8 x 8 pixels."""
    made = MaskRows("a.b")
    for track, frame, left in rows:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[4:12, left : left + 8] = True
        made.add(
            frame=frame, source_frame=frame, height=HEIGHT, width=WIDTH, rle_counts=rle.encode(mask),
            source="x", track_id=track, level=level, **values,
        )  # fmt: skip
    return made.to_table()


def scores(truth, predicted, table, **values):
    return vis.judge_scenes(vis.vis_videos(truth, predicted, table, **values))


def test_frames_that_are_not_annotated_do_not_count():
    truth = masks((1, 0, 4), (1, 2, 4))
    predicted = masks((5, 0, 4), (5, 1, 20), (5, 2, 4))  # wrong where nobody looked
    assert scores(truth, predicted, frames("yny")).agnostic["ap"] == pytest.approx(1)
    assert scores(truth, predicted, frames("yyy")).agnostic["ap50"] == pytest.approx(1)
    assert scores(truth, predicted, frames("yyy")).agnostic["ap75"] == 0  # 2 of 3 frames


def test_only_the_levels_asked_for():
    truth = pa.concat_tables([masks((1, 0, 4)), masks((2, 0, 20), level=4)])
    assert scores(truth, masks((1, 0, 4)), frames("y")).counts["true_tubes"] == 1
    assert scores(truth, masks((1, 0, 4)), frames("y"), levels=None).agnostic["recall50"] == 0.5


def test_scores_of_the_summary_rank_the_tubes():
    truth, predicted = masks((1, 0, 4)), masks((1, 0, 4), (2, 0, 20), score=0.5)
    row = {"scene": "a.b", "category_id": -1, "frames": 1, "coverage": 1.0}
    for first, second, ap in ((0.9, 0.1, 1.0), (0.1, 0.9, 0.5)):
        rows = [row | {"track_id": 1, "score": first}, row | {"track_id": 2, "score": second}]
        summary = pa.Table.from_pylist(rows, schema=TUBES)
        assert scores(truth, predicted, frames("y"), summary=summary).agnostic["ap50"] == pytest.approx(ap)


def test_pictures_without_identities_are_videos_of_one_frame():
    truth, predicted = masks((0, 0, 4), (0, 0, 20), (0, 1, 4)), masks((1, 0, 4), (1, 1, 4), (2, 0, 20))
    found = scores(truth, predicted, frames("yy"))
    assert (
        found.counts["videos"] == 2
        and found.counts["true_tubes"] == 3
        and found.agnostic["ap"] == pytest.approx(1)
    )


def test_pictures_of_several_sizes():
    table = frames("yy", [(HEIGHT, WIDTH), (40, 40)])
    found = scores(masks((1, 0, 4)), masks((1, 0, 4)), table)
    assert found.counts["videos"] == 2 and found.agnostic["ap"] == pytest.approx(1)


@pytest.mark.parametrize("annotated", ["", "n", "y"])
def test_nothing_to_find_and_nothing_found(annotated):
    found = scores(masks(), masks(), frames(annotated))
    assert found.agnostic["ap50"] is None and found.agnostic["mean_best_iou"] is None
    assert scores(masks((1, 0, 4)), masks(), frames("y")).agnostic["ap50"] == 0


def test_some_identities_are_not_enough():
    with pytest.raises(BadInput, match="without on frame 1"):
        scores(masks((1, 0, 4), (0, 1, 4)), masks(), frames("yy"))


def test_figures_by_category_only_where_predictions_have_some():
    [video] = vis.vis_videos(masks((1, 0, 4), category_id=0), masks((1, 0, 4)), frames("y"))
    assert not vis.has_categories([video])
    found = vis.judge_scenes([video], {0: "cup"})
    assert set(vis.figures_of_scores(found, by_category=False)) == {"agnostic", "counts"}
    rows = vis.metric_rows(found, "a.b", "pseudo_tubes", by_category=False)
    assert {row["aggregation"] for row in rows} == {"class-agnostic"}
    [video] = vis.vis_videos(masks((1, 0, 4), category_id=0), masks((1, 0, 4), category_id=0), frames("y"))
    told = vis.figures_of_scores(
        vis.judge_scenes([video], {0: "cup"}, {0: 2}), by_category=vis.has_categories([video])
    )
    assert told["per_class"]["ap"] == told["novel"]["ap"] == pytest.approx(1) and told["base"]["ap"] is None


def test_partitions_that_are_asked_for_must_be_there(tmp_path):
    assert vis.read_partitions("") is None
    with pytest.raises(MissingInput, match=r"none\.json"):
        vis.read_partitions(str(tmp_path / "none.json"))
    path = tmp_path / "ytvis.json"
    document = {"videos": [], "annotations": [], "categories": [{"id": 3, "name": "cup"}]}
    path.write_text(json.dumps(document))
    with pytest.raises(
        BadInput, match=r"expected categories with 'partition' .* leave categories_json empty"
    ):
        vis.read_partitions(str(path))
    document["categories"][0]["partition"] = 2
    path.write_text(json.dumps(document))
    assert vis.read_partitions(str(path)) == {3: 2}


def test_the_box_in_the_middle():
    [video] = vis.vis_videos(masks((1, 0, 12)), masks(), frames("y"))
    box = vis.judge_scenes([video.with_centred_box([0])])
    assert box.counts["predictions"] == 1 and 0 < box.agnostic["mean_best_iou"] < 0.5
