"""The davis export read with Pillow and with the readers sam2's training uses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segassets.errors import BadInput
from segassets.exports.registry import export_scene
from segassets.masks import rle
from segassets.masks.schemas import MASKS
from segassets.masks.table import MaskRows, write_table
from segassets_tests.made_scene import FRAME_COUNT, HEIGHT, SCENE, WIDTH, make_store, true_masks


def export(tmp_path: Path, **options: object) -> Path:
    export_scene(make_store(tmp_path, jpeg=True), SCENE, "davis", tmp_path / "out", options=options)
    return tmp_path / "out"


def expected_labels(frame: int) -> np.ndarray:
    """Index 1 is track 1, index 2 is track 3, whose score is lower."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    if frame < 2:
        labels[true_masks(frame)[2]] = 2
    labels[true_masks(frame)[1]] = 1
    return labels


def test_palette_pictures(tmp_path: Path) -> None:
    out = export(tmp_path)
    for frame in range(FRAME_COUNT):
        with Image.open(out / "Annotations" / SCENE / f"{frame:05d}.png") as picture:
            assert picture.mode == "P"
            assert picture.getpalette()[3:6] == [128, 0, 0]
            assert np.array_equal(np.asarray(picture), expected_labels(frame))
    objects = json.loads((out / "objects" / f"{SCENE}.json").read_text())["objects"]
    assert [(item["index"], item["track_id"]) for item in objects] == [(1, 1), (2, 3)]
    assert (out / "ImageSets" / "all.txt").read_text() == f"{SCENE}\n"


def test_sam2_training_reads_both_layouts(tmp_path: Path) -> None:
    loaders = pytest.importorskip("training.dataset.vos_segment_loader")
    palette = loaders.PalettisedPNGSegmentLoader(str(export(tmp_path / "a") / "Annotations" / SCENE))
    folders = loaders.MultiplePNGSegmentLoader(
        str(export(tmp_path / "b", layout="per_object") / "Annotations" / SCENE)
    )
    for frame in (0, 3):
        found = palette.load(frame)
        assert sorted(int(key) for key in found) == ([1, 2] if frame < 2 else [1])
        assert np.array_equal(found[1].numpy().astype(bool), true_masks(frame)[1])
    apart = folders.load(0)
    masks = [apart[key].numpy().astype(bool) for key in sorted(apart.keys())]
    assert np.array_equal(masks[0], true_masks(0)[1]) and np.array_equal(masks[1], true_masks(0)[2])


@pytest.mark.parametrize(("on_top", "winner"), [("score", 1), ("small", 2), ("last", 2)])
def test_overlap_follows_the_option(tmp_path: Path, on_top: str, winner: int) -> None:
    store = make_store(tmp_path)
    rows = MaskRows(SCENE)
    for track, columns, score in ((1, slice(0, 30), 0.9), (2, slice(20, 40), 0.5)):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[:, columns] = True
        counts = rle.encode(mask)
        place = {"frame": 0, "source_frame": 10, "height": HEIGHT, "width": WIDTH}
        rows.add(**place, rle_counts=counts, source="track", track_id=track, score=score)
    write_table(rows.to_table(), MASKS, store.peek("sam2_tracks", SCENE).path / "masks.parquet")
    export_scene(store, SCENE, "davis", tmp_path / "out", options={"on_top": on_top})
    labels = np.asarray(Image.open(tmp_path / "out" / "Annotations" / SCENE / "00000.png"))
    assert labels[0, 25] == winner


def test_source_numbering_and_levels(tmp_path: Path) -> None:
    out = export(tmp_path, names="source_frame", level=4, asset="coco_masks")
    names = sorted(path.name for path in (out / "Annotations" / SCENE).iterdir())
    assert names == ["00010.png", "00012.png", "00014.png", "00016.png", "00018.png"]


def test_masks_without_identity_are_numbered_in_each_picture(tmp_path: Path) -> None:
    out = export(tmp_path, asset="mask_candidates", on_top="last")
    labels = np.asarray(Image.open(out / "Annotations" / SCENE / "00004.png"))
    assert sorted(np.unique(labels)) == [0, 1, 2]


@pytest.mark.parametrize("pictures", ["link", "write"])
def test_pictures(tmp_path: Path, pictures: str) -> None:
    folder = export(tmp_path, pictures=pictures) / "JPEGImages" / SCENE
    first = folder / "00000.jpg"
    assert first.is_symlink() == (pictures == "link")
    with Image.open(first) as picture:
        assert (picture.format, picture.size) == ("JPEG", (WIDTH, HEIGHT))
    assert len(list(folder.iterdir())) == FRAME_COUNT


def test_more_objects_than_a_palette_holds(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    rows = MaskRows(SCENE)
    for track in range(1, 257):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask.flat[track] = True
        place = {"frame": 0, "source_frame": 10, "height": HEIGHT, "width": WIDTH}
        rows.add(**place, rle_counts=rle.encode(mask), source="track", track_id=track)
    write_table(rows.to_table(), MASKS, store.peek("sam2_tracks", SCENE).path / "masks.parquet")
    with pytest.raises(BadInput, match=r"at most 255 objects, found 256.*per_object"):
        export_scene(store, SCENE, "davis", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export_scene(store, SCENE, "davis", tmp_path / "out", options={"layout": "per_object"})
    assert len(list((tmp_path / "out" / "Annotations" / SCENE).iterdir())) == 256
