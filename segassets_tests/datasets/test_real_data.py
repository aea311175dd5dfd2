"""The real footage, where it is at hand: every configured dataset opens and its annotations fit."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools.coco import COCO

from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.load import all_scene_keys, open_scene
from segassets.media.pictures import read_labels, read_picture

from ..shared_data import shared_data
from .made import checked_annotations, masks_by_frame, scene_of


@pytest.fixture(autouse=True)
def real_data(monkeypatch):
    monkeypatch.setenv("SEGASSETS_DATA", str(shared_data("")))


@pytest.mark.parametrize(
    ("dataset", "scenes", "frames", "rows"),
    [
        (
            "davis16_dev",
            ["davis16_dev.blackswan", "davis16_dev.car-shadow", "davis16_dev.motocross-jump"],
            50,
            50,
        ),
        ("pumavos_chair", ["pumavos_chair"], 60, 60),
        ("pumavos_chair_video", ["pumavos_chair_video"], 60, 60),
        ("coco_39769", ["coco_39769.shard-0000"], 1, 6),
        ("labelme_voc", ["labelme_voc.shard-0000"], 3, 12),
        ("bedroom", ["bedroom"], 200, 0),
    ],
)
def test_datasets(dataset, scenes, frames, rows):
    assert all_scene_keys([dataset]) == scenes
    scene = open_scene(scenes[0])
    assert len(scene.frames) == frames
    found = checked_annotations(scene)
    assert found.table.num_rows == rows
    assert found.excluded == {}
    with FrameSource(frames_table(scene), scene.root) as source:
        for frame, rgb in source.iterate([0, frames - 1]):
            assert rgb.shape[:2] == source.size_hw(frame)


def test_davis_masks_are_the_files():
    masks = masks_by_frame(checked_annotations(open_scene("davis16_dev.blackswan")))
    labels = read_labels(shared_data("davis16_dev/Annotations/480p/blackswan/00031.png"))
    np.testing.assert_array_equal(masks[31][0], labels == 255)


def test_the_clip_and_its_pictures_show_the_same():
    clip, pictures = open_scene("pumavos_chair_video"), open_scene("pumavos_chair")
    np.testing.assert_array_equal(
        checked_annotations(clip).table.column("area"), checked_annotations(pictures).table.column("area")
    )
    with (
        FrameSource(frames_table(clip), clip.root) as film,
        FrameSource(frames_table(pictures), pictures.root) as stills,
    ):
        for frame in (0, 29, 59):
            difference = np.abs(film.read(frame).astype(int) - stills.read(frame))
            assert difference.mean() < 2  # one frame off would be far more


def test_bedroom_frames_are_the_ones_extracted_elsewhere():
    scene = open_scene("bedroom")
    with FrameSource(frames_table(scene), scene.root) as source:
        for frame in (15, 3):
            still = read_picture(shared_data(f"sam2_videos/bedroom/{frame:05d}.jpg"))
            assert np.abs(source.read(frame).astype(int) - still).mean() < 3
            assert np.abs(source.read(frame + 1).astype(int) - still).mean() > 4


def test_labelme_polygons_agree_with_its_label_maps():
    """The same shapes were exported as COCO polygons and as VOC instances; VOC draws later ones on top."""
    scene = open_scene("labelme_voc.shard-0000")
    for frame, masks in masks_by_frame(checked_annotations(scene)).items():
        stem = scene.frames[frame].uri.split("/")[-1].removesuffix(".jpg")
        folder = "labelme_examples/instance_segmentation/data_dataset_voc/SegmentationObject"
        voc = read_labels(shared_data(f"{folder}/{stem}.png"))
        covered = np.logical_or.reduce(masks)
        drawn = (voc > 0) & (voc != 255)
        assert (covered & drawn).sum() / (covered | drawn).sum() > 0.97


@pytest.mark.parametrize(
    ("folder", "options", "rows"),
    [
        ("lvis_val_100", {"annotations": "lvis_val_100.json", "missing_pictures": "keep"}, 977),
        (
            "coco_panoptic_sample",
            {"annotations": "panoptic_coco_detection_format.json", "pictures": "input_images"},
            50,
        ),
    ],
)
def test_every_mask_of_a_real_image_set_is_what_pycocotools_makes(folder, options, rows):
    root = shared_data(folder)
    scene = scene_of(root, "coco", options={**options, "shard_size": 1000})
    found = checked_annotations(scene).table.to_pylist()
    assert len(found) == rows
    ours = sorted((scene.frames[row["frame"]].uri.split("/")[-1], row["rle_counts"]) for row in found)
    reference = COCO(root / options["annotations"])
    names = {image["id"]: image["file_name"] for image in reference.dataset["images"]}
    theirs = []
    for annotation in reference.anns.values():
        counts = reference.annToRLE(annotation)["counts"]
        text = counts if isinstance(counts, str) else counts.decode("ascii")
        theirs.append((names[annotation["image_id"]], text))
    assert ours == sorted(theirs)
