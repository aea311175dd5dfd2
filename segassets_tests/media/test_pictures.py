"""Pictures of every kind become RGB; labels stay what they are; broken files are named."""

from __future__ import annotations

import io

import fsspec
import numpy as np
import pytest
from PIL import Image

from segassets.errors import BadInput, MissingInput
from segassets.media.pictures import (
    davis_palette,
    is_picture,
    label_mode,
    picture_size,
    read_labels,
    read_picture,
    write_png,
)

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def palette_picture() -> Image.Image:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    return image


def transparent() -> Image.Image:
    return Image.fromarray(
        np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [200, 100, 50, 128]]], np.uint8)
    )


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(RAMP), np.repeat(RAMP[:, :, None], 3, 2)),
        (Image.fromarray(np.array([[0, 257, 65535]], np.uint16)), [[[0] * 3, [1] * 3, [255] * 3]]),
        (palette_picture(), [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]),
        (transparent(), [[[200, 100, 50], [0, 0, 0], [100, 50, 25]]]),
        (Image.fromarray(np.array([[True, False]])), [[[255] * 3, [0] * 3]]),
        (Image.new("RGB", (1, 1), (1, 2, 3)), [[[1, 2, 3]]]),
    ],
    ids=["gray", "16 bits", "palette", "transparent lies over black", "bilevel", "one pixel"],
)
def test_every_kind_becomes_rgb(tmp_path, image, expected):
    image.save(tmp_path / "x.png")
    rgb = read_picture(tmp_path / "x.png")
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, np.asarray(expected))
    assert picture_size(tmp_path / "x.png") == rgb.shape[:2]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif", "ppm"])
def test_every_format_is_read(tmp_path, suffix):
    rgb = np.full((20, 30, 3), (200, 120, 40), np.uint8)
    Image.fromarray(rgb).save(tmp_path / f"x.{suffix}")
    assert is_picture(f"x.{suffix.upper()}")
    assert np.abs(read_picture(tmp_path / f"x.{suffix}").astype(int) - rgb).max() <= 4  # lossy formats


@pytest.mark.parametrize("name", ["notes.txt", "._frame.jpg", ".hidden.png", "clip.mp4", "jpg"])
def test_not_pictures(name):
    assert not is_picture(name)


def test_exif_orientation_is_left_alone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees"
    Image.new("RGB", (8, 4)).save(tmp_path / "x.jpg", exif=exif)
    assert read_picture(tmp_path / "x.jpg").shape[:2] == picture_size(tmp_path / "x.jpg") == (4, 8)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_truncated_picture_is_refused_by_name(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG" if suffix == "jpg" else "PNG")
    path = tmp_path / f"frame_7.{suffix}"
    path.write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    assert picture_size(path) == (64, 64)  # the header is whole
    with pytest.raises(BadInput, match="frame_7"):
        read_picture(path)


@pytest.mark.parametrize("data", [b"", b"not a picture"])
def test_unreadable_picture_is_refused_by_name(tmp_path, data):
    (tmp_path / "x.png").write_bytes(data)
    for read in (read_picture, picture_size, read_labels):
        with pytest.raises(BadInput, match=r"x\.png"):
            read(tmp_path / "x.png")


def test_floating_point_picture_is_refused(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(BadInput, match="floating-point"):
        read_picture(tmp_path / "x.tif")


def test_missing_picture(tmp_path):
    with pytest.raises(MissingInput, match=r"gone\.png"):
        read_picture(tmp_path / "gone.png")


def test_remote_pictures():
    stream = io.BytesIO()
    Image.fromarray(RAMP).save(stream, "PNG")
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/pictures/a.png", stream.getvalue())
    assert picture_size("memory://pictures/a.png") == (3, 4)
    np.testing.assert_array_equal(read_picture("memory://pictures/a.png")[:, :, 0], RAMP)
    with pytest.raises(MissingInput):
        read_picture("memory://pictures/b.png")


def test_labels_survive_a_palette(tmp_path):
    labels = np.array([[0, 1, 255]], np.uint8)
    write_png(tmp_path / "p.png", labels, palette=True)
    assert label_mode(tmp_path / "p.png") == "P"
    np.testing.assert_array_equal(read_labels(tmp_path / "p.png"), labels)
    np.testing.assert_array_equal(read_picture(tmp_path / "p.png")[0], davis_palette()[[0, 1, 255]])


def test_sixteen_bit_labels(tmp_path):
    labels = np.array([[0, 1000, 26001]], np.uint16)
    write_png(tmp_path / "l.png", labels)
    np.testing.assert_array_equal(read_labels(tmp_path / "l.png"), labels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_not_labels(tmp_path, mode):
    Image.new(mode, (2, 2)).save(tmp_path / "c.png")
    with pytest.raises(BadInput, match=f"mode {mode}"):
        read_labels(tmp_path / "c.png")


def test_palette_is_the_voc_one():
    np.testing.assert_array_equal(davis_palette()[:4], [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]])
    np.testing.assert_array_equal(davis_palette()[[15, 255]], [[192, 128, 128], [224, 224, 192]])
