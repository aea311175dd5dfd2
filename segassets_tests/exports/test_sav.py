"""The sav and davis exports loaded by the raw datasets, samplers and the video dataset of sam2's training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pycocotools import mask as pycoco

from segassets.errors import BadInput
from segassets.exports.registry import export_scene
from segassets.masks.schemas import FRAMES, MASKS
from segassets.masks.table import read_table, write_table
from segassets.models.sam2.instantiate import prepare_sam2
from segassets_tests.made_scene import FRAME_COUNT, HEIGHT, SCENE, WIDTH, make_store, part_of, true_masks


def export(tmp_path: Path, format: str = "sav", **options: object) -> Path:
    export_scene(make_store(tmp_path, jpeg=True), SCENE, format, tmp_path / "out", options=options)
    return tmp_path / "out"


def readers():
    prepare_sam2()
    from training.dataset import vos_raw_dataset

    return vos_raw_dataset


def masks_of(reader, frame: int) -> dict[int, np.ndarray]:
    """Visible objects of a frame, as sam2 decodes them; the frame must be among the video's."""
    video, segments = reader.get_video(0)
    assert [item.frame_idx for item in video.frames] == list(range(FRAME_COUNT))
    assert all(Path(item.image_path).is_file() for item in video.frames)
    return {int(key): mask.numpy().astype(bool) for key, mask in segments.load(frame).items() if mask.any()}


@pytest.mark.parametrize("listed", [False, True])
def test_sav_by_sam2(tmp_path: Path, listed: bool) -> None:
    out = export(tmp_path)
    lists = {"file_list_txt": str(out / "videos.txt")} if listed else {}
    reader = readers().JSONRawDataset(str(out / "JPEGImages"), str(out / "annotations"), **lists)
    assert len(reader) == 1
    for frame in range(FRAME_COUNT):
        found = masks_of(reader, frame)
        assert sorted(found) == ([0, 1, 2] if frame < 2 else [0, 1])  # tracks 1, 2 and 3, which ends early
        assert np.array_equal(found[0], true_masks(frame)[1])
        assert np.array_equal(found[1], part_of(true_masks(frame)[1]))


def test_sav_document(tmp_path: Path) -> None:
    document = json.loads((export(tmp_path) / "annotations" / f"{SCENE}_manual.json").read_text())
    masklet = document["masklet"]
    assert len(masklet) == FRAME_COUNT and all(None not in frame for frame in masklet)
    area = np.array([[pycoco.area(item) for item in frame] for frame in masklet], float)
    assert area[2:, 2].tolist() == [0, 0, 0]
    assert document["masklet_size_abs"] == [area[:, 0].mean(), area[:, 1].mean(), area[:2, 2].mean()]
    assert document["masklet_size_rel"][0] == pytest.approx(area[:, 0].mean() / (HEIGHT * WIDTH))
    assert document["masklet_visibility_changes"] == [0, 0, 1]
    assert document["masklet_frame_count"] == [FRAME_COUNT] * 3
    assert (document["track_id"], document["level"]) == ([1, 2, 3], [2, 4, 2])
    assert (document["video_height"], document["masklet_num"]) == (float(HEIGHT), 3)


def test_unannotated_frames_are_left_out_by_the_reader(tmp_path: Path) -> None:
    store = make_store(tmp_path, jpeg=True)
    path = store.peek("frames", SCENE).path / "frames.parquet"
    frames = read_table(path, FRAMES)
    annotated = pa.array([frame != 1 for frame in range(FRAME_COUNT)])
    at = frames.column_names.index("annotated")
    write_table(frames.set_column(at, FRAMES.field("annotated"), annotated), FRAMES, path)
    export_scene(store, SCENE, "sav", tmp_path / "out", options={"asset": "coco_masks", "level": 2})
    out = tmp_path / "out"
    video, _ = readers().JSONRawDataset(str(out / "JPEGImages"), str(out / "annotations")).get_video(0)
    assert [item.frame_idx for item in video.frames] == [0, 2, 3, 4]


@pytest.mark.parametrize("format", ["sav", "davis"])
def test_sam2_samples_clips(tmp_path: Path, format: str) -> None:
    options = {"pictures": "link"}
    out = export(tmp_path, format, **options)
    if format == "sav":
        reader = readers().JSONRawDataset(str(out / "JPEGImages"), str(out / "annotations"))
    else:
        reader = readers().PNGRawDataset(str(out / "JPEGImages"), str(out / "Annotations"))
    from training.dataset.vos_dataset import VOSDataset
    from training.dataset.vos_sampler import RandomUniformSampler

    clip = VOSDataset([], True, reader, RandomUniformSampler(4, 3), 1)[0]
    assert len(clip.frames) == 4
    assert all(item.segment.shape == (HEIGHT, WIDTH) for frame in clip.frames for item in frame.objects)


@pytest.mark.parametrize("layout", ["palette", "per_object"])
def test_davis_by_sam2(tmp_path: Path, layout: str) -> None:
    out = export(tmp_path, "davis", layout=layout, pictures="write")
    reader = readers().PNGRawDataset(
        str(out / "JPEGImages"),
        str(out / "Annotations"),
        file_list_txt=str(out / "ImageSets" / "sam2.txt"),
        is_palette=layout == "palette",
    )
    offset = int(layout == "per_object")  # that reader adds 1 to the folder's number
    for frame in range(FRAME_COUNT):
        found = masks_of(reader, frame)
        assert sorted(found) == [1 + offset, 2 + offset][: 2 if frame < 2 else 1]
        assert np.array_equal(found[1 + offset], true_masks(frame)[1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"asset": "mask_candidates"}, "no identity through time", id="candidates"),
        pytest.param({"level": 6}, "no masks of level 6", id="nothing there"),
    ],
)
def test_what_sav_cannot_hold(tmp_path: Path, options: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        export(tmp_path, **options)
    assert not (tmp_path / "out").exists()


def test_image_sets_are_refused(tmp_path: Path) -> None:
    store = make_store(tmp_path, jpeg=True)
    path = store.peek("frames", SCENE).path / "frames.parquet"
    frames = read_table(path, FRAMES)
    at = frames.column_names.index("height")
    sizes = pa.array([HEIGHT + frame for frame in range(FRAME_COUNT)], pa.int32())
    write_table(frames.set_column(at, FRAMES.field("height"), sizes), FRAMES, path)
    with pytest.raises(BadInput, match=r"found 5 sizes.*convert sa1b"):
        export_scene(store, SCENE, "sav", tmp_path / "out")


def test_objects_given_in_pieces_are_united(tmp_path: Path) -> None:
    store = make_store(tmp_path, jpeg=True)
    path = store.peek("sam2_tracks", SCENE).path / "masks.parquet"
    table = read_table(path, MASKS)
    at = table.column_names.index("track_id")
    write_table(table.set_column(at, MASKS.field("track_id"), pa.array([1] * table.num_rows)), MASKS, path)
    export_scene(store, SCENE, "sav", tmp_path / "out")
    document = json.loads((tmp_path / "out" / "annotations" / f"{SCENE}_manual.json").read_text())
    first = pycoco.decode(document["masklet"][0][0]).astype(bool)
    assert np.array_equal(first, true_masks(0)[1] | true_masks(0)[2])
