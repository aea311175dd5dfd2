"""Results of an external engine, read without trusting them: sizes, shapes, values, run lengths."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from segassets.errors import BadInput
from segassets.masks import rle
from segassets.masks.runs import check_counts
from segassets.proposals.frame import FrameCandidates

RESULT_FORMAT = "segassets.candidates.result"
RESULT_SUFFIXES = (".npz", ".json")
MAX_MASKS = 10_000
MAX_JSON_BYTES = 256_000_000
_ARRAYS = {"masks": "u", "level": "iu", "parent": "iu", "stability": "f", "predicted_iou": "f", "size": "iu"}
_REQUIRED = ("masks", "level", "size")


def read_result(path: Path, frame: int, size_hw: tuple[int, int], levels: list[int]) -> FrameCandidates:
    """One frame's candidates as the program wrote them.

    Args:
        path: `<frame>.npz` or `<frame>.json`.
        size_hw: the size the request named.
        levels: the levels the request named.

    Raises:
        BadInput: the file holds anything but such a result; says what was expected and found.
    """
    columns = _read_npz(path, size_hw) if path.suffix == ".npz" else _read_json(path, frame, size_hw)
    number = len(columns["rle_counts"])
    level = _integers(path, columns, "level", number, None)
    if unknown := sorted(set(level.tolist()) - set(levels)):
        raise BadInput(f"{path.name}: expected levels of {levels}, found {unknown}")
    parent = _integers(path, columns, "parent", number, -1)
    _check_parents(path, parent, level)
    scores = {name: _scores(path, columns, name, number) for name in ("stability", "predicted_iou")}
    return FrameCandidates(
        *size_hw,
        columns["rle_counts"],
        level.astype(np.int8),
        parent,
        scores["stability"],
        scores["predicted_iou"],
        ["candidate"] * number,
    ).select(_with_pixels(columns["rle_counts"], size_hw))


def _with_pixels(counts: list[str], size_hw: tuple[int, int]) -> np.ndarray:
    return np.flatnonzero(rle.areas(counts, *size_hw) > 0)


def _read_npz(path: Path, size_hw: tuple[int, int]) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            shapes = {name: _npy_header(archive, f"{name}.npy") for name in _ARRAYS if _has(archive, name)}
        _check_shapes(path, shapes, size_hw)
        with np.load(path, allow_pickle=False) as stored:
            columns = {name: stored[name] for name in shapes}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError) as error:
        raise BadInput(f"{path.name}: expected an npz file of plain arrays, found {error}") from error
    height, width = size_hw
    found = tuple(columns.pop("size").tolist())
    if found != (height, width):
        raise BadInput(f"{path.name}: expected size (height, width) {(height, width)}, found {found}")
    packed = columns.pop("masks")
    counts: list[str] = []
    for start in range(0, len(packed), 64):
        bits = np.unpackbits(packed[start : start + 64], axis=1, count=height * width)
        counts += rle.encode_batch(bits.reshape(-1, height, width))
    return columns | {"rle_counts": counts}


def _has(archive: zipfile.ZipFile, name: str) -> bool:
    return f"{name}.npy" in archive.namelist()


def _npy_header(archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type an array claims, read before anything is allocated for it."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, kind = read(stream)
    return shape, kind


def _check_shapes(path: Path, shapes: dict, size_hw: tuple[int, int]) -> None:
    if missing := [name for name in _REQUIRED if name not in shapes]:
        raise BadInput(f"{path.name}: expected arrays {', '.join(_REQUIRED)}, found no {', '.join(missing)}")
    number = shapes["masks"][0][0] if shapes["masks"][0] else 0
    _check_number(path, number)
    row = math.ceil(size_hw[0] * size_hw[1] / 8)
    expected: dict[str, tuple] = dict.fromkeys(_ARRAYS, (number,)) | {"masks": (number, row), "size": (2,)}
    for name, (shape, kind) in shapes.items():
        if (
            shape != expected[name]
            or kind.kind not in _ARRAYS[name]
            or (name == "masks" and kind != np.uint8)
        ):
            raise BadInput(
                f"{path.name}: expected `{name}` of shape {expected[name]} and kind {_ARRAYS[name]!r} "
                f"(masks: uint8, np.packbits of {size_hw[0]} x {size_hw[1]} row by row), found {shape} {kind}"
            )


def _check_number(path: Path, number: int) -> None:
    if number > MAX_MASKS:
        raise BadInput(f"{path.name}: expected at most {MAX_MASKS} masks a frame, found {number}")


def _read_json(path: Path, frame: int, size_hw: tuple[int, int]) -> dict[str, Any]:
    if path.stat().st_size > MAX_JSON_BYTES:
        raise BadInput(f"{path.name}: expected at most {MAX_JSON_BYTES} bytes, found {path.stat().st_size}")
    try:
        values = json.loads(path.read_text("utf-8"))
        masks = values["masks"]
        head = {name: values[name] for name in ("format", "version", "frame", "height", "width")}
        expected = {"format": RESULT_FORMAT, "version": 1, "frame": frame}
        expected |= {"height": size_hw[0], "width": size_hw[1]}
        if head != expected:
            raise BadInput(f"{path.name}: expected {expected}, found {head}")
        _check_number(path, len(masks))
        counts = [str(mask["rle_counts"]) for mask in masks]
        columns = {name: [mask.get(name) for mask in masks] for name in ("stability", "predicted_iou")}
        columns["level"] = [mask["level"] for mask in masks]
        columns["parent"] = [mask.get("parent") for mask in masks]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path.name}: expected a JSON result, found {type(error).__name__}: {error}"
        ) from error
    try:
        check_counts(counts, np.full(len(counts), size_hw[0]), np.full(len(counts), size_hw[1]))
    except BadInput as error:
        raise BadInput(f"{path.name}: {error}") from error
    return columns | {"rle_counts": counts}


def _integers(path: Path, columns: dict, name: str, number: int, default: int | None) -> np.ndarray:
    values = columns.get(name, [default] * number)
    values = [default if value is None else value for value in np.asarray(values, object).tolist()]
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        raise BadInput(f"{path.name}: expected whole numbers in `{name}`, found {values[:5]}")
    return np.array(values, np.int64)


def _scores(path: Path, columns: dict, name: str, number: int) -> np.ndarray:
    values = columns.get(name, [None] * number)
    values = [math.nan if value is None else value for value in np.asarray(values, object).tolist()]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if not numbers or not all(math.isnan(value) or 0 <= value <= 1 for value in values):
        raise BadInput(
            f"{path.name}: expected numbers of 0..1 (or null, nan) in `{name}`, found {values[:5]}"
        )
    return np.array(values, np.float32)


def _check_parents(path: Path, parent: np.ndarray, level: np.ndarray) -> None:
    outside = (parent < -1) | (parent >= len(parent))
    if outside.any():
        raise BadInput(
            f"{path.name}: expected parents as positions below {len(parent)} or -1, found "
            f"{parent[outside][:5].tolist()}"
        )
    wrong = (parent >= 0) & (level[parent] >= level)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise BadInput(
            f"{path.name}: expected parents of a coarser level; mask {at} (level {level[at]}) has parent "
            f"{parent[at]} (level {level[parent[at]]})"
        )
