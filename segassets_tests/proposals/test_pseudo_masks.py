"""Pseudo masks of a scene: cut and resumed, or read from mask pictures of all or of selected frames."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from segassets.datasets.frames import FrameSource
from segassets.datasets.id_folders import UnusableMasks
from segassets.errors import BadConfig, MissingInput
from segassets.masks import rle
from segassets.masks.schemas import FRAMES
from segassets.masks.table import validate_masks
from segassets.proposals.pseudo_config import MaskFolders, PseudoMaskConfig
from segassets.proposals.pseudo_masks import cut_scene, folder_version, read_scene, scene_folder

HEIGHT, WIDTH = 32, 48


def footage(folder, source_frames=range(6), first=0) -> FrameSource:
    """Black pictures with a bright box that moves; `first` is the number of the first file."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for frame, number in enumerate(source_frames):
        rgb = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
        rgb[box_at(number)] = 220
        name = f"{first + number:05d}.png"
        Image.fromarray(rgb).save(folder / name)
        rows.append({"scene": "a.b", "frame": frame, "source_frame": number, "uri": name})
        rows[-1] |= {"height": HEIGHT, "width": WIDTH, "annotated": False}
    return FrameSource(pa.Table.from_pylist(rows, schema=FRAMES), str(folder))


def box_at(number: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[8:24, 8 + number : 28 + number] = True
    return mask


class Bright:
    """Two directions: bright tokens of 4 x 4 pixels, and dark ones."""

    description = "brightness"

    def __init__(self) -> None:
        self.pictures = 0

    def features(self, rgb: np.ndarray) -> np.ndarray:
        self.pictures += 1
        bright = rgb[::4, ::4, 0] > 100
        return np.stack([bright, ~bright], -1).astype(np.float32)


def cut(source, work_dir, tokens=None, **values):
    return cut_scene(source, "a.b", tokens or Bright(), PseudoMaskConfig(**values), work_dir)


def test_every_nth_frame_is_cut_and_a_second_run_goes_on(tmp_path):
    source, tokens = footage(tmp_path / "in"), Bright()
    found = cut(source, tmp_path / "work", tokens, frame_stride=2, maskcut={"masks": 1})
    validate_masks(found.masks, source.table)
    assert found.frames == [0, 2, 4] and tokens.pictures == 3
    rows = found.masks.to_pylist()
    assert [row["frame"] for row in rows] == [0, 2, 4]
    assert all(row["track_id"] == 0 and row["source"] == "maskcut" and 0 < row["score"] <= 1 for row in rows)
    mask = rle.decode(rows[1]["rle_counts"], HEIGHT, WIDTH)
    assert (mask & box_at(2)).sum() / (mask | box_at(2)).sum() > 0.8
    again = cut(source, tmp_path / "work", tokens, frame_stride=2, maskcut={"masks": 1})
    assert tokens.pictures == 3 and again.facts["resumed"] == 3
    assert again.masks.equals(found.masks)


def test_one_frame_of_nothing(tmp_path):
    source = footage(tmp_path / "in", range(1))
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / "in" / "00000.png")
    found = cut(source, tmp_path / "work")
    assert found.frames == [0] and found.masks.num_rows == 0


def pictures(folder, numbers, shape=(HEIGHT, WIDTH)):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        ids = np.zeros((HEIGHT, WIDTH), np.uint8)
        ids[box_at(number)] = 7
        Image.fromarray(ids[: shape[0], : shape[1]]).save(folder / f"mask_{number:05d}.png")
    return folder


@pytest.mark.parametrize(
    ("selected", "drawn", "frames"),
    [
        (range(6), range(6), [0, 1, 2, 3, 4, 5]),
        (range(6), (1, 4), [1, 4]),  # frames without a picture have no masks
        (range(0, 6, 2), range(6), [0, 1, 2]),  # pictures of all frames, of which some are selected
        (range(2, 5), range(6), [0, 1, 2]),
        ((3,), range(6), [0]),
    ],
)
def test_pictures_find_their_frames(tmp_path, selected, drawn, frames):
    source = footage(tmp_path / "in", selected)
    found = read_scene(pictures(tmp_path / "masks", drawn), source, "a.b", MaskFolders(root="x"))
    validate_masks(found.masks, source.table)
    assert found.frames == frames
    for row in found.masks.to_pylist():
        assert (rle.decode(row["rle_counts"], HEIGHT, WIDTH) == box_at(row["source_frame"])).all()
        assert row["track_id"] == 7 and row["score"] is None and row["source"] == "videocutler"


def test_a_scene_without_pictures_is_ordinary(tmp_path):
    found = read_scene(tmp_path / "none", footage(tmp_path / "in"), "a.b", MaskFolders(root="x"))
    assert found.masks.num_rows == 0 and found.skipped is None


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda folder: (folder / "mask_00002.png").write_bytes(b"no picture"), "unreadable"),
        (lambda folder: pictures(folder, [2], (HEIGHT, WIDTH - 8)), "other_size"),
        (
            lambda folder: Image.fromarray(
                np.arange(HEIGHT * WIDTH, dtype=np.uint32).astype(np.uint8).reshape(HEIGHT, WIDTH)
            ).save(folder / "mask_00002.png"),
            "unreadable",
        ),
        (lambda folder: (folder / "mask_00003.png").rename(folder / "mask_00017.png"), "unpaired_masks"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, break_it, reason):
    source, folder = footage(tmp_path / "in"), pictures(tmp_path / "masks", range(5))
    break_it(folder)
    found = read_scene(folder, source, "a.b", MaskFolders(root="x"))
    assert found.masks.num_rows == 0 and found.skipped is not None
    assert found.skipped["reason"] == reason and "masks" in found.skipped["problem"]
    with pytest.raises(UnusableMasks):
        read_scene(folder, source, "a.b", MaskFolders(root="x"), strict=True)


def test_folders_of_scenes(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKS", str(tmp_path))
    assert scene_folder(MaskFolders(root="$MASKS"), "a.b", "b") == tmp_path / "b"
    assert scene_folder(MaskFolders(root="$MASKS", folder="key"), "a.b", "b") == tmp_path / "a.b"
    with pytest.raises(BadConfig, match="outside"):
        scene_folder(MaskFolders(root="$MASKS"), "a.b", "../b")
    with pytest.raises(MissingInput, match="folder of videos"):
        scene_folder(MaskFolders(root=str(tmp_path / "none")), "a.b", "b")
    before = folder_version(tmp_path / "b", MaskFolders(root="x"))
    pictures(tmp_path / "b", range(2))
    assert folder_version(tmp_path / "b", MaskFolders(root="x")) != before


@pytest.mark.parametrize(
    ("source", "named"), [("videocutler_png", "masks.root"), ("videocutler", "videocutler.root")]
)
def test_sources_need_their_folders(source, named):
    with pytest.raises(ValueError, match=named):
        PseudoMaskConfig(source=source)
