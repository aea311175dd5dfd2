"""The ytvis export read back by the platform's own layout, and by a parse that knows nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pycocotools import mask as coco

from segassets.datasets.config import DatasetConfig
from segassets.datasets.layouts import make_layout
from segassets.datasets.ytvis_tubes import read_tube_file
from segassets.errors import BadInput
from segassets.exports.convert.ytvis_categories import attribute, class_agnostic
from segassets.exports.registry import export_scene, export_scenes
from segassets.exports.ytvis import YtvisDocument
from segassets.masks import rle
from segassets.masks.tubes import Tubes
from segassets_tests.made_scene import FRAME_COUNT, HEIGHT, SCENE, WIDTH, make_store, true_masks


def exported(tmp_path: Path, **options):
    record = export_scene(make_store(tmp_path), SCENE, "ytvis", tmp_path / "out", options=options)
    return record, json.loads((tmp_path / "out" / "annotations.json").read_text())


def truth(**options):
    return {"asset": "coco_masks", "levels": [2], **options}


def test_an_independent_parse(tmp_path):
    record, found = exported(tmp_path, **truth(categories="keep"))
    assert (record["videos"], record["annotations"]) == (1, 2)
    [video] = found["videos"]
    assert (video["id"], video["length"], len(video["file_names"])) == (1, FRAME_COUNT, FRAME_COUNT)
    assert [item["id"] for item in found["annotations"]] == [1, 2]
    assert {item["id"]: item["name"] for item in found["categories"]} == {0: "table", 3: "ball"}
    for number, item in enumerate(found["annotations"], 1):
        for frame in range(FRAME_COUNT):
            there = number in true_masks(frame)
            lists = [item[name][frame] for name in ("segmentations", "bboxes", "areas")]
            assert (lists == [None] * 3) != there
            if there:
                mask = true_masks(frame)[number]
                assert np.array_equal(coco.decode(lists[0]).astype(bool), mask)
                ys, xs = np.nonzero(mask)
                assert lists[1] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
                assert lists[2] == mask.sum()


@pytest.mark.parametrize("absent", ["null", "zero"])
def test_read_back_by_the_layout(tmp_path, absent):
    _, found = exported(tmp_path, **truth(categories="keep", absent_areas=absent, pictures="write"))
    assert found["annotations"][1]["areas"][-1] == (0 if absent == "zero" else None)
    config = DatasetConfig(
        name="back", root=str(tmp_path / "out"), layout="ytvis", options={"annotations": "annotations.json"}
    )
    layout = make_layout(config)
    [name] = layout.scene_names()
    scene = layout.load(name)
    rows = [(row.frame, row.track_id, row.category_id, row.rle_counts) for row in scene.annotations()]
    expected = [
        (frame, number, (0, 3)[number - 1], rle.encode(mask))
        for frame in range(FRAME_COUNT)
        for number, mask in true_masks(frame).items()
    ]
    assert sorted(rows) == sorted(expected)


@pytest.mark.parametrize(
    ("categories", "ids", "names"),
    [
        ("agnostic", [1, 1], {1: "object"}),
        ("keep", [0, 3], {0: "table", 3: "ball"}),
        ("contiguous", [1, 2], {1: "table", 2: "ball"}),
    ],
)
def test_categories(tmp_path, categories, ids, names):
    _, found = exported(tmp_path, **truth(categories=categories))
    assert [item["category_id"] for item in found["annotations"]] == ids
    assert {item["id"]: item["name"] for item in found["categories"]} == names


def test_results_are_a_bare_list(tmp_path):
    _, found = exported(tmp_path, **truth(kind="results"))
    assert [sorted(item) for item in found] == [["category_id", "score", "segmentations", "video_id"]] * 2


def test_tracks_keep_their_scores_and_get_a_category(tmp_path):
    _, found = exported(tmp_path, categories="keep")
    assert {item["category_id"] for item in found["annotations"]} == {4}
    assert found["categories"][-1] == {"id": 4, "name": "object"}


def document_of(tmp_path: Path) -> Path:
    document = YtvisDocument({7: 7, 8: 8})
    mask = rle.encode(true_masks(0)[1])
    tubes = Tubes(HEIGHT, WIDTH, [{0: mask}, {1: mask}], categories=[7, 8], scores=[0.5, 0.25])
    document.add("a", ["a/0.jpg", "a/1.jpg"], tubes)
    path = tmp_path / "some.json"
    path.write_text(json.dumps(document.document({7: "cup", 8: "pan"})))
    return path


def test_class_agnostic(tmp_path):
    source = document_of(tmp_path)
    record = class_agnostic(source, tmp_path / "one.json")
    assert record == {"videos": 1, "annotations": 2, "categories_before": 2}
    before, after = (json.loads((tmp_path / name).read_text()) for name in ("some.json", "one.json"))
    assert after["categories"] == [{"id": 1, "name": "object"}]
    for item in before["annotations"]:
        item["category_id"] = 1
    assert after["annotations"] == before["annotations"] and after["videos"] == before["videos"]


@pytest.mark.parametrize("form", [{"2": 8}, [{"id": 2, "category_id": 8, "score": 0.5}]])
def test_categories_given_back(tmp_path, form):
    source = document_of(tmp_path)
    class_agnostic(source, tmp_path / "one.json")
    (tmp_path / "given.json").write_text(json.dumps(form))
    record = attribute(tmp_path / "one.json", tmp_path / "given.json", tmp_path / "back.json", source)
    assert record == {"videos": 1, "annotations": 1, "dropped": 1, "by_category": {"pan": 1}}
    file = read_tube_file(tmp_path / "back.json")
    assert file.tubes(1).categories.tolist() == [8]
    assert file.tubes(1).scores.tolist() == [0.25 * (0.5 if isinstance(form, list) else 1)]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"3": 7}, "ids of annotations of .* found 3"),
        ({"1": 1}, "annotation 1: expected a category"),
        ({"x": 1}, "expected annotation ids"),
        ([4], "entry 0: expected an object"),
        ({"1": 7}, "none for annotation 2"),
    ],
)
def test_attributions_that_cannot_be_used_are_refused(tmp_path, form, message):
    source = document_of(tmp_path)
    (tmp_path / "given.json").write_text(json.dumps(form))
    with pytest.raises(BadInput, match=message):
        attribute(source, tmp_path / "given.json", tmp_path / "back.json", source, without="refuse")
    assert not (tmp_path / "back.json").exists()


def test_scenes_without_pseudo_tubes_are_left_out_and_named(tmp_path):
    """The made scene's tracks as its tubes; a second scene that gave too little."""
    from dataclasses import replace

    from segassets.masks.schemas import MASKS, TUBES
    from segassets.masks.table import write_table
    from segassets_tests.made_scene import track_table

    store = make_store(tmp_path / "store")
    origin = store.peek("sam2_tracks", SCENE).provenance
    tracks = track_table()
    ids = sorted(set(tracks.column("track_id").to_pylist()))
    rows = [
        {"scene": SCENE, "track_id": track, "category_id": -1, "score": 0.25, "frames": 1, "coverage": 0.5}
        for track in ids
    ]
    with store.create(replace(origin, asset="pseudo_tubes")) as folder:
        write_table(tracks, MASKS, folder / "masks.parquet")
        write_table(pa.Table.from_pylist(rows, TUBES), TUBES, folder / "tubes.parquet")
    record = export_scenes(store, [SCENE], "ytvis", tmp_path / "one", options={"asset": "pseudo_tubes"})
    assert (
        record["videos"] == 1 and record["skipped"] == 0 and not (tmp_path / "one" / "skipped.json").exists()
    )
    document = json.loads((tmp_path / "one" / "annotations.json").read_text())
    assert {item["score"] for item in document["annotations"]} == {0.25}  # of the summary, not of the masks
    with store.create(replace(origin, asset="pseudo_tubes")) as folder:
        write_table(MASKS.empty_table(), MASKS, folder / "masks.parquet")
        write_table(TUBES.empty_table(), TUBES, folder / "tubes.parquet")
        (folder / "skipped.json").write_text(json.dumps({"reason": "too_few_masks", "masks": 1}))
    record = export_scenes(store, [SCENE], "ytvis", tmp_path / "none", options={"asset": "pseudo_tubes"})
    assert record["videos"] == 0 and record["skipped"] == 1
    report = json.loads((tmp_path / "none" / "skipped.json").read_text())
    assert report["num_skipped"] == 1
    assert report["skipped"][0] == {"video": SCENE, "reason": "too_few_masks", "masks": 1}
