"""Records of 1,000 pictures, against the pickles that hold the same of the 2D-to-3D Lifting system.

Its pickles are those of its last two steps for each picture: points of each mask (x and y are pixels and z a depth, so
float64), Gaussians as dictionaries, embeddings. Its dense masks, the files for all pictures at once and the copies at
three resolutions are left out of the comparison; the records hold masks and colours of points as well. What is timed is
writing what lies ready in memory into a new folder: arrays for the one, lists and dictionaries for the other. The files
go to memory where Linux offers it: on a disk, making 1,000 of them costs both the same, at times more than the rest.
"""

from __future__ import annotations

import itertools
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import Figure, interleaved, seconds
from segassets.exports.records import PictureParts, record_arrays, write_record
from segassets.geometry.gaussians import Gaussians
from segassets.geometry.points import PointCloud
from segassets.masks import rle
from segassets.masks.table import MaskRows

PICTURES, MASKS, HEIGHT, WIDTH = 1000, 7, 480, 640
DIM, CODE = 512, 64
STRIDE = 4  # a point for every 4th pixel along rows and columns
REPEATS = 5
MEMORY = Path("/dev/shm")


def picture(seed: int) -> PictureParts:
    """A picture's masks (ellipses), their points, Gaussians, embeddings and codes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rows = MaskRows("bench")
    owner = np.zeros((HEIGHT, WIDTH), np.int64)
    for number in range(1, MASKS + 1):
        cy, cx = rng.uniform(60, HEIGHT - 60), rng.uniform(60, WIDTH - 60)
        ry, rx = rng.uniform(25, 110, 2)
        mask = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1
        owner[mask] = number
        rows.add(
            frame=0, source_frame=0, height=HEIGHT, width=WIDTH, rle_counts=rle.encode(mask), source="annotation"
        )  # fmt: skip
    masks = rows.to_table()
    places = owner[::STRIDE, ::STRIDE]
    there = places > 0
    count = int(there.sum())
    cloud = PointCloud(
        rng.normal(size=(count, 3)).astype(np.float32),
        rng.integers(0, 256, (count, 3)).astype(np.uint8),
        np.zeros(count, np.int32),
        places[there],
    )
    return PictureParts(masks, cloud, _gaussians(rng, masks), _unit(rng, DIM), _unit(rng, CODE))


def _gaussians(rng: np.random.Generator, masks: pa.Table) -> Gaussians:
    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=(MASKS, *shape)).astype(np.float32)

    return Gaussians(draw(3), draw(3), draw(), draw(3), draw(4), masks.column("mask_id").to_numpy())


def _unit(rng: np.random.Generator, dim: int) -> np.ndarray:
    rows = rng.normal(size=(MASKS, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def theirs(parts: PictureParts) -> dict[str, Any]:
    """The same picture as that system's dictionaries; points in float64."""
    arrays = record_arrays(parts)
    starts = arrays["points_offset"]
    return {
        "image_id": 1,
        "points_3d": [
            arrays["points"][start:end].astype(np.float64) for start, end in itertools.pairwise(starts)
        ],
        "gaussians": [
            {
                name: arrays[name][at]
                for name in ("mean", "covariance", "opacity", "color", "scale", "rotation", "embedding")
            }
            for at in range(len(arrays["mean"]))
        ],
        "clip_embeddings": parts.clip,
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def run(names: list[str]) -> list[Figure]:
    """The figures asked for."""
    kinds = [picture(seed) for seed in range(20)]
    arrays = [record_arrays(parts) for parts in kinds]
    dictionaries = [theirs(parts) for parts in kinds]
    sizes: dict[str, float] = {}

    def write_ours(folder: Path) -> None:
        for number in range(PICTURES):
            path = folder / f"{number:012d}.safetensors"
            write_record(path, arrays[number % len(arrays)], {"unit": "m"})

    def write_theirs(folder: Path) -> None:
        for number in range(PICTURES):
            with (folder / f"langsplat_{number:012d}.pkl").open("wb") as stream:
                pickle.dump(dictionaries[number % len(dictionaries)], stream)

    def timed(name: str, write: Callable[[Path], None]) -> float:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            took = seconds(lambda: write(Path(folder)))
            sizes[name] = _size(Path(folder)) / 1e6
        return took

    mine, its = interleaved(
        [lambda: timed("ours", write_ours), lambda: timed("theirs", write_theirs)], REPEATS
    )
    megabytes, theirs_megabytes = sizes["ours"], sizes["theirs"]
    figures = [
        Figure(
            "export_records_time", mine / its, "x the pickles' time", 1, at_most=True,
            note=f"{mine:.2f} s against {its:.2f} s for {PICTURES} pictures",
        ),
        Figure(
            "export_records_bytes", megabytes / theirs_megabytes, "x the pickles' bytes", 1, at_most=True,
            note=f"{megabytes:.0f} MB against {theirs_megabytes:.0f} MB",
        ),
    ]  # fmt: skip
    return [figure for figure in figures if figure.name in names]
