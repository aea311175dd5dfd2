"""COCO to SA-1B, loaded by sam2's own reader and by its sampler."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segassets.errors import BadConfig, BadInput, MissingInput
from segassets.exports.convert.sa1b import Sa1bOptions, coco_to_sa1b
from segassets.models.sam2.instantiate import prepare_sam2
from segassets_tests.exports.convert.made import (
    HEIGHT,
    WIDTH,
    annotation,
    as_rle,
    block,
    coco,
    image,
    picture,
    roboflow,
    write,
)  # fmt: skip


def sam2_reader(folder: Path, **options: object):
    prepare_sam2()
    from training.dataset.vos_raw_dataset import SA1BRawDataset

    return SA1BRawDataset(str(folder), str(folder), **options)


def loaded(folder: Path) -> dict[int, list[np.ndarray]]:
    """Masks of each picture, by video id, as sam2 reads them; the picture is opened too."""
    reader = sam2_reader(folder)
    found = {}
    for at in range(len(reader)):
        video, segments = reader.get_video(at)
        with Image.open(video.frames[0].image_path) as opened:
            assert (opened.format, opened.size) == ("JPEG", (WIDTH, HEIGHT))
        masks = segments.load(0)
        found[video.video_id] = [masks[key].numpy().astype(bool) for key in masks.keys()]  # noqa: SIM118
    return found


def test_sam2_reads_every_split(tmp_path: Path) -> None:
    record = coco_to_sa1b(roboflow(tmp_path / "in"), tmp_path / "out")
    for split in ("train", "valid", "test"):
        masks = loaded(tmp_path / "out" / split)
        assert sorted(masks) == [0, 1]
        assert np.array_equal(masks[0][0], block(5, 10, 20, 20))
        assert np.array_equal(masks[0][1], block(30, 2, 6, 50))
        assert np.array_equal(masks[1][0], block(0, 0, 40, 10))
        assert record["splits"][split]["names"] == {
            "plan-1_jpg.rf.00ab12.jpg": "plan-1_jpg_000000.jpg",
            "plan_2_png.rf.77ff00.png": "plan_2_png_000001.jpg",
        }
        assert record["splits"][split]["left_out"] == ["empty_jpg.rf.cc.jpg"]
    assert json.loads((tmp_path / "out" / "convert.json").read_text())["categories"] == {
        "0": "floorplan", "1": "room", "2": "door",
    }  # fmt: skip


def test_sam2_samples_what_was_written(tmp_path: Path) -> None:
    coco_to_sa1b(roboflow(tmp_path / "in"), tmp_path / "out")
    reader = sam2_reader(tmp_path / "out" / "train", num_frames=2, mask_area_frac_thresh=0.9)
    from training.dataset.vos_dataset import VOSDataset
    from training.dataset.vos_sampler import RandomUniformSampler

    dataset = VOSDataset([], True, reader, RandomUniformSampler(2, 3), 1)
    clip = dataset[0]
    assert len(clip.frames) == 2
    assert clip.size == (WIDTH, HEIGHT) or clip.size == (HEIGHT, WIDTH)
    assert sum(len(frame.objects) for frame in clip.frames) in (2, 4)


def test_records_are_sa1b(tmp_path: Path) -> None:
    coco_to_sa1b(roboflow(tmp_path / "in"), tmp_path / "out", Sa1bOptions(names="sa", empty="keep"))
    folder = tmp_path / "out" / "train"
    assert sorted(item.name for item in folder.iterdir()) == [
        f"sa_{number}.{suffix}" for number in range(3) for suffix in ("jpg", "json")
    ]
    record = json.loads((folder / "sa_0.json").read_text())
    assert record["image"] == {"image_id": 0, "width": WIDTH, "height": HEIGHT, "file_name": "sa_0.jpg"}
    first = record["annotations"][0]
    assert (first["area"], first["bbox"]) == (400, [10, 5, 20, 20])
    assert first["segmentation"]["size"] == [HEIGHT, WIDTH]
    [[x, y]] = first["point_coords"]
    assert block(5, 10, 20, 20)[int(y), int(x)]
    assert {"predicted_iou", "stability_score", "crop_box", "id"} <= set(first)
    assert json.loads((folder / "sa_2.json").read_text())["annotations"] == []


@pytest.mark.parametrize(
    ("how", "links", "same_file"),
    [("auto", False, True), ("hardlink", False, True), ("symlink", True, True), ("copy", False, False)],
)
def test_pictures_are_linked(tmp_path: Path, how: str, links: bool, same_file: bool) -> None:
    source = roboflow(tmp_path / "in") / "train" / "plan-1_jpg.rf.00ab12.jpg"
    record = coco_to_sa1b(tmp_path / "in", tmp_path / "out", Sa1bOptions(pictures=how))
    target = tmp_path / "out" / "train" / "plan-1_jpg_000000.jpg"
    assert target.is_symlink() == links
    assert target.samefile(source) == same_file
    assert target.read_bytes() == source.read_bytes()
    assert record["splits"]["train"]["pictures"] == {"hardlink" if how == "auto" else how: 1, "jpeg": 1}


def test_png_under_another_name_is_refused_on_wish(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"plan_2_png\.rf\.77ff00\.png: expected a JPEG.*--others jpeg"):
        coco_to_sa1b(roboflow(tmp_path / "in"), tmp_path / "out", Sa1bOptions(others="refuse"))
    assert [item.name for item in tmp_path.iterdir()] == ["in"]


def test_one_folder_is_divided(tmp_path: Path) -> None:
    images = [image(number, f"{number}.v2.jpg") for number in range(10)]
    for item in images:
        picture(tmp_path / "in" / item["file_name"])
    annotations = [annotation(number, number, as_rle(block(0, 0, 9, 9))) for number in range(10)]
    write(tmp_path / "in" / "instances.json", coco(images, annotations))
    options = Sa1bOptions(annotations="instances.json", fractions=(0.8, 0.1, 0.1), seed=3)
    coco_to_sa1b(tmp_path / "in", tmp_path / "a", options)
    coco_to_sa1b(tmp_path / "in", tmp_path / "a", options)  # replaces its own work
    coco_to_sa1b(tmp_path / "in", tmp_path / "b", options)
    splits = {name: set(loaded(tmp_path / "a" / name)) for name in ("train", "valid", "test")}
    assert [len(members) for members in splits.values()] == [8, 1, 1]
    assert set.union(*splits.values()) == set(range(10))
    assert splits == {name: set(loaded(tmp_path / "b" / name)) for name in splits}
    whole = coco_to_sa1b(tmp_path / "in", tmp_path / "c", Sa1bOptions(annotations="instances.json"))
    assert whole["splits"]["all"]["images"] == len(loaded(tmp_path / "c")) == 10
    with pytest.raises(BadConfig, match="sum to 1"):
        coco_to_sa1b(tmp_path / "in", tmp_path / "d", options.model_copy(update={"fractions": (1, 1, 1)}))


def _small_rle() -> dict:
    return as_rle(np.ones((8, 8), bool))


BAD = [
    pytest.param(
        {"annotations": [annotation(7, 0, _small_rle())]},
        BadInput, ["annotation 7", "[40, 60]", "[8, 8]", "_annotations.coco.json"], id="RLE of another size",
    ),
    pytest.param(
        {"annotations": [annotation(7, 0, as_rle(block(0, 0, 4, 4))), annotation(7, 0, as_rle(block(1, 1, 4, 4)))]},
        BadInput, ["annotations[1]", "7", "twice"], id="annotation id twice",
    ),
    pytest.param(
        {"images": [image(0, "a.jpg"), image(0, "b.jpg")]}, BadInput, ["images[1]", "twice"], id="image id twice"
    ),
    pytest.param(
        {"annotations": [annotation(7, 5, as_rle(block(0, 0, 4, 4)))]}, BadInput, ["annotation 7", "no image 5"],
        id="unknown picture",
    ),
    pytest.param(
        {"annotations": [annotation(7, 0, as_rle(block(0, 0, 4, 4)), category=9)]}, BadInput,
        ["annotation 7", "no category 9", "1 room"], id="unknown category",
    ),
    pytest.param(
        {"annotations": [annotation(7, 0, [[1, 2, 3]])]}, BadInput, ["annotation 7", "3 points"], id="bad polygon"
    ),
    pytest.param({"annotations": [annotation(7, 0, [])]}, BadInput, ["annotation 7", "no segmentation"], id="no mask"),
    pytest.param({"images": [image(0, "gone.jpg")]}, MissingInput, ["image 0", "gone.jpg"], id="picture not there"),
    pytest.param({"images": [image(0, "../a.jpg")]}, BadInput, ["image 0", "../a.jpg"], id="name climbs out"),
    pytest.param({"images": [image(0, "a.jpg", height=41)]}, BadInput, ["image 0", "41"], id="picture of another size"),
    pytest.param({"categories": None}, BadInput, ["categories"], id="no categories"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "kind", "words"), BAD)
def test_bad_input_names_file_and_annotation(
    tmp_path: Path, change: dict, kind: type, words: list[str]
) -> None:
    picture(tmp_path / "in" / "a.jpg")
    document = {**coco([image(0, "a.jpg")], []), **change}
    write(tmp_path / "in" / "_annotations.coco.json", document)
    with pytest.raises(kind) as caught:
        coco_to_sa1b(tmp_path / "in", tmp_path / "out", Sa1bOptions(empty="keep"))
    assert all(word in str(caught.value) for word in [*words, str(tmp_path)])
    assert [item.name for item in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("categories", "words"),
    [
        pytest.param({0: "floorplan", 1: "door", 2: "window"}, ["category 1 is 'door'", "'room'"], id="id"),
        pytest.param({0: "floorplan", 5: "room"}, ["category 'room' has id 5", "but id 1"], id="name"),
    ],
)
def test_categories_that_change_between_files(tmp_path: Path, categories: dict, words: list[str]) -> None:
    roboflow(tmp_path / "in")
    write(tmp_path / "in" / "valid" / "_annotations.coco.json", coco([], [], categories))
    with pytest.raises(BadInput) as caught:
        coco_to_sa1b(tmp_path / "in", tmp_path / "out")
    text = str(caught.value)
    assert all(word in text for word in words) and "valid" in text and "train" in text


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"_annotations\.coco\.json.*found x"):
        (tmp_path / "in" / "x").mkdir(parents=True)
        coco_to_sa1b(tmp_path / "in", tmp_path / "out")
    write(tmp_path / "out" / "mine.json", {})
    with pytest.raises(BadInput, match="not empty and not what `segassets convert sa1b` wrote"):
        coco_to_sa1b(roboflow(tmp_path / "in"), tmp_path / "out")
