"""Which clips there are: windows, short videos, late objects, categories, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segassets.errors import BadConfig, BadInput, MissingInput
from segassets.learning.clip_categories import kept_categories, one_meaning
from segassets.learning.clip_config import AugmentConfig, ClipData
from segassets.learning.clips import ClipIndex, open_clips, open_training_scenes
from segassets.strict import parse
from segassets_tests.datasets.made_json import make_coco_video
from segassets_tests.learning.clip_scenery import (
    HEIGHT,
    WIDTH,
    index_of,
    square,
    table_scene,
    write_coco,
    write_config,
    write_davis,
    write_ytvis,
)
from segassets_tests.made_scene import make_store
from segassets_tests.shared_data import shared_data

ALWAYS = {1: range(10)}


def frames_of(index: ClipIndex) -> list[list[int]]:
    return [index[number].frames for number in range(len(index))]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"frames": 4}, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        ({"frames": 4, "clip_stride": 3}, [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]),
        ({"frames": 3, "frame_stride": 4}, [[0, 4, 8]]),
        ({"frames": 3, "frame_stride": 4, "clip_stride": 1}, [[0, 4, 8], [1, 5, 9]]),
        ({"frames": 10}, [list(range(10))]),
        ({"frames": 1, "clip_stride": 5}, [[0], [5]]),
    ],
)
def test_windows_have_the_length_and_the_strides_of_the_config(data: dict, expected: list) -> None:
    index = index_of(table_scene(ALWAYS, 10), **data)
    assert frames_of(index) == expected
    assert index.unused_frames == 10 - len({frame for clip in expected for frame in clip})


def test_the_number_of_windows_is_the_usual_one() -> None:
    for frames, length, stride in [(10, 10, 10), (100, 8, 1), (23, 5, 4), (9, 2, 3)]:
        index = index_of(table_scene({1: range(frames)}, frames), frames=length, clip_stride=stride)
        assert len(index) == (frames - length) // stride + 1


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("skip", [[0, 1, 2, 3]]),
        ("shorten", [[0, 1, 2, 3], [0, 1, 2]]),
        ("repeat_last", [[0, 1, 2, 3], [0, 1, 2, 2]]),
    ],
)
def test_a_short_video_is_what_the_config_makes_of_it(way: str, expected: list) -> None:
    scenes = table_scene({1: range(4)}, 4, "made.long"), table_scene({1: range(3)}, 3, "made.short")
    index = index_of(*scenes, frames=4, short_videos=way)
    assert frames_of(index) == expected
    assert index.lengths.tolist() == [len(clip) for clip in expected]
    assert index.excluded == ({"short_video": 1} if way == "skip" else {})
    assert index[0].scene.key == "made.long"


def test_a_short_video_is_refused_with_its_name_and_numbers() -> None:
    scenes = [table_scene({1: range(n)}, n, f"made.video{n}") for n in (20, 6, 5)]
    with pytest.raises(
        BadInput, match=r"made.video6: a clip of 8 frames, 2 apart, spans 15, found 6 .*1 other.*short_videos"
    ):
        index_of(*scenes, frames=8, frame_stride=2)
    sparse = table_scene({1: range(0, 12, 4)}, 12, taught=range(0, 12, 4))
    with pytest.raises(BadInput, match=r"found 3 frames with annotations \(of 12\)"):
        index_of(sparse, frames=4)


def test_frames_nobody_labelled_are_passed_over_not_taught_as_empty() -> None:
    index = index_of(table_scene({1: range(0, 24, 4)}, 24, taught=range(0, 24, 4)), frames=3)
    assert frames_of(index) == [[0, 4, 8], [12, 16, 20]]


def test_no_clip_at_all_says_what_was_left_out() -> None:
    with pytest.raises(BadInput, match=r"'made': expected clips of 4 frames, found none.*short_video 2"):
        index_of(*[table_scene({1: [0]}, 3, f"made.{n}") for n in "ab"], frames=4, short_videos="skip")
    with pytest.raises(BadInput, match=r"window_without_objects 2.*'categories'"):
        index_of(table_scene({}, 8), frames=4)


def test_late_objects_are_kept_or_not() -> None:
    scene = table_scene({1: range(8), 2: [2, 3], 3: [6]}, 8)
    first, late = index_of(scene, frames=4)[0].objects()
    assert first.tolist() == [1] and late.tolist() == [2]
    empty_start = table_scene({1: range(2, 8)}, 8)
    assert frames_of(index_of(empty_start, frames=4)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    without = index_of(empty_start, frames=4, late_objects=False)
    assert frames_of(without) == [[4, 5, 6, 7]]
    assert without.excluded == {"window_without_objects": 1} and without.unused_frames == 4


def test_pictures_of_an_image_set_are_clips_of_one_frame() -> None:
    pictures = table_scene({1: [0], 2: [0], 3: [1], 4: [3]}, 4, by_picture=True)
    index = index_of(pictures, frames=1)
    assert frames_of(index) == [[0], [1], [3]]
    assert frames_of(index_of(pictures, frames=3, short_videos="repeat_last")) == [[0] * 3, [1] * 3, [3] * 3]
    with pytest.raises(BadInput, match=r"single pictures.*frames: 1.*repeat_last"):
        index_of(pictures, frames=3)


def test_masks_are_decoded_only_for_the_objects_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from segassets.masks import rle

    decoded: list[int] = []
    whole = rle.decode_batch
    monkeypatch.setattr(
        rle, "decode_batch", lambda counts, *a: decoded.append(len(counts)) or whole(counts, *a)
    )
    scene = table_scene({n: range(50) for n in range(1, 9)}, 50)
    found = scene.masks(7, [2, 5, 99])
    assert decoded == [2] and sorted(found) == [2, 5]
    assert np.array_equal(found[5], square(5, 7))


def test_scenes_of_label_maps(tmp_path: Path) -> None:
    path = write_davis(tmp_path, {"a": 6, "b": 5})
    scenes = open_training_scenes(ClipData(dataset=path))
    assert [scene.key for scene in scenes] == ["toy.a", "toy.b"]
    assert scenes[0].objects_on(1).tolist() == [1] and scenes[0].objects_on(2).tolist() == [1, 2]
    assert [s.key for s in open_training_scenes(ClipData(dataset=path, scenes="b"))] == ["toy.b"]
    chosen = open_training_scenes(ClipData.model_validate({"dataset": path, "scenes": {"end": "a"}}))
    assert [scene.key for scene in chosen] == ["toy.a"]
    with pytest.raises(BadConfig, match=r"no scene 'toy.aa'. Did you mean 'toy.a'"):
        open_training_scenes(ClipData(dataset=path, scenes=["toy.aa"]))
    with pytest.raises(BadConfig, match="selects nothing"):
        open_training_scenes(ClipData.model_validate({"dataset": path, "scenes": {"start": "z"}}))


def test_instances_or_whole_categories(tmp_path: Path) -> None:
    path = write_ytvis(tmp_path)
    instances = open_clips(ClipData(dataset=path))[0]
    assert [part.tolist() for part in instances.objects()] == [[1, 2], [3]]
    merged = open_clips(ClipData(dataset=path, merge="category"))[0]
    assert [part.tolist() for part in merged.objects()] == [[3], [0]]  # category 0 is a category
    united = merged.scene.masks(0, [3, 0])
    assert sorted(united) == [3] and np.array_equal(united[3], square(1, 0) | square(2, 0))


def test_categories_by_name_and_id(tmp_path: Path) -> None:
    path = write_ytvis(tmp_path)
    only = open_clips(ClipData(dataset=path, categories=["box"]))
    assert [part.tolist() for part in only[0].objects()] == [[], [3]] and only.excluded[
        "other_category"
    ] == 16
    assert open_clips(ClipData(dataset=path, categories=[3, "0"])).summary()["masks"] == 20
    with pytest.raises(BadInput, match=r"categories without a mask in the 1 scenes chosen: 'chair' \(4\)"):
        open_clips(ClipData(dataset=path, categories=["ball", "chair"]))
    with pytest.raises(BadConfig, match=r"no category 'bal'. Did you mean 'ball'"):
        open_clips(ClipData(dataset=path, categories=["bal"]))


def test_a_category_with_two_meanings_is_refused() -> None:
    with pytest.raises(BadInput, match=r"scene b: category 1 is 'fat', but 'liver' in scene a.*two sources"):
        one_meaning({"a": {1: "liver"}, "b": {1: "fat"}})
    with pytest.raises(BadInput, match=r"scene b: category 'liver' has id 2, but id 1 in scene a"):
        one_meaning({"a": {1: "liver"}, "b": {2: "liver"}})


def test_a_name_may_stand_twice_in_a_scene_as_roboflow_writes_it() -> None:
    names = one_meaning({"a": {0: "rooms", 1: "rooms"}, "b": {0: "rooms", 1: "rooms"}})
    assert kept_categories(ClipData(dataset="plans", categories=["rooms"]), names) == [0, 1]


def test_image_sets_of_several_sizes(tmp_path: Path) -> None:
    data = ClipData(dataset=write_coco(tmp_path), frames=1)
    index = open_clips(data)
    assert len(index) == 2 and all(scene.by_picture for scene in index.scenes)
    assert len(index[0].objects()[0]) == 3
    merged = open_clips(data.model_copy(update={"merge": "category"}))
    assert merged[0].objects()[0].tolist() == [0, 3]


def test_masks_from_the_store(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    (tmp_path / "listed" / "clip").mkdir(parents=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "listed" / "clip" / "0.png")
    path = write_config(tmp_path / "listed", "toy", "folder")
    data = ClipData(dataset=path, masks="sam2_tracks", frames=5)
    index = ClipIndex(data, open_training_scenes(data, str(store.root)))
    assert index.scenes[0].taught.tolist() == [0, 1, 2, 3, 4]
    assert [part.tolist() for part in index[0].objects()] == [[1, 3], []]
    parts = open_clips(data.model_copy(update={"level": "parts"}), str(store.root))
    assert parts[0].objects()[0].tolist() == [2]
    truth = open_clips(
        data.model_copy(update={"masks": "coco_masks", "categories": ["ball"]}), str(store.root)
    )
    assert truth[0].objects()[0].tolist() == [2]
    keyframes = data.model_copy(update={"masks": "filtered_masks", "frames": 1})
    assert frames_of(open_clips(keyframes, str(store.root))) == [[0], [2]]
    with pytest.raises(BadConfig, match="set 'root'"):
        open_clips(data)
    with pytest.raises(MissingInput, match=r"nothing_here of scene toy.clip"):
        open_clips(data.model_copy(update={"masks": "nothing_here"}), str(store.root))


def test_a_mask_of_another_size_names_scene_and_frame(tmp_path: Path) -> None:
    path = write_davis(tmp_path, {"a": 4})
    labels = tmp_path / "Annotations" / "a" / "00002.png"
    Image.fromarray(np.ones((HEIGHT, WIDTH + 1), np.uint8)).save(labels)
    with pytest.raises(BadInput, match=r"00002.png: expected labels of 36 x 60 .* found 36 x 61"):
        open_training_scenes(ClipData(dataset=path))


def test_a_run_length_of_another_size_is_refused(tmp_path: Path) -> None:
    path = write_ytvis(tmp_path)
    file = tmp_path / "instances.json"
    document = json.loads(file.read_text())
    document["annotations"][1]["segmentations"][2]["size"] = [WIDTH, HEIGHT]
    file.write_text(json.dumps(document))
    with pytest.raises(BadInput, match=r"scene video.*bad_rle: .*annotation 2.*\[36, 60\].*\[60, 36\]"):
        open_training_scenes(ClipData(dataset=path))


def test_stored_masks_of_another_size_are_refused() -> None:
    from segassets.learning.clip_scenes import refuse_foreign_sizes
    from segassets.masks import rle
    from segassets.masks.table import MaskRows

    frames = table_scene(ALWAYS, 10).frames
    for frame, height, expected in [
        (3, 18, r"scene s, frame 3 \(003.png\).*36 x 60.*18 x 60"),
        (12, 36, "frame 12"),
    ]:
        rows = MaskRows("s")
        counts = rle.encode(np.ones((height, WIDTH), bool))
        rows.add(frame=frame, source_frame=0, height=height, width=WIDTH, rle_counts=counts, source="track")
        with pytest.raises(BadInput, match=expected):
            refuse_foreign_sizes("s", rows.to_table(), frames, "the masks of sam2_tracks")


def test_identity_is_that_of_the_data_wherever_it_lies(tmp_path: Path) -> None:
    def identity(folder: str, **data: object) -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / "toy.yaml"
        if not path.exists():
            write_davis(tmp_path / folder, {"a": 4})
        return open_clips(ClipData.model_validate({"dataset": str(path), "frames": 2, **data})).identity()

    here = identity("here")
    assert identity("there") == here and identity("here", batch_size=4) == here
    assert identity("here", frames=3) != here
    changed = square(1, 1)
    changed[0, 0] = True
    Image.fromarray(changed.astype(np.uint8)).save(tmp_path / "there" / "Annotations" / "a" / "00001.png")
    assert identity("there") != here


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"dataset": "x", "short_video": "skip"}, "Did you mean 'short_videos'"),
        ({"dataset": "x", "frames": 0}, "greater than or equal to 1"),
        ({"dataset": "x", "probability": 1.5}, "less than or equal to 1"),
        ({"dataset": "x", "categories": []}, "leave the key out"),
        ({"dataset": "x", "scenes": {"star": "a"}}, "Did you mean 'start'"),
        ({}, "missing key 'dataset'"),
    ],
)
def test_wrong_configurations_are_named(data: dict, expected: str) -> None:
    with pytest.raises(BadConfig, match=expected):
        parse(ClipData, data, "experiment.yaml")


def test_no_variation_is_no_variation() -> None:
    assert AugmentConfig.none().model_dump() == {
        "hflip": 0, "affine": None, "jitter": None, "frame_jitter": None, "gray": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "clips"),
    [
        ("davis16_dev", {}, 16),
        ("pumavos_chair", {"clip_stride": 1}, 53),
        ("pumavos_chair", {"frames": 4, "frame_stride": 5}, 3),
    ],
)
def test_real_footage(name: str, data: dict, clips: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGASSETS_DATA", str(shared_data(name).parent))
    index = open_clips(ClipData.model_validate({"dataset": name, **data}))
    assert len(index) == clips and index.excluded == {}
    assert index.summary()["masks"] == sum(scene.frames.num_rows for scene in index.scenes)


def test_categories_that_must_occur_and_do_not_are_named(tmp_path: Path) -> None:
    make_coco_video(tmp_path, {"a": 4})
    file = tmp_path / "train.json"
    document = json.loads(file.read_text())
    document["categories"].append({"id": 77, "name": "clip applier"})
    file.write_text(json.dumps(document))
    path = write_config(tmp_path, "toy", "coco_video", "options: {annotations: train.json, pictures: images}")
    with pytest.raises(BadInput, match=r"no mask of 1 of its .* categories .*: clip applier;"):
        open_training_scenes(ClipData(dataset=path))
    assert open_training_scenes(ClipData(dataset=path, empty_categories="allow"))
