"""A path alone becomes a dataset: every kind is recognised, scanned and written, and reads back."""

from __future__ import annotations

import json

import fsspec
import numpy as np
import pytest

from segassets.datasets.config import load_dataset, write_dataset_config
from segassets.datasets.load import dataset_keys, open_scene_of
from segassets.datasets.recognise import dataset_for_path
from segassets.errors import BadInput, MissingInput
from segassets.media.pictures import write_png

from . import made_json, made_streets, made_surgery
from . import test_hololens_rgbd as hololens
from . import test_multiscan as multiscan
from .made import SQUARE, coco, write_json, write_pictures, write_video
from .test_ytvis import document as ytvis_document


def folder_of_pictures(root):
    write_pictures(root, ["a.png", "b.png"])
    (root / "a.json").write_text(json.dumps({"shapes": []}))  # a labelling tool's note, not a dataset's
    return root


def folder_of_folders(root):
    write_pictures(root, ["kitchen/0.png", "hall/0.png"])
    return root


def video(root):
    write_video(root / "clip.mp4", 3)
    return root / "clip.mp4"


def folder_of_videos(root):
    write_video(root / "a.mp4", 3)
    write_video(root / "b.mp4", 3)
    return root


def davis(root):
    write_pictures(root, ["JPEGImages/480p/bear/0.jpg"])
    write_png(root / "Annotations/480p/bear/0.png", np.ones((24, 32), np.uint8))
    return root


def pictures_tree(root):
    write_pictures(root, ["JPEGImages/bear/0.jpg"])
    return root


def coco_beside_its_pictures(root):
    write_pictures(root, ["0.png", "1.png"])
    write_json(root / "instances.json", coco([{"segmentation": [SQUARE]}]))
    return root


def coco_json_in_annotations(root):
    write_pictures(root / "train2017", ["0.png", "1.png"])
    write_json(root / "annotations" / "instances.json", coco([{"segmentation": [SQUARE]}]))
    return root / "annotations" / "instances.json"


def coco_folder_with_annotations(root):
    coco_json_in_annotations(root)
    return root


def ytvis(root):
    write_pictures(root / "train" / "JPEGImages", ["0007/00000.jpg", "0007/00001.jpg", "0007/00002.jpg"])
    write_json(root / "instances.json", ytvis_document())
    return root


def scan(root):
    return multiscan.write_scan(root)


def scans(root):
    multiscan.write_scan(root)
    return root


def decoded_scans(root):
    write_pictures(root, ["scene_00000_00/outputs/color/0.png", "scene_00000_00/outputs/color/1.png"])
    return root


def posed_colour_and_depth(root):
    hololens.make(root)
    return root


def made_by(function, **values):
    def make(root):
        function(root, **values)
        return root

    return make


@pytest.mark.parametrize(
    ("make", "layout", "scene_names"),
    [
        (folder_of_pictures, "folder", [""]),
        (folder_of_folders, "folder", ["hall", "kitchen"]),
        (video, "video", [""]),
        (folder_of_videos, "video", ["a", "b"]),
        (davis, "davis", ["bear"]),
        (pictures_tree, "davis", ["bear"]),
        (coco_beside_its_pictures, "coco", ["shard-0000"]),
        (coco_json_in_annotations, "coco", ["shard-0000"]),
        (coco_folder_with_annotations, "coco", ["shard-0000"]),
        (ytvis, "ytvis", ["0007"]),
        (scan, "multiscan", [""]),
        (scans, "multiscan", ["scene_00000_00"]),
        (decoded_scans, "multiscan_decoded", ["scene_00000_00"]),
        (posed_colour_and_depth, "hololens_rgbd", ["hall"]),
        (made_by(made_surgery.make_cholecseg8k), "class_maps", ["video01_00080", "video12_15750"]),
        (
            made_by(made_surgery.make_endovis17),
            "class_maps",
            ["instrument_dataset_1", "instrument_dataset_2"],
        ),
        (made_by(made_surgery.make_endovis18), "class_maps", ["seq_1", "seq_2"]),
        (made_by(made_surgery.make_endovis18_types), "class_maps", ["seq_2", "seq_3", "seq_1"]),
        (made_by(made_json.make_coco_video), "coco_video", ["seq_1", "seq_2"]),
        (
            made_by(made_json.make_roboflow),
            "roboflow",
            ["test-shard-0000", "train-shard-0000", "valid-shard-0000"],
        ),
        (
            made_by(made_json.make_roboflow, splits={"train": 1}, file_name="annotations.json"),
            "roboflow",
            ["train-shard-0000"],
        ),
        (made_by(made_json.make_sa1b), "sa1b", ["shard-0000"]),
        (made_by(made_json.make_sav), "sav", ["sav_000001", "sav_000002"]),
        (made_by(made_streets.make_voc), "voc", ["shard-0000"]),
        (made_by(made_streets.make_cityscapes), "cityscapes", ["val-ulm-shard-0000"]),
        (made_by(made_json.make_sav_folders), "davis", ["sav_010001", "sav_010002"]),
    ],
)
def test_recognised_written_and_read_back(tmp_path, make, layout, scene_names):
    (tmp_path / "my data").mkdir()
    config = dataset_for_path(make(tmp_path / "my data"))
    assert config.layout == layout
    again = load_dataset(write_dataset_config(config, tmp_path / f"{config.name}.yaml"))
    keys = dataset_keys(again)
    assert keys == [f"{config.name}.{name}" if name else config.name for name in scene_names]
    assert all(open_scene_of(again, key).frames for key in keys)


def test_labels_json_becomes_the_label_table(tmp_path):
    made_surgery.make_endovis18(tmp_path)
    written = json.loads((tmp_path / "labels.json").read_text())
    written[1]["name"] = "shaft of ours"
    (tmp_path / "labels.json").write_text(json.dumps(written))
    config = dataset_for_path(tmp_path)
    again = load_dataset(write_dataset_config(config, tmp_path / f"{config.name}.yaml"))
    assert open_scene_of(again, dataset_keys(again)[0]).categories[1] == "shaft of ours"


@pytest.mark.parametrize(
    ("file", "name", "expected"), [("My Clip.v2.mp4", None, "My-Clip-v2"), ("clip.mp4", "bedroom", "bedroom")]
)
def test_dataset_names(tmp_path, file, name, expected):
    write_video(tmp_path / file, 2)
    assert dataset_for_path(tmp_path / file, name).name == expected


def test_relative_paths_become_absolute(tmp_path, monkeypatch):
    write_pictures(tmp_path / "clip", ["0.png"])
    monkeypatch.chdir(tmp_path)
    assert dataset_for_path("clip").root == str(tmp_path / "clip")


def test_remote(tmp_path):
    write_pictures(tmp_path, ["0.png"])
    address = f"memory://seen-{tmp_path.name}/clip"
    fsspec.filesystem("memory").put_file(str(tmp_path / "0.png"), address + "/0.png")
    config = dataset_for_path(address)
    assert (config.layout, config.root, config.name) == ("folder", address, "clip")


@pytest.mark.parametrize(
    ("names", "target", "message"),
    [
        ([], "", r"expected pictures, videos.*found 0 other files"),
        (["notes.txt"], "", r"found 1 other files"),
        (["notes.txt"], "notes.txt", r"expected a video, a COCO or YTVIS JSON, or a folder"),
        (["0.png"], "0.png", r"give the folder it lies in"),
    ],
)
def test_nothing_usable_says_what_was_looked_for(tmp_path, names, target, message):
    for name in names:
        (tmp_path / name).write_text("x")
    with pytest.raises(BadInput, match=message):
        dataset_for_path(tmp_path / target)


def test_nothing_at_all(tmp_path):
    with pytest.raises(MissingInput, match="gone"):
        dataset_for_path(tmp_path / "gone")


def test_several_annotation_files_want_a_choice(tmp_path):
    coco_beside_its_pictures(tmp_path)
    write_json(tmp_path / "val.json", coco([]))
    with pytest.raises(BadInput, match=r"several annotation files.*instances\.json, val\.json"):
        dataset_for_path(tmp_path)


def test_annotations_without_their_pictures(tmp_path):
    write_json(tmp_path / "a.json", coco([]))
    with pytest.raises(BadInput, match=r"first picture '0\.png' is not in the folders around"):
        dataset_for_path(tmp_path / "a.json")
