"""Pictures in and out: RGB, label maps and sizes from files, local or behind an fsspec URL; PNG out.

EXIF orientation is not applied: annotations, poses and intrinsics are given for the stored pixels.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import fsspec
import numpy as np
from PIL import Image, UnidentifiedImageError

from segassets.errors import BadInput, MissingInput
from segassets.storage.atomic import write_bytes

_JPEG = {".jpg", ".jpeg", ".jpe", ".jfif"}
_OTHERS = {".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".jp2", ".avif", ".ppm", ".pgm", ".pnm"}
PICTURE_SUFFIXES = _JPEG | _OTHERS
_HEADER_BYTES = 1 << 16  # a header, with its EXIF block, fits; else the whole file is read
_FAILURES = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)

PathLike = str | os.PathLike[str]


def is_picture(name: str) -> bool:
    """True for a name with a picture's suffix that is not hidden (`._x.jpg` is a Mac's note about x.jpg)."""
    path = PurePosixPath(name)
    return not path.name.startswith(".") and path.suffix.lower() in PICTURE_SUFFIXES


def read_picture(path: PathLike) -> np.ndarray:
    """The picture as RGB uint8 (H, W, 3).

    Gray and palette pictures are spread to three channels, 16-bit values divided by 257, transparency laid
    over black, the first frame taken of an animation.

    Args:
        path: local path, fsspec URL or UPath.

    Raises:
        MissingInput: there is no such file.
        BadInput: it cannot be read as a picture, is truncated, or holds floating-point values.
    """
    with _opened(path) as image:
        try:
            return _to_rgb(image, os.fspath(path))
        except _FAILURES as error:
            raise _unreadable(path, error) from error


def read_labels(path: PathLike) -> np.ndarray:
    """A label map (H, W), integer, as stored: palette indices, gray values, or 0/1 of a bilevel picture.

    Raises:
        MissingInput: there is no such file.
        BadInput: unreadable, truncated, or a colour picture (which label a colour means is not in the file).
    """
    with _opened(path) as image:
        mode = image.mode
        if mode not in ("P", "L", "1") and not mode.startswith("I"):
            where = os.fspath(path)
            raise BadInput(f"{where}: expected a palette or gray picture of labels, found mode {mode}")
        try:
            return np.array(image, dtype=np.uint8 if mode == "1" else None)
        except _FAILURES as error:
            raise _unreadable(path, error) from error


def label_mode(path: PathLike) -> str:
    """Pillow's mode of the stored picture: P (palette), L (gray), 1, I;16, RGB, ..."""
    with _opened(path, header=True) as image:
        return image.mode


def picture_size(path: PathLike) -> tuple[int, int]:
    """(height, width) from the header alone.

    Raises:
        MissingInput: there is no such file.
        BadInput: not a picture.
    """
    with _opened(path, header=True) as image:
        return image.height, image.width


def write_png(path: PathLike, array: np.ndarray, *, palette: bool = False, compress_level: int = 6) -> None:
    """Writes RGB (H, W, 3) or labels (H, W) uint8 / uint16 as PNG, whole or not at all.

    Args:
        palette: write an (H, W) uint8 map as mode P with the DAVIS colours, as VOS tools expect.
    """
    array = np.ascontiguousarray(array)
    image = Image.fromarray(array)
    if palette:
        image.putpalette(davis_palette().tobytes())
    stream = io.BytesIO()
    image.save(stream, format="PNG", compress_level=compress_level)
    write_bytes(Path(path), stream.getvalue())


def davis_palette() -> np.ndarray:
    """The VOC / DAVIS colour map (256, 3) uint8: bits of the index dealt out to the high bits of R, G, B."""
    index = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((index >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return palette


def _opened(path: PathLike, *, header: bool = False) -> Image.Image:
    location = os.fspath(path)
    source: str | BinaryIO = location
    try:
        if "://" in location or not isinstance(path, str | Path):
            source = _remote_bytes(path if not isinstance(path, str) else location, header)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(source)
    except FileNotFoundError:
        raise MissingInput(f"expected a picture at {location}, found nothing") from None
    except UnidentifiedImageError as error:
        if header and not isinstance(source, str):
            return _opened(path)
        raise _unreadable(path, error) from error
    except _FAILURES as error:
        raise _unreadable(path, error) from error


def _remote_bytes(path: PathLike, header: bool) -> BinaryIO:
    fs, name = fsspec.core.url_to_fs(str(path))
    return io.BytesIO(fs.cat_file(name, start=0, end=_HEADER_BYTES) if header else fs.cat_file(name))


def _unreadable(path: PathLike, error: Exception) -> BadInput:
    return BadInput(f"cannot read the picture {os.fspath(path)}: {error}; replace or remove the file")


def _to_rgb(image: Image.Image, where: str) -> np.ndarray:
    mode = image.mode
    if mode == "F":
        raise BadInput(f"{where}: expected a picture of 8 or 16 bits, found floating-point values")
    if mode.startswith("I"):
        gray = (np.clip(np.asarray(image, dtype=np.int64), 0, 65535) // 257).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        opaque = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(opaque, image.convert("RGBA"))
    return np.array(image.convert("RGB"))
