"""Label pictures read by tables: equal to what was drawn; unknown, ignored and missing ones told by name."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.annotations import annotation_table
from segassets.datasets.config import load_dataset
from segassets.datasets.label_table import load_label_table
from segassets.datasets.load import dataset_keys, open_scene_of
from segassets.datasets.scene import scene_fingerprint
from segassets.errors import BadConfig, BadInput
from segassets.masks import rle
from segassets.media.pictures import read_labels, write_png

from . import made_surgery
from .made import HEIGHT, WIDTH, checked_annotations, scene_of, write_pictures

TABLE = {
    "classes": [{"id": 0, "name": "tissue", "values": [5, 6]}, {"id": 4, "name": "tool", "values": [200]}],
    "background": [1],
    "ignored": {"border": [255]},
}
OPTIONS = {"pictures": "{scene}/f_{frame}.png", "labels": "{scene}/f_{frame}_labels.png", "table": TABLE}


def clip(root, *maps, **values):
    """A scene `clip` with a frame per map."""
    write_pictures(root, [f"clip/f_{at:02d}.png" for at in range(len(maps))])
    for at, labels in enumerate(maps):
        if labels is not None:
            write_png(root / f"clip/f_{at:02d}_labels.png", labels)
    options = {**OPTIONS, **values.pop("options", {})}
    return scene_of(root, "class_maps", options=options, **values)


def flat(value, *pixels):
    """A map of one value, with other values at (row, column)."""
    labels = np.full((HEIGHT, WIDTH), value, np.uint8)
    for row, column, other in pixels:
        labels[row, column] = other
    return labels


def drawn(found, frame, shape):
    """Category ids as drawn by the rows of a frame, -1 elsewhere."""
    ids = np.full(shape, -1)
    for row in found.table.to_pylist():
        if row["frame"] == frame and row["level"] == 2:
            ids[rle.decode(row["rle_counts"], *shape)] = row["category_id"]
    return ids


@pytest.mark.parametrize(
    ("name", "make", "classes", "excluded"),
    [
        ("cholecseg8k", made_surgery.make_cholecseg8k, 13, {"ignored_border": 6, "ignored_unlabelled": 6}),
        ("endovis17", made_surgery.make_endovis17, 8, {}),
        ("endovis18", made_surgery.make_endovis18_types, 7, {}),
        ("endovis18_scene", made_surgery.make_endovis18, 12, {}),
    ],
)
def test_the_surgical_sets_are_what_was_drawn(tmp_path, monkeypatch, name, make, classes, excluded):
    monkeypatch.setenv("SEGASSETS_DATA", str(tmp_path))
    truth = make(tmp_path / name)
    config = load_dataset(name)
    keys = dataset_keys(config)
    assert {key.partition(".")[2] for key in keys} == set(truth)
    seen = set()
    for key in keys:
        scene = open_scene_of(config, key)
        found = checked_annotations(scene)
        assert len(scene.categories) == classes
        assert found.excluded == excluded
        assert all(frame.annotated for frame in scene.frames)
        for frame, ids in enumerate(truth[key.partition(".")[2]]):
            np.testing.assert_array_equal(drawn(found, frame, ids.shape), ids)
        tracks = {}
        for row in found.table.to_pylist():
            assert tracks.setdefault(row["track_id"], row["category_id"]) == row["category_id"]
        seen |= set(tracks.values())
    assert seen == set(scene.categories)


def test_cropped_endovis17_holds_all_instruments_in_one_map(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGASSETS_DATA", str(tmp_path))
    root = tmp_path / "endovis17_cropped" / "instrument_dataset_3"
    write_pictures(root, ["images/frame000.jpg"])
    write_png(root / "instruments_masks/frame000.png", flat(0, (3, 4, 64), (5, 6, 224)))
    config = load_dataset("endovis17_cropped")
    rows = checked_annotations(open_scene_of(config, dataset_keys(config)[0])).table.to_pylist()
    assert [(row["category_id"], row["area"]) for row in rows] == [(0, HEIGHT * WIDTH - 2), (2, 1), (7, 1)]


@pytest.mark.parametrize(
    ("labels", "rows"),
    [
        (flat(1), []),
        (flat(1, (0, 0, 200)), [(4, 1)]),
        (flat(6), [(0, HEIGHT * WIDTH)]),
        (flat(5, (2, 3, 6), (4, 4, 200)), [(0, HEIGHT * WIDTH - 1), (4, 1)]),
    ],
    ids=["empty", "one pixel", "full frame", "two values of one class"],
)
@pytest.mark.parametrize("channels", ["gray", "palette", "three alike"])
def test_one_map(tmp_path, labels, rows, channels):
    scene = clip(tmp_path, labels)
    path = tmp_path / "clip/f_00_labels.png"
    if channels == "palette":
        write_png(path, labels, palette=True)
    elif channels == "three alike":
        write_png(path, np.repeat(labels[:, :, None], 3, 2))
    found = checked_annotations(scene)
    assert [(row["category_id"], row["area"]) for row in found.table.to_pylist()] == rows
    assert all(row["track_id"] == row["category_id"] + 1 for row in found.table.to_pylist())
    assert found.excluded == {}
    assert [frame.annotated for frame in scene.frames] == [True]
    assert scene.categories == {0: "tissue", 4: "tool"}


def test_ignored_values_are_counted_with_their_pixels(tmp_path):
    found = checked_annotations(clip(tmp_path, flat(5, (0, 0, 255), (0, 1, 255)), flat(5)))
    assert found.excluded == {"ignored_border": 1}
    assert found.notes == [f"ignored_border: {tmp_path}/clip/f_00_labels.png: 2 pixels"]


def test_unknown_values_are_refused_or_counted(tmp_path):
    maps = flat(5, (3, 7, 99), (3, 8, 99)), flat(5)
    with pytest.raises(
        BadInput, match=r"f_00_labels\.png: value 99 at row 3, column 7 \(2 pixels\).*knows 5, 6, 200"
    ):
        annotation_table(clip(tmp_path, *maps))
    found = checked_annotations(clip(tmp_path, *maps, options={"table": {**TABLE, "unknown": "count"}}))
    assert found.excluded == {"unknown_label": 1}
    assert found.notes[0].endswith("f_00_labels.png: 2 pixels of value 99")


def test_unknown_colours_are_named(tmp_path):
    table = {"classes": [{"id": 0, "name": "tool", "values": [[0, 255, 0]]}]}
    labels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    labels[..., 1] = 255
    labels[2, 3] = (9, 8, 7)
    with pytest.raises(BadInput, match=r"colour \[9, 8, 7\] at row 2, column 3"):
        annotation_table(clip(tmp_path, labels, options={"table": table}))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            np.full((HEIGHT + 1, WIDTH), 5, np.uint8),
            rf"f_01_labels\.png: expected labels of {HEIGHT} x {WIDTH}",
        ),
        (
            np.full((HEIGHT, WIDTH, 3), (5, 5, 6), np.uint8),
            r"f_01_labels\.png: expected the same value.*\[5, 5, 6\]",
        ),
    ],
    ids=["another size", "a colour"],
)
def test_maps_that_do_not_fit_name_their_file(tmp_path, labels, message):
    with pytest.raises(BadInput, match=message):
        annotation_table(clip(tmp_path, flat(5), labels))


def test_missing_frames_are_named(tmp_path):
    clip(tmp_path, *[flat(5)] * 4)
    (tmp_path / "clip/f_02.png").unlink()
    with pytest.raises(
        BadInput, match=r"made\.clip: expected frame 2 after frame 1 \(clip/f_01\.png\), found 3"
    ):
        scene_of(tmp_path, "class_maps", options=OPTIONS)
    with pytest.raises(BadInput, match=r"f_02_labels\.png labels frame 2, whose picture is missing"):
        scene_of(tmp_path, "class_maps", options={**OPTIONS, "frame_step": None})
    (tmp_path / "clip/f_02_labels.png").unlink()
    assert len(scene_of(tmp_path, "class_maps", options={**OPTIONS, "frame_step": None}).frames) == 3


def test_frames_without_labels_are_refused_or_not_annotated(tmp_path):
    with pytest.raises(BadInput, match=r"made\.clip: frame 1 \(clip/f_01\.png\) has no label picture"):
        clip(tmp_path, flat(5), None)
    scene = clip(tmp_path, flat(5), None, options={"missing_labels": "unannotated"})
    assert [frame.annotated for frame in scene.frames] == [True, False]
    assert len(clip(tmp_path, flat(5), None, frames=":1").frames) == 1


def test_footage_without_labels(tmp_path):
    scene = clip(tmp_path, None, None, options={"labels": None, "table": None})
    assert scene.annotations is None
    assert [frame.annotated for frame in scene.frames] == [False, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pictures": "{scene}/x_{frame}.png"}, r"expected pictures named like '\{scene\}/x_\{frame\}\.png'"),
        ({"pictures": "f_{frame}.png"}, r"option `pictures`.*without \{scene\}"),
        ({"labels": "{scene}/{other}_{frame}.png"}, r"option `labels`.*with \{other\}"),
        ({"table": None}, "`labels` needs a label table"),
        ({"parts": True}, "`parts` needs a folder of maps per object"),
        ({"table": "cholecseg8"}, "unknown label table 'cholecseg8'.*Did you mean 'cholecseg8k'"),
    ],
)
def test_mistakes_in_the_options_are_named(tmp_path, options, message):
    with pytest.raises((BadConfig, BadInput), match=message):
        clip(tmp_path, flat(5), options=options)


def test_one_scene_name_in_two_places_is_refused(tmp_path):
    write_pictures(tmp_path, ["train/seq_1_0.png", "val/seq_1_0.png"])
    with pytest.raises(BadInput, match=r"train/seq_1_0\.png and val/seq_1_0\.png are both of scene 'seq_1'"):
        scene_of(tmp_path, "class_maps", options={"pictures": "{split}/{scene}_{frame}.png"})


def test_one_number_twice_is_refused(tmp_path):
    write_pictures(tmp_path, ["a/f_1.png", "a/f_01.png"])
    with pytest.raises(BadInput, match=r"are both frame 1"):
        scene_of(tmp_path, "class_maps", options={"pictures": "{scene}/f_{frame}.png"})


def test_another_table_is_other_footage(tmp_path):
    one = clip(tmp_path, flat(5))
    classes = [{"id": 0, "name": "tissue", "values": [5]}, {"id": 4, "name": "tool", "values": [6, 200]}]
    other = clip(tmp_path, flat(5), options={"table": {**TABLE, "classes": classes}})
    assert one.categories == other.categories
    assert scene_fingerprint(one) != scene_fingerprint(other)


ENDOVIS17 = {
    "pictures": "{scene}/left_frames/frame{frame}.png",
    "labels": "{scene}/ground_truth/{class}_labels/frame{frame}.png",
    "table": "endovis17",
}


@pytest.fixture
def instruments(tmp_path):
    """A sequence of three instruments, two of them of one class."""
    tools = list(made_surgery.ENDOVIS17_TOOLS)[:3]
    made_surgery.make_endovis17(tmp_path, {"instrument_dataset_1": tools}, frames=2)
    return tmp_path


def test_a_folder_is_an_object_and_has_parts(instruments):
    scene = scene_of(instruments, "class_maps", options={**ENDOVIS17, "parts": True})
    rows = [row for row in checked_annotations(scene).table.to_pylist() if row["frame"] == 0]
    wholes = {row["mask_id"]: row for row in rows if row["level"] == 2}
    assert sorted(row["category_id"] for row in wholes.values()) == [0, 1, 2, 2]
    parts = [row for row in rows if row["level"] == 4]
    assert parts and {row["category_id"] for row in parts} <= {101, 102, 103}
    for row in parts:
        part, whole = (
            rle.decode(item["rle_counts"], item["height"], item["width"])
            for item in (row, wholes[row["parent_id"]])
        )
        assert not (part & ~whole).any()
    assert sum(row["area"] for row in parts) == sum(
        row["area"] for row in wholes.values() if row["category_id"]
    )
    tracks = [row["track_id"] for row in rows]
    assert len(set(tracks)) == len(tracks)


def test_an_unknown_folder_names_itself(instruments):
    folder = instruments / "instrument_dataset_1/ground_truth"
    (folder / "Left_Prograsp_Forceps_labels").rename(folder / "Left_Spoon_labels")
    with pytest.raises(BadInput, match="folder name 'Left_Spoon' belongs to no class of the label table"):
        scene_of(instruments, "class_maps", options=ENDOVIS17)
    table = load_label_table("endovis17").model_copy(update={"unknown": "count"}).model_dump()
    found = annotation_table(scene_of(instruments, "class_maps", options={**ENDOVIS17, "table": table}))
    assert found.excluded == {"unknown_label": 2}


def test_a_map_that_one_folder_lacks_is_named(instruments):
    (instruments / "instrument_dataset_1/ground_truth/Maryland_Bipolar_Forceps_labels/frame001.png").unlink()
    with pytest.raises(BadInput, match=r"frame 1 .*has no label picture of 'Maryland_Bipolar_Forceps'"):
        scene_of(instruments, "class_maps", options=ENDOVIS17)


def test_a_part_value_that_is_not_known_is_refused(instruments):
    path = instruments / "instrument_dataset_1/ground_truth/Maryland_Bipolar_Forceps_labels/frame001.png"
    labels = read_labels(path).copy()
    labels[0, 5] = 77
    write_png(path, labels)
    with pytest.raises(BadInput, match=r"Maryland_Bipolar.*frame001\.png: value 77 at row 0, column 5"):
        annotation_table(scene_of(instruments, "class_maps", options=ENDOVIS17))
