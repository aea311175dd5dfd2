"""A small scene with every artifact of the graph, made by hand: for tests of what reads artifacts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from segassets.masks import rle
from segassets.masks.schemas import FRAMES, MASKS, TRACKS
from segassets.masks.table import MaskRows, write_table
from segassets.storage.provenance import Provenance
from segassets.storage.store import ArtifactStore

SCENE = "toy.clip"
HEIGHT, WIDTH, FRAME_COUNT = 40, 60, 5
KEYFRAMES = (0, 2, 4)
CATEGORIES = {0: "table", 3: "ball"}


def disc(y: float, x: float, radius: float) -> np.ndarray:
    """Boolean (HEIGHT, WIDTH)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def true_masks(frame: int) -> dict[int, np.ndarray]:
    """Object id -> mask: a large disc that moves, a small one that leaves after frame 2."""
    masks = {1: disc(20, 15 + 4 * frame, 10)}
    if frame <= 2:
        masks[2] = disc(8, 50 - 3 * frame, 4)
    return masks


def part_of(mask: np.ndarray) -> np.ndarray:
    """The upper half of a mask."""
    part = mask.copy()
    part[20:] = False
    return part


def make_store(root: Path, tag: str = "main", jpeg: bool = False) -> ArtifactStore:
    """A store under `root/artifacts` with every artifact of SCENE; its pictures lie in `root/footage`."""
    store = ArtifactStore(root / "artifacts", tag)
    frames = _write_footage(root / "footage", "jpg" if jpeg else "png")
    facts = {
        "key": SCENE,
        "dataset": "toy",
        "name": "clip",
        "root": str(root / "footage"),
        "categories": {str(key): name for key, name in CATEGORIES.items()},
    }
    tables = {
        "coco_masks": truth_table(),
        "mask_candidates": candidate_table(),
        "filtered_masks": candidate_table().filter(pa.array([True] * 6 + [False] * 3)),
        "sam2_tracks": track_table(),
    }
    with store.create(_provenance("frames", tag)) as folder:
        write_table(frames, FRAMES, folder / "frames.parquet")
        (folder / "scene.json").write_text(json.dumps(facts))
    for asset, table in tables.items():
        with store.create(_provenance(asset, tag, store)) as folder:
            write_table(table, MASKS, folder / "masks.parquet")
            _write_extras(asset, folder)
    return store


def _provenance(asset: str, tag: str, store: ArtifactStore | None = None) -> Provenance:
    inputs = {"footage": "f00"} if store is None else {"frames": store.peek("frames", SCENE).version}
    model = {"name": "nano", "sha256": "ab" * 32} if asset in ("mask_candidates", "sam2_tracks") else {}
    return Provenance(
        asset, SCENE, tag, inputs=inputs, config={"keyframe_stride": 2, "tag_seen": tag}, model=model
    )


def _write_extras(asset: str, folder: Path) -> None:
    extras: dict[str, dict] = {
        "coco_masks": {"categories.json": {str(key): name for key, name in CATEGORIES.items()}},
        "mask_candidates": {"stats.json": {"keyframes": len(KEYFRAMES)}},
        "filtered_masks": {"dropped.json": {"small_area": 2, "low_stability": 1}},
        "sam2_tracks": {"stats.json": {"seconds": 1.5, "founded": 3}},
    }
    for name, value in extras[asset].items():
        (folder / name).write_text(json.dumps(value))
    run = {"seconds": 1.25, "peak_cpu_bytes": 300_000_000, "peak_gpu_bytes": None, "started_at": "2026-01-01"}
    (folder / "run.json").write_text(json.dumps(run))
    if asset == "sam2_tracks":
        write_table(tracks_summary(), TRACKS, folder / "tracks.parquet")


def _write_footage(folder: Path, suffix: str) -> pa.Table:
    folder.mkdir(parents=True, exist_ok=True)
    columns: dict[str, list] = {name: [None] * FRAME_COUNT for name in FRAMES.names}
    columns |= {"scene": [SCENE] * FRAME_COUNT, "frame": list(range(FRAME_COUNT))}
    columns["source_frame"] = [10 + 2 * frame for frame in range(FRAME_COUNT)]
    columns["uri"] = [f"{number:04d}.{suffix}" for number in columns["source_frame"]]
    columns |= {"height": [HEIGHT] * FRAME_COUNT, "width": [WIDTH] * FRAME_COUNT}
    columns["annotated"] = [True] * FRAME_COUNT
    for frame, name in enumerate(columns["uri"]):
        rgb = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
        for object_id, mask in true_masks(frame).items():
            rgb[mask] = (60 * object_id, 90, 30)
        Image.fromarray(rgb).save(folder / name, quality=95)
    return pa.table(columns, schema=FRAMES)


def truth_table() -> pa.Table:
    """Annotations: both objects on every frame they are on, and the upper half of the large one as a part."""
    rows = MaskRows(SCENE)
    for frame in range(FRAME_COUNT):
        masks = true_masks(frame)
        for object_id, mask in masks.items():
            whole = _add(
                rows, frame, mask, "annotation", track_id=object_id, category_id=(0, 3)[object_id - 1]
            )
            if object_id == 1:
                part = part_of(mask)
                _add(rows, frame, part, "annotation", track_id=11, parent_id=whole, level=4)
    return rows.to_table()


def candidate_table() -> pa.Table:
    """Three candidates on each keyframe that has them; parts point to their parents."""
    rows = MaskRows(SCENE)
    for frame in KEYFRAMES:
        for object_id, mask in true_masks(frame).items():
            values = {"stability": 0.9, "predicted_iou": 0.8, "score": 0.85}
            whole = _add(rows, frame, mask, "candidate", **values)
            if object_id == 1:
                _add(rows, frame, part_of(mask), "candidate", parent_id=whole, level=4, **values)
    _add(rows, 4, disc(35, 5, 3), "gap_fill")
    return rows.to_table()


def track_table() -> pa.Table:
    """A perfect track of the large object, one of its part, one of the small object that ends too early."""
    rows = MaskRows(SCENE)
    for frame in range(FRAME_COUNT):
        masks = true_masks(frame)
        _add(rows, frame, masks[1], "track", track_id=1, score=0.9 - 0.1 * frame)
        _add(rows, frame, part_of(masks[1]), "track", track_id=2, level=4, score=0.7)
        if frame < 2:
            _add(rows, frame, masks[2], "track", track_id=3, score=0.6)
    return rows.to_table()


def tracks_summary() -> pa.Table:
    """The summary of `track_table`."""
    return pa.table(
        {
            "scene": [SCENE] * 3,
            "track_id": [1, 2, 3],
            "level": [2, 4, 2],
            "source_frame_born": [10, 10, 10],
            "source_frame_last": [18, 18, 12],
            "frames": [5, 5, 2],
            "prompt_mask_ids": [[1, 4], [2], [3]],
            "mean_score": [0.7, 0.7, 0.6],
            "retired_because": ["end_of_footage", "end_of_footage", "left_view"],
        },
        schema=TRACKS,
    )


def _add(rows: MaskRows, frame: int, mask: np.ndarray, source: str, **values: object) -> int:
    return rows.add(
        frame=frame,
        source_frame=10 + 2 * frame,
        height=HEIGHT,
        width=WIDTH,
        rle_counts=rle.encode(mask),
        source=source,
        **values,
    )
