"""Clips as tensors: what is in them, how they are varied, and that each draw is the same everywhere."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segassets.datasets.frames import FrameSource
from segassets.learning.clip_config import AffineConfig, AugmentConfig, ClipData, JitterConfig
from segassets.learning.clip_dataset import ClipDataset, ClipDraw
from segassets.learning.clip_preview import batch_sheet, clip_sheet, to_rgb
from segassets.learning.clips import open_clips
from segassets.learning.mixture import collate_clips, describe_batch
from segassets.media.draw import colour_of
from segassets.media.video import VideoWriter
from segassets_tests.learning.clip_scenery import (
    HEIGHT,
    WIDTH,
    index_of,
    picture,
    square,
    table_scene,
    write_coco,
    write_config,
    write_ytvis,
)

SIZE = 64
GEOMETRY = AugmentConfig(hflip=0.5, affine=AffineConfig(), jitter=None, frame_jitter=None, gray=0)


def toy(root: Path, augment: AugmentConfig | None = None, frames: int = 6, **data: object) -> ClipDataset:
    """Two objects, the second from frame 3 on; one clip of six frames unless told otherwise."""
    scene = table_scene({1: range(frames), 2: range(3, frames)}, frames, root=root)
    return ClipDataset(index_of(scene, **{"frames": 6, **data}), SIZE, augment)


def masks_of(datapoint: object) -> np.ndarray:
    return np.stack([[o.segment.numpy() for o in f.objects] for f in datapoint.frames])  # type: ignore[attr-defined]


def test_a_clip_holds_its_frames_and_an_empty_mask_where_an_object_is_absent(tmp_path: Path) -> None:
    clip = toy(tmp_path)[0]
    assert [frame.data.shape for frame in clip.frames] == [(3, SIZE, SIZE)] * 6
    assert [[o.object_id for o in frame.objects] for frame in clip.frames] == [[1, 2]] * 6
    assert [frame.objects[0].frame_index for frame in clip.frames] == list(range(10, 16))
    assert clip.video_id == 0 and clip.size == (HEIGHT, WIDTH) and clip.source == "made"
    present = masks_of(clip).any((2, 3))
    assert present[:, 0].all() and present[:, 1].tolist() == [False] * 3 + [True] * 3


def test_non_square_frames_are_squeezed_into_a_square_with_their_masks(tmp_path: Path) -> None:
    clip = toy(tmp_path)[0]
    mask = masks_of(clip)[4, 0].astype(bool)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    wanted = square(1, 4)
    top, left = (
        np.flatnonzero(wanted.any(1))[0] * SIZE / HEIGHT,
        np.flatnonzero(wanted.any(0))[0] * SIZE / WIDTH,
    )
    assert abs(rows[0] - top) <= 1 and abs(columns[0] - left) <= 1
    assert abs(len(rows) - 8 * SIZE / HEIGHT) <= 1 and abs(len(columns) - 8 * SIZE / WIDTH) <= 1


@pytest.mark.parametrize("seed", range(6))
def test_varied_masks_stay_on_their_objects(tmp_path: Path, seed: int) -> None:
    clip = toy(tmp_path, GEOMETRY)[ClipDraw(0, seed)]
    pictures, masks = to_rgb(torch.stack([frame.data for frame in clip.frames])), masks_of(clip).astype(bool)
    for at, number in [(0, 1), (3, 1), (4, 2), (5, 2)]:
        inside = pictures[at][masks[at, number - 1]]
        assert len(inside) > 15 and abs(np.median(inside) - (100 + 20 * number)) < 12
    plain = masks_of(toy(tmp_path)[0])
    assert (masks[0, 0] != plain[0, 0]).any(), "sam2's affine transform gave up because of the late object"


def test_a_draw_is_the_same_everywhere_and_leaves_the_generators_alone(tmp_path: Path) -> None:
    dataset = toy(tmp_path, AugmentConfig())
    torch.manual_seed(5), random.seed(5)
    before = torch.rand(1), random.random()
    torch.manual_seed(5), random.seed(5)
    first = dataset[ClipDraw(0, 7)]
    assert (torch.rand(1), random.random()) == before
    again = pickle.loads(pickle.dumps(dataset))[ClipDraw(0, 7)]
    other = dataset[ClipDraw(0, 8)]
    for mine, same, different in zip(first.frames, again.frames, other.frames, strict=True):
        assert torch.equal(mine.data, same.data) and not torch.equal(mine.data, different.data)


def test_each_frame_is_read_once_and_only_those_of_the_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    whole = FrameSource.read
    monkeypatch.setattr(FrameSource, "read", lambda self, frame: read.append(frame) or whole(self, frame))
    assert len(toy(tmp_path, frames=4, short_videos="repeat_last")[0].frames) == 6
    assert read == [0, 1, 2, 3]
    read.clear()
    (tmp_path / "long").mkdir()
    scene = table_scene({1: range(20)}, 20, root=tmp_path / "long")
    ClipDataset(index_of(scene, frames=3, frame_stride=2, clip_stride=5), SIZE)[1]
    assert read == [5, 7, 9]


def test_objects_are_drawn_anew_with_one_of_them_on_the_first_frame(tmp_path: Path) -> None:
    presence = {1: range(6), 2: range(6), 3: range(2, 6), 4: range(3, 6), 5: range(4, 6)}
    index = index_of(table_scene(presence, 6, root=tmp_path), frames=6, max_objects=2)
    dataset = ClipDataset(index, SIZE)
    drawn = {tuple(o.object_id for o in dataset.raw(ClipDraw(0, s)).frames[0].objects) for s in range(40)}
    assert all(len(set(pair)) == 2 and set(pair) & {1, 2} for pair in drawn)
    assert {number for pair in drawn for number in pair} == {1, 2, 3, 4, 5}
    never_late = ClipDataset(index_of(*index.scenes, frames=6, late_objects=False), SIZE)
    assert sorted(o.object_id for o in never_late.raw(ClipDraw(0, 0)).frames[0].objects) == [1, 2]


def test_clips_run_backwards_only_when_varied_and_something_is_to_be_seen(tmp_path: Path) -> None:
    def first(augment: AugmentConfig | None, presence: dict) -> int:
        scene = table_scene(presence, 4, root=tmp_path)
        dataset = ClipDataset(index_of(scene, frames=4, reverse_probability=1), SIZE, augment)
        return dataset[0].frames[0].objects[0].frame_index

    assert first(AugmentConfig.none(), {1: range(4)}) == 13
    assert first(None, {1: range(4)}) == 10
    assert first(AugmentConfig.none(), {1: range(3)}) == 10


def test_pictures_of_several_sizes_and_repeated_ones(tmp_path: Path) -> None:
    path = write_coco(tmp_path)
    data = ClipData(dataset=path, frames=3, short_videos="repeat_last")
    jitter = AugmentConfig.none().model_copy(update={"frame_jitter": JitterConfig(brightness=0.5)})
    dataset = ClipDataset(open_clips(data), SIZE, jitter)
    for clip in (dataset[0], dataset[1]):
        assert len(clip.frames) == 3 and masks_of(clip).any((2, 3)).all()
        assert not torch.equal(clip.frames[0].data, clip.frames[1].data)
    assert dataset[1].size == (50, 30)


def test_masks_of_a_category_are_united(tmp_path: Path) -> None:
    dataset = ClipDataset(open_clips(ClipData(dataset=write_ytvis(tmp_path), merge="category")), SIZE)
    raw = dataset.raw(ClipDraw(0, 0))
    found = {item.object_id: item.segment for item in raw.frames[5].objects}
    assert np.array_equal(found[3].numpy(), square(1, 5) | square(2, 5))
    assert np.array_equal(found[0].numpy(), square(3, 5))
    assert {item.object_id: item.segment for item in raw.frames[0].objects}[0] is None


def test_a_video_file_is_read_by_frame(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    with VideoWriter(tmp_path / "v.mp4", fps=10, gop=4, crf=8) as writer:
        for frame in range(12):
            writer.write(np.full((HEIGHT, WIDTH, 3), 10 + 18 * frame, np.uint8))
            Image.fromarray(square(1, frame).astype(np.uint8)).save(tmp_path / "labels" / f"{frame:03d}.png")
    options = "options: {file: v.mp4, annotations: labels}"
    index = open_clips(ClipData(dataset=write_config(tmp_path, "film", "video", options), frames=4))
    dataset = ClipDataset(index, SIZE)
    for clip in (2, 0, 1):
        raw = dataset.raw(ClipDraw(clip, 0))
        shades = [round((float(np.asarray(frame.data).mean()) - 10) / 18) for frame in raw.frames]
        assert shades == [4 * clip + at for at in range(4)]
        assert np.array_equal(raw.frames[1].objects[0].segment.numpy(), square(1, 4 * clip + 1))
    dataset.close()


def test_few_scenes_stay_open(tmp_path: Path) -> None:
    scenes = []
    for number in range(12):
        (tmp_path / str(number)).mkdir()
        scenes.append(table_scene({1: range(2)}, 2, f"made.{number}", root=tmp_path / str(number)))
    dataset = ClipDataset(index_of(*scenes, frames=2), SIZE)
    assert [dataset[at].video_id for at in range(12)] == list(range(12))
    assert len(dataset._open) == 8


def test_sheets_show_frames_and_outlines(tmp_path: Path) -> None:
    dataset = toy(tmp_path)
    sheet = clip_sheet(dataset[0], columns=3)
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3 and sheet.shape[1] > 3 * SIZE
    colours = {tuple(colour) for colour in sheet.reshape(-1, 3)}
    assert {colour_of(1), colour_of(2)} <= colours
    batch = collate_clips([dataset[0], dataset[ClipDraw(0, 3)]])
    assert batch.obj_to_frame_idx[0, :, 1].tolist() == [0, 0, 1, 1]
    alone, beside = (batch_sheet(batch, 1, masks, columns=2) for masks in (None, batch.masks))
    assert beside.shape[1] == alone.shape[1] and beside.shape[0] > 1.8 * alone.shape[0]
    words = "scene made.clip, frames 10 to 15"
    assert describe_batch(batch, [dataset.index]) == f"{words}; {words}"


def test_normalised_pictures_come_back(tmp_path: Path) -> None:
    raw = picture({1: square(1, 0)})
    from training.dataset.transforms import NormalizeAPI, ToTensorAPI
    from training.utils.data_utils import Frame, VideoDatapoint

    from segassets.learning.clip_transforms import MEAN, STD

    datapoint = VideoDatapoint([Frame(Image.fromarray(raw), [])], 0, (HEIGHT, WIDTH))
    for transform in (ToTensorAPI(), NormalizeAPI(MEAN, STD)):
        datapoint = transform(datapoint)
    assert np.array_equal(to_rgb(datapoint.frames[0].data), raw)
