"""Rooms on disk and as a dataset: bytes, annotations, frame selection, seeds, and what must be refused."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from segassets.datasets.config import load_dataset
from segassets.datasets.layouts import make_layout
from segassets.datasets.rooms import RoomSpec, Studio, generate_room
from segassets.datasets.rooms.files import ensure_room, write_room
from segassets.datasets.rooms.furniture import CATEGORIES
from segassets.datasets.rooms.layout import RoomsLayout
from segassets.datasets.rooms.seeds import EVAL_SEEDS, check_training_seeds
from segassets.datasets.scene import Scene, scene_fingerprint
from segassets.errors import BadConfig, BadInput
from segassets.masks import rle

ROOM = {"frames": 4, "size_px": [48, 64], "objects_min": 5, "objects_max": 7}


def make_dataset(folder: Path, room: dict | None = None, **more: object) -> RoomsLayout:
    options = {"count": 2, "first_seed": 7, "room": room or ROOM} | more.pop("options", {})
    data = {"name": "little", "layout": "rooms", "root": str(folder / "rooms"), "options": options, **more}
    path = folder / "little.yaml"
    path.write_text(yaml.safe_dump(data))
    layout = make_layout(load_dataset(path))
    assert isinstance(layout, RoomsLayout)
    return layout


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_dataset(tmp_path_factory.mktemp("rooms")).load("room_0001")


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_room(tmp_path / name, Studio(RoomSpec(**ROOM), 3))
    one = all_bytes(tmp_path / "one")
    assert one == all_bytes(tmp_path / "two")
    assert len(one) == 4 * 4 + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_files_hold_the_arrays(scene: Scene) -> None:
    clip = generate_room(RoomSpec(**ROOM), 8)
    for t, frame in enumerate(scene.frames):
        np.testing.assert_array_equal(np.array(Image.open(Path(scene.root) / frame.uri)), clip.rgb[t])
        depth = np.array(Image.open(Path(scene.root) / str(frame.depth_uri))).astype(np.float64)
        np.testing.assert_allclose(depth * frame.depth_scale_m, clip.depth_m[t], atol=5.1e-4)
        assert frame.camera_to_world == clip.camera_to_world[t].ravel().tolist()
        assert (frame.fx_px, frame.fy_px, frame.cx_px, frame.cy_px) == clip.intrinsics
        assert (frame.height, frame.width, frame.annotated, frame.source_frame) == (48, 64, True, t)


def test_annotations_are_the_exact_masks(scene: Scene) -> None:
    clip = generate_room(RoomSpec(**ROOM), 8, colour=False)
    rows = list(scene.annotations())
    assert [row.mask_id for row in rows] == list(range(1, len(rows) + 1))
    by_id = {row.mask_id: row for row in rows}
    for row in rows:
        maps = clip.object_ids if row.level == 2 else clip.part_ids
        np.testing.assert_array_equal(rle.decode(row.rle_counts, 48, 64), maps[row.frame] == row.track_id)
        assert row.category_id in CATEGORIES
        if row.level == 4:
            parent = by_id[row.parent_id]
            assert (parent.frame, parent.level, parent.track_id) == (row.frame, 2, row.track_id // 1000)
    seen = {(t, i) for t in range(4) for i in np.unique(clip.object_ids[t]).tolist() if i}
    assert {(row.frame, row.track_id) for row in rows if row.level == 2} == seen


def test_captions_and_facts(scene: Scene) -> None:
    assert scene.key == "little.room_0001" and scene.categories[1] == "table"
    objects = scene.extras["objects"]
    assert scene.extras["captions"] == {str(thing["object_id"]): thing["caption"] for thing in objects}
    assert all(thing["name"].split()[0] in thing["caption"] for thing in objects)
    facts = json.loads((Path(scene.root) / "scene.json").read_text())
    assert len(facts["frames"][0]["silhouette_px"]) == len(objects)


def test_frame_selection_and_reuse(tmp_path: Path) -> None:
    scene = make_dataset(tmp_path).load("room_0000")
    stamp = (tmp_path / "rooms/room_0000/scene.json").stat().st_mtime_ns
    layout = make_dataset(tmp_path, frames="1::2")
    part = layout.load("room_0000")
    assert layout.scene_names() == ["room_0000", "room_0001"]
    assert [frame.source_frame for frame in part.frames] == [1, 3] and part.frames_total == 4
    assert {row.frame for row in part.annotations()} == {0, 1}
    assert (tmp_path / "rooms/room_0000/scene.json").stat().st_mtime_ns == stamp
    assert scene_fingerprint(part) != scene_fingerprint(scene)
    with pytest.raises(BadInput, match=r"little\.room_0000.*9:"):
        make_dataset(tmp_path, frames="9:").load("room_0000")


def test_another_spec_renders_anew(tmp_path: Path) -> None:
    first = make_dataset(tmp_path).load("room_0000")
    second = make_dataset(tmp_path, room={**ROOM, "frames": 2}).load("room_0000")
    assert (len(first.frames), len(second.frames)) == (4, 2)
    assert len(list((tmp_path / "rooms/room_0000/color").iterdir())) == 2
    assert scene_fingerprint(first) != scene_fingerprint(second)


def test_foreign_and_broken_folders_are_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "holiday"
    mine.mkdir()
    (mine / "photo.txt").write_text("mine")
    with pytest.raises(BadInput, match="holiday"):
        ensure_room(mine, RoomSpec(**ROOM), 1)
    for text, named in (("{}", "segassets-room"), ("{", "expected JSON"), ("[]", "segassets-room")):
        (mine / "scene.json").write_text(text)
        with pytest.raises(BadInput, match=named):
            ensure_room(mine, RoomSpec(**ROOM), 1)
    assert (mine / "photo.txt").read_text() == "mine"


def test_a_failed_render_leaves_nothing(tmp_path: Path) -> None:
    def stop(frames: object) -> object:
        yield 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_room(tmp_path / "room", Studio(RoomSpec(**ROOM), 3), stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (np.full((48, 64), 59999, np.uint16), "59999"),
        (np.zeros((10, 10), np.uint16), "48 x 64"),
        (np.zeros((48, 64, 3), np.uint8), "RGB"),
    ],
    ids=["unknown id", "size", "colour"],
)
def test_damaged_maps_are_named(tmp_path: Path, values: np.ndarray, named: str) -> None:
    scene = make_dataset(tmp_path).load("room_0000")
    Image.fromarray(values).save(Path(scene.root) / "objects/000002.png")
    with pytest.raises(BadInput, match=rf"000002\.png.*{named}"):
        list(scene.annotations())


def test_an_empty_room_has_frames_and_no_rows(tmp_path: Path) -> None:
    room = {**ROOM, "objects_min": 0, "objects_max": 0, "frames": 1}
    scene = make_dataset(tmp_path, room=room).load("room_0000")
    assert len(scene.frames) == 1 and scene.frames[0].annotated and list(scene.annotations()) == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"first_seed": EVAL_SEEDS.start}, "kept for evaluation"),
        ({"first_seed": EVAL_SEEDS.start - 1, "count": 5}, "kept for evaluation"),
        ({"first_seed": 5, "purpose": "evaluation"}, "expected seeds within"),
        ({"rooms": 5}, "unknown key 'rooms'.*'room'"),
        ({"room": {"object_max": 5}}, "room.object_max.*'objects_max'"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict, named: str) -> None:
    with pytest.raises(BadConfig, match=named):
        make_dataset(tmp_path, options=options)


@pytest.mark.parametrize(
    ("seeds", "refused"),
    [
        (range(0), False),
        (range(1_000_000), False),
        (range(EVAL_SEEDS.stop, EVAL_SEEDS.stop + 5), False),
        (range(EVAL_SEEDS.start - 3, EVAL_SEEDS.start + 1), True),
        (range(EVAL_SEEDS.start + 5, EVAL_SEEDS.start - 5, -1), True),
        ([3, EVAL_SEEDS.start + 17], True),
        (range(0, 2 * EVAL_SEEDS.stop, EVAL_SEEDS.stop), False),  # steps over them
    ],
)
def test_training_seeds(seeds: object, refused: bool) -> None:
    if refused:
        with pytest.raises(BadConfig, match="evaluation"):
            check_training_seeds(seeds)
    else:
        check_training_seeds(seeds)


def test_frozen_rooms_say_what_differs(tmp_path: Path) -> None:
    frozen = {"generator_version": 1, "masks_sha256": {"room_0000": "beef"}, "pictures_sha256": {}}
    layout = make_dataset(tmp_path, options={"frozen": frozen})
    with pytest.warns(UserWarning) as said:
        scene = layout.load("room_0000")
    assert re.search(r"little\.room_0000: masks_sha256 stored=\w{16}, expected=beef", str(said[0].message))
    assert len(scene.extras["differs_from_frozen"]) == 2
    facts = json.loads((Path(scene.root) / "scene.json").read_text())
    right = {f"{what}_sha256": {"room_0000": facts[f"{what}_sha256"][:16]} for what in ("masks", "pictures")}
    layout = make_dataset(tmp_path, options={"frozen": {"generator_version": 1, **right}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert layout.load("room_0000").extras["differs_from_frozen"] == []
