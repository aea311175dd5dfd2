"""EndoVis and other annotated footage to COCO-video, read back with pycocotools and with our own reader."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from segassets.datasets.config import DatasetConfig
from segassets.datasets.layouts import make_layout
from segassets.datasets.scene import Scene
from segassets.errors import BadConfig, BadInput, MissingInput, SegassetsError
from segassets.exports.convert.coco_video import CocoVideoOptions, scenes_to_coco_video
from segassets.exports.convert.endovis import EndovisLabels, endovis_to_coco_video
from segassets.media.pictures import write_png
from segassets_tests.datasets.made_surgery import (
    ENDOVIS18_COLOURS,
    make_endovis17,
    make_endovis18,
    make_endovis18_types,
)
from segassets_tests.exports.convert.made import annotation, as_rle, block, coco, image, picture, write

TYPES = [
    "Bipolar_Forceps", "Prograsp_Forceps", "Large_Needle_Driver", "Monopolar_Curved_Scissors", "Ultrasound_Probe",
    "Suction_Instrument", "Clip_Applier",
]  # fmt: skip
FROM_ONE = EndovisLabels(value_offset=1)


def type_labels(folder: Path) -> None:
    """labels.json of the instrument types: ids from 0, without colours."""
    entries = [{"name": name, "classid": number} for number, name in enumerate(TYPES)]
    (folder / "labels.json").write_text(json.dumps(entries))


def read_back(path: Path) -> dict[str, list[np.ndarray]]:
    """Maps of category ids by video, -1 where nothing is, and all that must hold in such a file."""
    read = COCO(str(path))
    assert sorted(read.imgs) == list(range(len(read.imgs)))
    assert sorted(read.anns) == list(range(len(read.anns)))
    assert len({(item["image_id"], item["category_id"]) for item in read.anns.values()}) == len(read.anns)
    found: dict[str, list[np.ndarray]] = {}
    for item in sorted(read.imgs.values(), key=lambda item: (item["video_id"], item["order_in_video"])):
        assert item["order_in_video"] == len(found.setdefault(item["video_id"], []))
        labels = np.full((item["height"], item["width"]), -1)
        for one in read.imgToAnns[item["id"]]:
            mask = read.annToMask(one).astype(bool)
            assert one["area"] == mask.sum() and isinstance(one["segmentation"]["counts"], str)
            labels[mask] = one["category_id"]
        found[item["video_id"]].append(labels)
    return found


def same(found: dict[str, list[np.ndarray]], truth: dict[str, list[np.ndarray]]) -> bool:
    return list(found) == sorted(truth) and all(np.array_equal(found[name], truth[name]) for name in found)


def test_endovis_of_sam2_video_training(tmp_path: Path) -> None:
    truth = make_endovis18_types(tmp_path / "endovis")
    type_labels(tmp_path / "endovis")
    result = endovis_to_coco_video(tmp_path / "endovis", tmp_path / "all.json", labels=FROM_ONE)
    assert same(read_back(tmp_path / "all.json"), truth)
    assert (result["videos"], result["images"]) == (3, 18)
    assert set(result["by_category"]) == set(TYPES)
    document = json.loads((tmp_path / "all.json").read_text())
    first = document["images"][0]
    assert set(first) == {
        "id", "file_name", "path", "height", "width", "video_id", "order_in_video", "is_det_keyframe",
    }  # fmt: skip
    assert first["video_id"] == "seq_2" and first["file_name"] == "train/images/seq_2_frame000.png"
    assert Image.open(first["path"]).size == (first["width"], first["height"])


def test_split_and_image_root(tmp_path: Path) -> None:
    truth = make_endovis18_types(tmp_path / "endovis")
    type_labels(tmp_path)
    options = CocoVideoOptions(image_root="/data/endovis", keyframe_stride=3)
    endovis_to_coco_video(tmp_path / "endovis", tmp_path / "val.json", options, FROM_ONE, split="val")
    assert same(read_back(tmp_path / "val.json"), {"seq_1": truth["seq_1"]})
    images = json.loads((tmp_path / "val.json").read_text())["images"]
    assert images[2]["path"] == "/data/endovis/val/images/seq_1_frame002.png"
    assert [item["is_det_keyframe"] for item in images] == [True, False, False] * 2
    endovis_to_coco_video(tmp_path / "endovis" / "val", tmp_path / "alone.json", labels=EndovisLabels(
        tmp_path / "labels.json", value_offset=1
    ))  # fmt: skip
    assert same(read_back(tmp_path / "alone.json"), {"seq_1": truth["seq_1"]})


def test_our_reader_reads_it(tmp_path: Path) -> None:
    make_endovis18_types(tmp_path / "endovis")
    type_labels(tmp_path / "endovis")
    endovis_to_coco_video(tmp_path / "endovis", tmp_path / "endovis" / "all.json", labels=FROM_ONE)
    config = DatasetConfig(
        name="back", layout="coco", root=str(tmp_path / "endovis"), options={"annotations": "all.json"}
    )
    layout = make_layout(config)
    scene = layout.load(layout.scene_names()[0])
    assert len(scene.frames) == 18 and scene.categories == dict(enumerate(TYPES))


@pytest.mark.parametrize("keep", [False, True])
def test_endovis_in_colours(tmp_path: Path, keep: bool) -> None:
    truth = make_endovis18(tmp_path)
    endovis_to_coco_video(tmp_path, tmp_path / "out.json", labels=EndovisLabels(keep_background=keep))
    if not keep:
        truth = {name: [np.where(labels, labels, -1) for labels in maps] for name, maps in truth.items()}
    assert same(read_back(tmp_path / "out.json"), truth)
    names = [item["name"] for item in json.loads((tmp_path / "out.json").read_text())["categories"]]
    assert names == [name for name, _ in ENDOVIS18_COLOURS][0 if keep else 1 :]


def test_any_dataset(tmp_path: Path) -> None:
    truth = make_endovis17(tmp_path)
    config = DatasetConfig(
        name="endovis17",
        layout="class_maps",
        root=str(tmp_path),
        options={
            "pictures": "{scene}/left_frames/frame{frame}.png",
            "labels": "{scene}/ground_truth/{class}/frame{frame}.png",
            "table": {
                "classes": [
                    {"id": 1, "name": "Bipolar", "folders": ["*bipolar*"]},
                    {"id": 2, "name": "Prograsp", "folders": ["*prograsp*"]},
                    {"id": 3, "name": "Rest", "folders": ["large*", "vessel*", "grasping*", "mono*", "other*"]},
                ]
            },
        },
    )  # fmt: skip
    layout = make_layout(config)
    scenes = [layout.load(name) for name in layout.scene_names()]
    scenes_to_coco_video(scenes, tmp_path / "out.json")
    wanted = {
        name: [np.where(labels == 0, -1, np.minimum(labels, 3)) for labels in maps]
        for name, maps in truth.items()
    }
    assert same(read_back(tmp_path / "out.json"), wanted)
    result = scenes_to_coco_video(scenes, tmp_path / "each.json", CocoVideoOptions(masks="instance"))
    assert (
        result["by_category"]["Prograsp"] == 2 * result["by_category"]["Bipolar"]
    )  # two forceps, one category


def scene_of(layout: str, root: Path, **options: str) -> Scene:
    made = make_layout(DatasetConfig(name="made", layout=layout, root=str(root), options=options))
    return made.load(made.scene_names()[0])


def test_pictures_of_a_set_are_videos_of_their_own(tmp_path: Path) -> None:
    halves = [annotation(1, 4, as_rle(block(1, 2, 3, 4))), annotation(2, 4, as_rle(block(3, 2, 3, 4)))]
    write(tmp_path / "set.json", coco([image(4, "a/1.png"), image(9, "b/1.png")], halves))
    for name in ("a", "b"):
        picture(tmp_path / name / "1.png")
    result = scenes_to_coco_video([scene_of("coco", tmp_path, annotations="set.json")], tmp_path / "out.json")
    assert (result["videos"], result["images"], result["by_category"]["room"]) == (2, 2, 1)
    found = read_back(tmp_path / "out.json")
    areas = {name: [(maps == 1).sum() for maps in items] for name, items in found.items()}
    assert areas == {"a/1": [20], "b/1": [0]}


def test_masks_without_category_are_objects(tmp_path: Path) -> None:
    picture(tmp_path / "film" / "0.png")
    picture(tmp_path / "film" / "1.png")
    write_png(tmp_path / "film" / "maps" / "0.png", block(1, 1, 2, 2).astype(np.uint8))
    scene = scene_of("folder", tmp_path / "film", annotations="maps")
    result = scenes_to_coco_video([scene], tmp_path / "out.json")
    assert (result["by_category"], result["unlabelled"], result["images"]) == ({"object": 1}, 1, 1)
    kept = scenes_to_coco_video([scene], tmp_path / "all.json", CocoVideoOptions(unlabelled="keep"))
    assert (kept["images"], kept["images_without_annotations"]) == (2, 1)


def test_a_category_of_two_ids_is_refused(tmp_path: Path) -> None:
    scenes = []
    for name, categories in (("a", {0: "forceps"}), ("b", {0: "probe", 1: "forceps"}), ("c", {1: "forceps"})):
        write_png(tmp_path / name / "s" / "0.png", np.zeros((4, 6), np.uint8))
        scene = scene_of("folder", tmp_path / name)
        scenes.append(replace(scene, key=f"toy.{name}", name=name, categories=categories))
    with pytest.raises(BadInput, match=r"scene toy.c: category 'forceps' has id 1, but 0 in scene toy.a"):
        scenes_to_coco_video([scenes[0], scenes[2]], tmp_path / "out.json")
    with pytest.raises(BadInput, match=r"scene toy.b: category 0 is 'probe', but 'forceps' in scene toy.a"):
        scenes_to_coco_video(scenes[:2], tmp_path / "out.json")


def remove_label(folder: Path) -> None:
    (folder / "train" / "annotations" / "seq_2_frame001.png").unlink()


def shrink_label(folder: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "train" / "annotations" / "seq_2_frame001.png")


def strange_value(folder: Path) -> None:
    path = folder / "train" / "annotations" / "seq_2_frame001.png"
    labels = np.array(Image.open(path))
    labels[5, 6] = 77
    Image.fromarray(labels).save(path)


def same_name_twice(folder: Path) -> None:
    for kind in ("images", "annotations"):
        (folder / "val" / kind / "seq_2_frame000.png").write_bytes(
            (folder / "train" / kind / "seq_2_frame000.png").read_bytes()
        )


BAD = [
    # what is wrong, how it is called, kind of error, words of the message
    (remove_label, {}, BadInput, ["seq_2", "frame 1", "seq_2_frame001.png"]),
    (shrink_label, {}, BadInput, ["seq_2_frame001.png", "64 x 80", "8 x 8"]),
    (strange_value, {}, BadInput, ["seq_2_frame001.png", "value 77", "row 5, column 6"]),
    (same_name_twice, {}, BadInput, ["another video 'seq_2'"]),
    (lambda folder: (folder / "labels.json").unlink(), {}, MissingInput, ["labels.json", "--labels"]),
    (lambda folder: (folder / "labels.json").write_text("[{"), {}, BadInput, ["labels.json", "complete"]),
    (
        lambda folder: (folder / "labels.json").write_text('[{"name": 3}]'),
        {},
        BadInput,
        ["labels.json", "at 0"],
    ),
    (
        lambda folder: None,
        {"labels": EndovisLabels()},
        BadInput,
        ["class 0", "Bipolar_Forceps", "--value-offset 1"],
    ),
    (lambda folder: None, {"split": "vla"}, BadConfig, ["vla", "'val'"]),
]


@pytest.mark.parametrize(("spoil", "call", "kind", "words"), BAD)
def test_bad_input_is_named(tmp_path: Path, spoil, call: dict, kind: type, words: list[str]) -> None:
    make_endovis18_types(tmp_path / "endovis")
    type_labels(tmp_path / "endovis")
    spoil(tmp_path / "endovis")
    with pytest.raises(kind) as caught:
        endovis_to_coco_video(tmp_path / "endovis", tmp_path / "out.json", **{"labels": FROM_ONE, **call})
    assert all(word in str(caught.value) for word in words), caught.value
    assert not (tmp_path / "out.json").exists()


def test_strange_values_can_be_ignored(tmp_path: Path) -> None:
    truth = make_endovis18_types(tmp_path / "endovis")
    type_labels(tmp_path / "endovis")
    strange_value(tmp_path / "endovis")
    labels = EndovisLabels(value_offset=1, ignored=(77,))
    result = endovis_to_coco_video(tmp_path / "endovis", tmp_path / "out.json", labels=labels)
    assert result["left_out"] == {"ignored_given": 1}
    truth["seq_2"][1][5, 6] = -1
    assert same(read_back(tmp_path / "out.json"), truth)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(SegassetsError, match=r"seq_N_frameNNN\.png.*found nothing"):
        endovis_to_coco_video(tmp_path, tmp_path / "out.json")
