"""A small generated room in a store, lifted: for tests of what reads depth, points and Gaussians."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from segassets.datasets.annotations import annotation_table
from segassets.datasets.config import DatasetConfig
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.layouts import make_layout
from segassets.datasets.scene import Scene
from segassets.lifting.config import DepthConfig, LiftConfig, RenderingConfig
from segassets.lifting.depth_maps import make_depth_maps
from segassets.lifting.novel_views import write_novel_views
from segassets.lifting.scene_gaussians import write_scene_gaussians
from segassets.lifting.scene_lift import write_scene_lift
from segassets.masks.schemas import FRAMES
from segassets.masks.table import write_table
from segassets.storage.provenance import Provenance
from segassets.storage.store import ArtifactStore

LIFTED = "made.room_0000"
SIZE_HW = (64, 80)


def make_room(root: Path, frames: int = 5) -> Scene:
    """A still room of a few small frames, with depth, poses and masks."""
    room = {"frames": frames, "size_px": list(SIZE_HW), "moving_fraction": 0, "late_fraction": 0}
    options = {"room": room | {"turn_deg": [5, 6]}, "first_seed": 5}
    layout = make_layout(DatasetConfig(name="made", layout="rooms", root=str(root), options=options))
    return layout.load(layout.chosen_names()[0])


def make_lifted_store(root: Path, posed: bool = True) -> ArtifactStore:
    """A store under `root/artifacts` with frames, depth_maps, depth_lifts, gaussians and novel_views of LIFTED."""
    scene, store = make_room(root / "rooms"), ArtifactStore(root / "artifacts")
    table = frames_table(scene)
    if not posed:
        at = table.schema.get_field_index("camera_to_world")
        table = table.set_column(
            at, table.schema.field(at), pa.nulls(table.num_rows, table.schema.field(at).type)
        )
    source, masks = FrameSource(table, scene.root), ("coco_masks", annotation_table(scene).table)
    with store.create(_origin(store, "frames")) as out:
        write_table(table, FRAMES, out / "frames.parquet")
        (out / "scene.json").write_text(json.dumps({"key": scene.key, "root": scene.root, "dataset": "made"}))
    with store.create(_origin(store, "depth_maps", "frames")) as out:
        make_depth_maps(source, scene.root, out, DepthConfig())
    depth = store.peek("depth_maps", LIFTED).path
    with store.create(_origin(store, "depth_lifts", "frames", "depth_maps")) as out:
        write_scene_lift(source, depth, masks, out, LiftConfig(max_points=3000))
    lift = store.peek("depth_lifts", LIFTED).path
    with store.create(_origin(store, "gaussians", "frames", "depth_lifts")) as out:
        write_scene_gaussians(lift, out, LiftConfig())
    gaussians = store.peek("gaussians", LIFTED).path
    with store.create(_origin(store, "novel_views", "frames", "depth_lifts", "gaussians")) as out:
        write_novel_views(source, lift, gaussians, out, RenderingConfig())
    return store


def _origin(store: ArtifactStore, asset: str, *inputs: str) -> Provenance:
    versions = {name: store.peek(name, LIFTED).version for name in inputs} or {"footage": "f00"}
    return Provenance(asset, LIFTED, store.tag, inputs=versions, config={}, model={})
