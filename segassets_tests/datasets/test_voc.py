"""Pascal VOC: instances are what was drawn, void is nothing, boxes stay boxes; what does not fit is named."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.layouts import make_layout
from segassets.datasets.load import open_scene
from segassets.errors import BadInput, MissingInput
from segassets.media.pictures import read_labels

from ..shared_data import shared_data
from .made import checked_annotations, dataset, masks_by_frame, scene_of
from .made_shapes import SIZE_HW
from .made_streets import VOC_CLASS_OF, make_voc, write_palette


def test_masks_and_classes_are_what_was_drawn(tmp_path):
    truth = make_voc(tmp_path)
    scene = scene_of(tmp_path, "voc")
    assert [frame.annotated for frame in scene.frames] == [True, True, False]
    found = checked_annotations(scene)
    for frame, (masks, labels) in enumerate(zip(masks_by_frame(found).values(), truth.values(), strict=True)):
        for number, mask in enumerate(masks, 1):
            np.testing.assert_array_equal(mask, labels == number, err_msg=f"frame {frame}")
    assert found.table.column("category_id").to_pylist() == VOC_CLASS_OF[1:].tolist() * 2
    assert set(found.table.column("source").to_pylist()) == {"annotation"}
    assert scene.categories[15] == "person"


def test_a_picture_with_boxes_alone_has_boxes_and_no_masks(tmp_path):
    make_voc(tmp_path)
    scene = scene_of(tmp_path, "voc")
    found = checked_annotations(scene)
    assert 2 not in found.table.column("frame").to_pylist()
    assert found.excluded == {"box_without_mask": 1}
    assert "2007_000003.xml: object 1 (dog)" in found.notes[0]
    box = scene.extras["boxes"][2]
    # 1-based and inclusive in the file: pixels 4..13 and 2..11
    assert (box["frame"], box["category"], box["bbox_xywh"]) == (2, "dog", (4, 2, 10, 10))
    assert box["difficult"] and not box["truncated"]


def test_classes_without_instances_are_crowds(tmp_path):
    make_voc(tmp_path, 2)
    (tmp_path / "SegmentationObject/2007_000001.png").unlink()
    found = checked_annotations(scene_of(tmp_path, "voc")).table
    assert found.column("category_id").to_pylist() == [12, 15]
    assert set(found.column("source").to_pylist()) == {"annotation_crowd"}


def test_instances_without_classes_have_none(tmp_path):
    make_voc(tmp_path, 2)
    (tmp_path / "SegmentationClass/2007_000001.png").unlink()
    assert checked_annotations(scene_of(tmp_path, "voc")).table.column("category_id").to_pylist() == [-1] * 3


@pytest.mark.parametrize(
    ("labels", "areas"),
    [
        (np.zeros(SIZE_HW), []),
        (np.full(SIZE_HW, 255), []),
        (np.ones(SIZE_HW), [SIZE_HW[0] * SIZE_HW[1]]),
        (np.arange(SIZE_HW[0] * SIZE_HW[1]).reshape(SIZE_HW) == 77, [1]),
    ],
    ids=["empty", "all void", "full frame", "one pixel"],
)
def test_edge_maps(tmp_path, labels, areas):
    make_voc(tmp_path, 1)
    write_palette(tmp_path / "SegmentationObject/2007_000001.png", labels)
    found = checked_annotations(scene_of(tmp_path, "voc"))
    assert found.table.column("area").to_pylist() == areas


def test_picture_sets(tmp_path):
    make_voc(tmp_path)
    sets = tmp_path / "ImageSets/Segmentation"
    sets.mkdir(parents=True)
    (sets / "val.txt").write_text("2007_000002\n2007_000001 -1\n2007_999999\n")
    scene = scene_of(tmp_path, "voc", options={"picture_set": "Segmentation/val"})
    assert [frame.uri for frame in scene.frames] == [
        "JPEGImages/2007_000002.jpg",
        "JPEGImages/2007_000001.jpg",
    ]
    assert scene.excluded == {"missing_picture": 1}
    (sets / "val.txt").write_text("other\n")
    with pytest.raises(BadInput, match=r"none of the 1 pictures of .*val\.txt"):
        scene_of(tmp_path, "voc", options={"picture_set": "Segmentation/val.txt"})
    with pytest.raises(MissingInput, match=r"ImageSets/Main/none\.txt"):
        scene_of(tmp_path, "voc", options={"picture_set": "Main/none"})
    single = make_layout(dataset(tmp_path, "voc", options={"shard_size": 1}))
    assert single.scene_names()[0] == "2007_000001"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("SegmentationObject/2007_000001.png", np.ones((9, 9)), r"expected labels of 64 x 80 .*found 9 x 9"),
        ("SegmentationClass/2007_000001.png", np.full(SIZE_HW, 77), r"expected classes 1 to 20.*found 77"),
        ("Annotations/2007_000001.xml", "<annotation><object>", r"2007_000001\.xml: expected XML"),
        ("Annotations/2007_000001.xml", "<!DOCTYPE a><a/>", r"found a document type"),
        ("Annotations/2007_000001.xml", "<a><object/></a>", r"object 1: expected a <name>"),
        ("Annotations/2007_000001.xml", "<a><object><name>x</name></object></a>", r"expected xmin"),
        (
            "Annotations/2007_000001.xml",
            "<a><object><name>x</name><bndbox><xmin>5</xmin><ymin>1</ymin><xmax>nan</xmax><ymax>3</ymax></bndbox>"
            "</object></a>",
            r"expected xmin <= xmax",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, file, content, message):
    make_voc(tmp_path, 2)
    if isinstance(content, str):
        (tmp_path / file).write_text(content)
    else:
        write_palette(tmp_path / file, content)
    with pytest.raises(BadInput, match=message):
        checked_annotations(scene_of(tmp_path, "voc"))


@pytest.mark.parametrize(
    "text", ["_background_\n", "_background_\na\na\n"], ids=["background alone", "twice"]
)
def test_names_of_classes(tmp_path, text):
    make_voc(tmp_path, 2)
    (tmp_path / "class_names.txt").write_text(text)
    with pytest.raises(BadInput, match=r"class_names\.txt: expected the background and then a name a line"):
        scene_of(tmp_path, "voc", options={"class_names": "class_names.txt"})
    (tmp_path / "class_names.txt").write_text("__ignore__\n_background_\n" + "\n".join("abcdefghijklmnop"))
    scene = scene_of(tmp_path, "voc", options={"class_names": "class_names.txt"})
    assert scene.categories[12] == "l"


def test_real_files_hold_the_shapes_of_their_coco_export(monkeypatch):
    monkeypatch.setenv("SEGASSETS_DATA", str(shared_data("")))
    folder = shared_data("labelme_examples/instance_segmentation/data_dataset_voc")
    scene = scene_of(folder, "voc", options={"class_names": "class_names.txt"})
    found = checked_annotations(scene)
    other = open_scene("labelme_voc.shard-0000")
    polygons = checked_annotations(other)
    assert found.table.num_rows == polygons.table.num_rows == 12
    names = [
        [of.categories[number] for number in table.column("category_id").to_pylist()]
        for of, table in ((scene, found.table), (other, polygons.table))
    ]
    assert sorted(names[0]) == sorted(names[1])
    labels = read_labels(folder / "SegmentationObject/2011_000006.png")
    masks = masks_by_frame(found)[1]
    assert [int(mask.sum()) for mask in masks] == [int((labels == n).sum()) for n in (1, 2, 3, 4, 5, 7)]
