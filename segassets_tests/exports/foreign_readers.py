"""Readers of formats in space, written from the formats' descriptions alone: nothing of the exporters is used."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

_LETTERS = {"float": "f", "uchar": "B", "int": "i", "double": "d"}


def read_ply(path: Path) -> tuple[list[str], np.ndarray]:
    """Property names and values (N, properties) of a little-endian PLY with one element."""
    data = path.read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    lines = data[:end].decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    elements = [line.split() for line in lines if line.startswith("element")]
    assert len(elements) == 1 and elements[0][1] == "vertex"
    properties = [line.split()[1:] for line in lines if line.startswith("property")]
    row = struct.Struct("<" + "".join(_LETTERS[kind] for kind, _ in properties))
    count = int(elements[0][2])
    assert len(data) - end == count * row.size
    values = np.array(list(row.iter_unpack(data[end:])), np.float64).reshape(count, len(properties))
    return [name for _, name in properties], values


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def name(self) -> str:
        end = self.data.index(b"\0", self.at)
        text, self.at = self.data[self.at : end].decode(), end + 1
        return text


def read_colmap_binary(folder: Path) -> dict[str, Any]:
    """cameras {id: (model, width, height, params)}, images {id: (qvec, tvec, camera, name, observations)},
    points {id: (xyz, rgb, error, track)}."""
    stream = _Bytes((folder / "cameras.bin").read_bytes())
    cameras = {}
    for _ in range(stream.take("Q")[0]):
        number, model, width, height = stream.take("iiQQ")
        assert model == 1
        cameras[number] = ("PINHOLE", width, height, stream.take("4d"))
    assert stream.at == len(stream.data)
    stream = _Bytes((folder / "images.bin").read_bytes())
    images = {}
    for _ in range(stream.take("Q")[0]):
        number = stream.take("i")[0]
        quaternion, shift, camera = stream.take("4d"), stream.take("3d"), stream.take("i")[0]
        name = stream.name()
        seen = [stream.take("ddq") for _ in range(stream.take("Q")[0])]
        images[number] = (quaternion, shift, camera, name, seen)
    assert stream.at == len(stream.data)
    stream = _Bytes((folder / "points3D.bin").read_bytes())
    points = {}
    for _ in range(stream.take("Q")[0]):
        number = stream.take("Q")[0]
        xyz, rgb, error = stream.take("3d"), stream.take("3B"), stream.take("d")[0]
        points[number] = (xyz, rgb, error, [stream.take("ii") for _ in range(stream.take("Q")[0])])
    assert stream.at == len(stream.data)
    return {"cameras": cameras, "images": images, "points": points}


def read_colmap_text(folder: Path) -> dict[str, Any]:
    """The same from the text files."""

    def lines(name: str) -> list[list[str]]:
        text = (folder / name).read_text("utf-8")
        return [line.split() for line in text.split("\n")[:-1] if not line.startswith("#")]

    cameras = {
        int(row[0]): (row[1], int(row[2]), int(row[3]), tuple(map(float, row[4:])))
        for row in lines("cameras.txt")
    }
    rows, images = lines("images.txt"), {}
    assert len(rows) % 2 == 0
    for head, seen in zip(rows[::2], rows[1::2], strict=True):
        numbers = tuple(map(float, head[1:8]))
        observations = [
            (float(u), float(v), int(p)) for u, v, p in zip(seen[::3], seen[1::3], seen[2::3], strict=True)
        ]
        images[int(head[0])] = (numbers[:4], numbers[4:], int(head[8]), head[9], observations)
    points = {}
    for row in lines("points3D.txt"):
        track = list(zip(map(int, row[8::2]), map(int, row[9::2]), strict=True))
        points[int(row[0])] = (tuple(map(float, row[1:4])), tuple(map(int, row[4:7])), float(row[7]), track)
    return {"cameras": cameras, "images": images, "points": points}
