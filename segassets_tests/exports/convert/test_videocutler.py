"""VideoCutLER's folders of mask pictures: id maps, colours, palettes; what is skipped and why; shared colours."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from segassets.datasets.config import DatasetConfig
from segassets.datasets.id_folders import UnusableMasks, list_masks, read_id_folder
from segassets.datasets.layouts import make_layout
from segassets.datasets.ytvis_tubes import read_tube_file
from segassets.errors import BadInput, MissingInput
from segassets.exports.convert.videocutler import VideocutlerOptions, videocutler_to_ytvis
from segassets.masks import rle
from segassets.masks.id_maps import id_runs
from segassets.masks.table import validate_masks
from segassets.masks.tubes import table_of_tubes

HEIGHT, WIDTH, LENGTH = 30, 48, 6
RED, BLUE = (220, 20, 60), (0, 0, 142)


def ids_at(frame: int) -> np.ndarray:
    """Two things that move, the second gone from frame 4 on."""
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    ids[4:12, 2 + frame : 14 + frame] = 1
    if frame < 4:
        ids[18:28, 30 - frame : 40 - frame] = 2
    return ids


def coloured(ids: np.ndarray, *colours: tuple[int, int, int]) -> np.ndarray:
    return np.array([(0, 0, 0), *colours], np.uint8)[ids]


def save(folder, maps, mode="L", first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for at, values in enumerate(maps, first):
        image = Image.fromarray(values)
        if mode == "P":
            image.putpalette([0, 0, 0, *RED, *BLUE])
        image.save(folder / f"mask_{at:05d}.png")


def frames(folder, count=LENGTH, size_hw=(HEIGHT, WIDTH), first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(first, first + count):
        Image.fromarray(np.zeros((*size_hw, 3), np.uint8)).save(folder / f"{at:05d}.jpg")
    return [path.name for path in sorted(folder.iterdir())]


NAMES = [f"{at:05d}.jpg" for at in range(LENGTH)]


def read(folder, names=NAMES, size_hw=(HEIGHT, WIDTH), **values):
    return read_id_folder(list_masks(folder), names, size_hw, **values)


def test_ids_in_one_pass():
    ids = np.random.default_rng(0).integers(0, 4, (9, 7)).astype(np.int32) * 70000
    found = id_runs(ids).counts()
    assert list(found) == [70000, 140000, 210000]
    assert all(counts == rle.encode(ids == key) for key, counts in found.items())
    assert id_runs(np.zeros((3, 3), int)).counts() == {} and list(id_runs(np.full((3, 3), 5)).counts()) == [5]


@pytest.mark.parametrize("seed", range(20))
def test_pieces_as_scipy_labels_them(seed):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 4, (11, 13)) * (rng.random((11, 13)) < rng.uniform(0.2, 1))
    expected = set()
    for key in set(ids.reshape(-1).tolist()) - {0}:
        labels, _ = ndimage.label(ids == key, np.ones((3, 3)))
        sizes = np.bincount(labels.reshape(-1))[1:]
        if (sizes >= 0.25 * sizes.sum()).sum() > 1:
            expected.add(key)
    assert id_runs(ids).in_pieces(0.25) == expected


@pytest.mark.parametrize("form", ["L", "P", "RGB", "colours", "I;16"])
def test_every_form_gives_the_same_masks(tmp_path, form):
    maps = [ids_at(frame) for frame in range(LENGTH)]
    if form == "RGB":  # R << 16 | G << 8 | B with small ids
        save(tmp_path, [np.stack([ids * 0, ids * 0, ids], 2) for ids in maps])
    elif form == "colours":
        save(tmp_path, [coloured(ids, BLUE, RED) for ids in maps])
    else:
        save(tmp_path, [ids.astype(np.uint16) if form == "I;16" else ids for ids in maps], mode=form)
    found = read(tmp_path)
    expected = [1, 2] if form != "colours" else [142, RED[0] << 16 | RED[1] << 8 | RED[2]]
    assert found.tubes.ids.tolist() == expected and found.pairing == "number" and found.shared == []
    for number, masks in enumerate(found.tubes.masks, 1):
        assert masks == {
            at: rle.encode(ids == number) for at, ids in enumerate(maps) if (ids == number).any()
        }
    table = table_of_tubes("a.b", found.tubes, range(10, 16), "videocutler", scored=False)
    validate_masks(table)
    assert table.column("score").null_count == table.num_rows


@pytest.mark.parametrize(
    ("numbers", "names", "expected"),
    [
        ([0, 2], NAMES, ("number", [0, 2])),
        ([2, 1], [f"f_{at}.jpg" for at in (1, 2, 3)], ("number", [0, 1])),
        ([0, 1, 2], [f"f_{at}.jpg" for at in (1, 2, 3)], ("order", [0, 1, 2])),
        ([0, 2], [f"f_{at}.jpg" for at in (10, 20, 30)], ("position", [0, 2])),
    ],
)
def test_pictures_find_their_frames(tmp_path, numbers, names, expected):
    for number in numbers:
        save(tmp_path, [ids_at(0)], first=number)
    found = read(tmp_path, names)
    assert (found.pairing, found.pictures) == expected


@pytest.mark.parametrize(
    ("spoil", "reason", "message"),
    [
        (lambda path: save(path, [ids_at(0)], first=9), "unpaired_masks", "no frame for mask_00009.png"),
        (lambda path: save(path, [ids_at(0)[:20]], first=2), "other_size", "found 20 x 48"),
        (lambda path: (path / "mask_00001.png").write_bytes(b"\x89PNG"), "unreadable", "mask_00001.png"),
        (
            lambda path: save(path, [np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)]),
            "unreadable",
            "is it a photograph",
        ),
        (
            lambda path: save(path, [np.full((HEIGHT, WIDTH, 4), 100, np.uint8)]),
            "unreadable",
            "transparent",
        ),
    ],
    ids=["stray", "size", "broken", "photograph", "transparent"],
)  # fmt: skip
def test_masks_that_cannot_be_used(tmp_path, spoil, reason, message):
    save(tmp_path, [ids_at(0), ids_at(1), ids_at(2)])
    spoil(tmp_path)
    with pytest.raises(UnusableMasks, match=message) as caught:
        read(tmp_path)
    assert caught.value.reason == reason


def two_of_one_colour(frame: int) -> np.ndarray:
    return (ids_at(frame) > 0).astype(np.uint8)


@pytest.mark.parametrize(
    ("form", "shared", "tubes"),
    [("colour", "auto", 2), ("colour", "report", 1), ("gray", "auto", 1), ("gray", "split", 2)],
)
def test_two_instances_of_one_colour(tmp_path, form, shared, tubes):
    maps = [two_of_one_colour(frame) for frame in range(LENGTH)]
    save(tmp_path, [coloured(ids, RED) for ids in maps] if form == "colour" else maps)
    found = read(tmp_path, shared=shared)
    assert len(found.tubes) == tubes
    [record] = found.shared
    assert (record["frames"], record["instances"], record["unclear"]) == (4, tubes, 0 if tubes == 2 else 4)
    if tubes == 2:
        assert [len(masks) for masks in found.tubes.masks] == [6, 4]
        assert found.tubes.masks[1][0] == rle.encode(ids_at(0) == 2)


def test_an_object_cut_in_two_for_a_moment_stays_one(tmp_path):
    def map_at(frame: int) -> np.ndarray:
        ids = np.zeros((HEIGHT, WIDTH), np.uint8)
        ids[5:20, 5:40] = 1
        if frame == 3:
            ids[:, 20:25] = 0
        return coloured(ids, RED)

    save(tmp_path, [map_at(frame) for frame in range(LENGTH)])
    found = read(tmp_path)
    assert len(found.tubes) == 1 and found.shared == []


def test_instances_that_touch_are_reported(tmp_path):
    def map_at(frame: int) -> np.ndarray:
        ids = np.zeros((HEIGHT, WIDTH), np.uint8)
        ids[5:20, 2:12] = ids[5:20, 30:42] = 1
        if frame == 5:
            ids[10:12, 2:42] = 1
        return coloured(ids, RED)

    save(tmp_path, [map_at(frame) for frame in range(LENGTH)])
    found = read(tmp_path)
    assert len(found.tubes) == 1
    assert found.shared[0]["unclear"] == 5


def make_root(root):
    """good: all frames; late: masks on the last three; few, thin, empty, blank, frameless, broken, listed: skipped."""
    masks, images = root / "masks", root / "frames"
    for name, count in {"good": LENGTH, "few": 2, "broken": LENGTH, "listed": LENGTH, "frameless": 3}.items():
        save(masks / name, [ids_at(at) for at in range(count)])
    save(masks / "late", [ids_at(at) for at in range(3, 6)], first=3)
    save(masks / "thin", [ids_at(at) for at in range(3)])
    save(masks / "blank", [np.zeros((HEIGHT, WIDTH), np.uint8)] * LENGTH)
    (masks / "broken" / "mask_00002.png").write_bytes(b"no picture")
    for name in ("good", "few", "broken", "listed", "late", "empty", "blank"):
        frames(images / name)
    frames(images / "thin", 20)
    return masks, images


def test_a_folder_of_videos(tmp_path):
    masks, images = make_root(tmp_path)
    out = tmp_path / "out" / "tubes.json"
    record = videocutler_to_ytvis(masks, images, out, VideocutlerOptions(skip_list=["listed"]))
    assert record["videos"] == 2 and record["annotations"] == 4
    report = json.loads((tmp_path / "out" / "tubes.json.skipped.json").read_text())
    assert {item["video"]: item["reason"] for item in report["skipped"]} == {
        "blank": "no_masks", "broken": "unreadable", "empty": "no_masks", "few": "too_few_masks",
        "frameless": "no_frames", "listed": "in_skip_list", "thin": "low_coverage",
    }  # fmt: skip
    assert report["num_skipped"] == 7 and report["out_json"] == str(out)
    [broken] = [item for item in report["skipped"] if item["video"] == "broken"]
    assert "mask_00002.png" in broken["problem"] and broken["coverage"] == 1
    content = json.loads(out.read_text())
    assert content["split"] == "train" and content["categories"] == [{"id": 1, "name": "object"}]
    assert [video["name"] for video in content["videos"]] == ["good", "late"]
    assert content["videos"][1]["file_names"][0] == "late/00000.jpg"
    assert content["annotations"][1]["areas"] == [100] * 4 + [0, 0]
    assert content["annotations"][1]["segmentations"][4] is None
    assert content["annotations"][2]["segmentations"][:3] == [None] * 3


def test_what_was_written_is_read_back(tmp_path):
    masks, images = make_root(tmp_path)
    videocutler_to_ytvis(masks, images, tmp_path / "tubes.json")
    file = read_tube_file(tmp_path / "tubes.json")
    assert file.tubes(1).masks[0] == {at: rle.encode(ids_at(at) == 1) for at in range(LENGTH)}
    options = {"annotations": "tubes.json", "pictures": "frames"}
    layout = make_layout(DatasetConfig(name="back", root=str(tmp_path), layout="ytvis", options=options))
    rows = list(layout.load("good").annotations())
    assert sorted((row.frame, row.track_id) for row in rows) == sorted(
        [(at, 1) for at in range(LENGTH)] + [(at, 2) for at in range(4)]
    )


def test_permissive_rules_and_no_frames(tmp_path):
    masks, _ = make_root(tmp_path)
    record = videocutler_to_ytvis(
        masks, None, tmp_path / "tubes.json", VideocutlerOptions(min_masks=1, min_coverage=0)
    )
    assert record["skipped"] == {"no_masks": 1, "unreadable": 1}
    assert record["videos"] == 6


def test_strict_and_empty(tmp_path):
    masks, images = make_root(tmp_path)
    out = tmp_path / "tubes.json"
    with pytest.raises(BadInput, match="mask_00002"):
        videocutler_to_ytvis(masks, images, out, VideocutlerOptions(strict=True))
    with pytest.raises(BadInput, match="at least one usable video"):
        videocutler_to_ytvis(masks, images, out, VideocutlerOptions(error_on_empty=True, min_masks=99))
    assert not out.exists()
    with pytest.raises(MissingInput, match="expected a folder of videos"):
        videocutler_to_ytvis(tmp_path / "nowhere", images, out)


def test_frames_of_several_sizes_are_named(tmp_path):
    save(tmp_path / "masks" / "v", [ids_at(at) for at in range(LENGTH)])
    frames(tmp_path / "frames" / "v", 4)
    frames(tmp_path / "frames" / "v", 2, (20, 20), first=4)
    videocutler_to_ytvis(tmp_path / "masks", tmp_path / "frames", tmp_path / "tubes.json")
    report = json.loads((tmp_path / "tubes.json.skipped.json").read_text())
    assert report["skipped"][0]["reason"] == "other_size"
    assert "00004.jpg" in report["skipped"][0]["problem"]
