"""Arrays by name as the bytes of a safetensors file, put together in one pass.

    8 bytes, little-endian: length of the header
    header: JSON, {name: {"dtype", "shape", "data_offsets": [start, end]}, "__metadata__": {text: text}}, filled up
    data: the arrays end to end, C order, little-endian
safetensors' own writer copies the data twice and takes most of its time to look at each array; where many small
files are written that is what counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby

import numpy as np

from segassets.errors import BadInput

_NAMES = {
    "int64": "I64", "float64": "F64", "int32": "I32", "float32": "F32", "int16": "I16", "uint16": "U16",
    "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
_KINDS = {np.dtype(name): text for name, text in _NAMES.items()}
_ALIGNMENT = 8


def tensor_bytes(arrays: Mapping[str, np.ndarray], facts: Mapping[str, str]) -> bytes:
    """The file's bytes; wide numbers come first, so that every array lies aligned.

    Args:
        arrays: of the dtypes int8 to int64, uint8, uint16, float32, float64, bool; any shape.
        facts: the file's metadata.

    Raises:
        BadInput: an array of another dtype, or a number that is not finite; names the array.
    """
    for name, array in arrays.items():
        if array.dtype not in _KINDS:
            raise BadInput(f"expected {', '.join(_NAMES)}, found {array.dtype} in {name}")
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[1].dtype.char))
    header: dict[str, object] = {"__metadata__": dict(facts)} if facts else {}
    end = 0
    for name, array in ordered:
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": _KINDS[array.dtype],
            "shape": array.shape,
            "data_offsets": (start, end),
        }
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % _ALIGNMENT)
    parts = [len(text).to_bytes(8, "little"), text]
    data = b"".join([*parts, *(np.ascontiguousarray(array).data for _, array in ordered if array.size)])
    _refuse_nonfinite(ordered, data, sum(map(len, parts)))
    return data


def _refuse_nonfinite(ordered: list[tuple[str, np.ndarray]], data: bytes, start: int) -> None:
    """Look at the arrays of each dtype in one go; they lie side by side from `start` on."""
    for dtype, group in groupby(ordered, key=lambda item: item[1].dtype):
        members = list(group)
        count = sum(array.size for _, array in members)
        if dtype.kind == "f" and not np.isfinite(np.frombuffer(data, dtype, count, start)).all():
            name = next(name for name, array in members if not np.isfinite(array).all())
            raise BadInput(f"expected finite numbers, found nan or infinity in {name}")
        start += count * dtype.itemsize
