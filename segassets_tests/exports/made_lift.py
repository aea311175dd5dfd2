"""The store of `made_scene` with points, Gaussians, embeddings and codes of its tracks, made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from segassets.exports.langsplat import write_langsplat
from segassets.exports.langsplat_config import LangsplatConfig
from segassets.geometry.gaussians import Gaussians, save_gaussians
from segassets.geometry.points import PointCloud, save_points
from segassets.geometry.stored_lift import (
    DENSE_FILE,
    LIFT_FILE,
    MASK_GAUSSIANS_FILE,
    OBJECTS_FILE,
    points_path,
)
from segassets.storage.provenance import Provenance
from segassets.storage.store import ArtifactStore
from segassets_tests.exports.made_language import make_gaussians, make_inputs, unit
from segassets_tests.made_scene import FRAME_COUNT, SCENE, make_store, track_table

CLIP_DIM, CODE_DIM = 32, 8
POINTS_OF_A_MASK = 4


def make_lifted_store(root: Path, space: str = "world") -> ArtifactStore:
    """Four points for each mask on its pixels' places, one behind no mask a frame; a Gaussian for each mask."""
    store = make_store(root)
    table = track_table()
    with store.create(_provenance(store, "depth_lifts")) as folder:
        for frame in range(FRAME_COUNT):
            save_points(points_path(folder, frame), cloud_of(table, frame, space))
        ids = table.column("mask_id").to_pylist()
        save_gaussians(folder / MASK_GAUSSIANS_FILE, make_gaussians(ids), "m")
        record = {"space": space, "unit": "m", "masks": "sam2_tracks", "excluded": {}}
        (folder / LIFT_FILE).write_text(json.dumps(record))
    with store.create(_provenance(store, "gaussians")) as folder:
        save_gaussians(folder / DENSE_FILE, dense(table), "m")
        save_gaussians(folder / OBJECTS_FILE, make_gaussians([1, 2, 3]), "m")
    with store.create(_provenance(store, "mask_embeddings", {"masks": "sam2_tracks"})) as folder:
        names = ["scene", "frame", "source_frame", "mask_id", "track_id", "level"]
        pq.write_table(table.select(names), folder / "masks.parquet")
        np.save(folder / "embeddings.npy", embeddings(table, CLIP_DIM))
    with store.create(_provenance(store, "language_codec")) as folder:
        np.save(folder / "codes.npy", embeddings(table, CODE_DIM))
    return store


def add_langsplat(store: ArtifactStore) -> None:
    """The scene's `langsplat_export`, of a scene made up."""
    with store.create(_provenance(store, "langsplat_export")) as folder:
        write_langsplat(folder, make_inputs(Path(store.root).parent / "langsplat"), LangsplatConfig())


def embeddings(table: pa.Table, dim: int) -> np.ndarray:
    return unit(np.random.default_rng(dim).normal(size=(table.num_rows, dim)))


def cloud_of(table: pa.Table, frame: int, space: str = "world") -> PointCloud:
    """Points (frame, mask_id, k) under each mask, and one under none."""
    ids = [row["mask_id"] for row in table.to_pylist() if row["frame"] == frame]
    owner = np.array([*np.repeat(ids, POINTS_OF_A_MASK), 0], np.int64)
    xyz = np.stack([np.full(len(owner), frame), owner, np.arange(len(owner)) % POINTS_OF_A_MASK], 1)
    rgb = np.repeat(owner[:, None], 3, 1).astype(np.uint8)
    return PointCloud(xyz.astype(np.float32), rgb, np.full(len(owner), frame, np.int32), owner, "m", space)


def dense(table: pa.Table) -> Gaussians:
    count = table.num_rows * POINTS_OF_A_MASK + FRAME_COUNT
    return make_gaussians([1] * count)


def _provenance(store: ArtifactStore, asset: str, config: dict | None = None) -> Provenance:
    inputs = {"sam2_tracks": store.peek("sam2_tracks", SCENE).version}
    return Provenance(asset, SCENE, "main", inputs=inputs, config=config or {}, model={})
