"""A scene's masks, depth and cameras made into its instances: in the world's axes where poses and metres allow it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.datasets.frames import FrameSource
from segassets.geometry.poses import rigid_pose
from segassets.lifting.config import LiftConfig
from segassets.lifting.depth import Depth
from segassets.lifting.frame import FrameLift
from segassets.lifting.fusion import Fusion, fuse, per_frame, without_depth
from segassets.lifting.instances_config import InstancesConfig
from segassets.lifting.scene import lift_scene
from segassets.lifting.world_up import world_up

IMAGE_SET = "no mask belongs to a track: each is an instance of its own picture"
NO_DEPTH = "no frame has depth: instances are told apart by their tracks alone and have no place in space"
_APART = "each instance has the points of one frame, in its camera's axes; tracks are not merged"
NO_POSES = f"not every frame has a pose: {_APART}"
NO_METRES = f"depth is in no known unit: {_APART}"


@dataclass
class SceneInstances:
    """What fusion found.

    Attributes:
        fusion: the instances and what was left out.
        masks: the masks they were made from, schema MASKS, every row with a track_id.
        space: axes of points and boxes: world, camera (each instance's best frame) or none.
        unit: m, arbitrary or none.
        up: the world's up, (3,), where it is known.
        notes: what a reader should know.
    """

    fusion: Fusion
    masks: pa.Table
    space: str
    unit: str
    up: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


def fuse_scene(
    source: FrameSource,
    depths: Iterable[tuple[int, Depth]],
    masks: pa.Table,
    config: InstancesConfig,
    lift: LiftConfig,
) -> SceneInstances:
    """Instances of a scene.

    Args:
        depths: (frame, depth) of the frames that have depth, in order of time.
        masks: schema MASKS; tracks, or annotations.

    Raises:
        BadInput: a pose that is not rigid, intrinsics that are singular, depth of another field of view than the
            picture; names scene and frame.
    """
    notes: list[str] = []
    masks = _chosen(masks, config, notes)
    rows = source.table.to_pylist()
    lift = lift.model_copy(update={"stride": config.stride})
    lifts = _Lifts(lift_scene(source, depths, masks, lift, "track_id"))
    if lifts.first is None:
        notes.append(NO_DEPTH)
        return SceneInstances(without_depth(_views(masks)), masks, "none", "none", None, notes)
    cloud = lifts.first[1].cloud
    if cloud.space == "world":
        where = [f"scene {source.scene}, frame {frame}" for frame in range(len(rows))]
        poses = [rigid_pose(row["camera_to_world"], name) for row, name in zip(rows, where, strict=True)]
        up = world_up(poses)
        fusion = fuse(lifts, {frame: pose[:3, 3] for frame, pose in enumerate(poses)}, config, up)
    else:
        notes.append(NO_METRES if cloud.unit != "m" else NO_POSES)
        fusion, up = per_frame(lifts, config), None
    missing = sorted(set(pc.unique(masks.column("frame")).to_pylist()) - set(lifts.frames))
    if missing:
        fusion.excluded["frames_without_depth"] = len(missing)
    return SceneInstances(fusion, masks, cloud.space, cloud.unit, up, notes)


class _Lifts:
    """Lifted frames that can be looked at before the first is taken; remembers which frames came."""

    def __init__(self, lifts: Iterator[tuple[int, FrameLift]]) -> None:
        self.first = next(lifts, None)
        self.frames: list[int] = []
        self._rest = lifts

    def __iter__(self) -> Iterator[tuple[int, FrameLift]]:
        if self.first is None:
            return
        self.frames.append(self.first[0])
        yield self.first
        for frame, lifted in self._rest:
            self.frames.append(frame)
            yield frame, lifted


def _chosen(masks: pa.Table, config: InstancesConfig, notes: list[str]) -> pa.Table:
    """Masks of the levels asked for, with an identity: masks of image sets are their own."""
    if config.levels is not None:
        masks = masks.filter(pc.is_in(masks.column("level"), pa.array(config.levels, pa.int8())))
    masks = masks.filter(pc.not_equal(masks.column("source"), "annotation_crowd"))
    if masks.num_rows and not pc.any(pc.greater(masks.column("track_id"), 0)).as_py():
        notes.append(IMAGE_SET)
        at = masks.schema.get_field_index("track_id")
        return masks.set_column(at, masks.schema.field(at), masks.column("mask_id"))
    return masks.filter(pc.greater(masks.column("track_id"), 0))


def _views(masks: pa.Table) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for track, frame in zip(*(masks.column(name).to_pylist() for name in ("track_id", "frame")), strict=True):
        found.setdefault(track, []).append(frame)
    return {track: sorted(frames) for track, frames in found.items()}


def facts_of(found: SceneInstances) -> dict[str, Any]:
    """What `instances.json` says of all instances together."""
    fusion = found.fusion
    return {
        "space": found.space,
        "unit": found.unit,
        "up": None if found.up is None else found.up.tolist(),
        "notes": found.notes,
        "instances": len(fusion.instances),
        "pieces_merged": fusion.merged,
        "tracks_split": fusion.split,
        "excluded": {name: count for name, count in sorted(fusion.excluded.items()) if count},
        "excluded_tracks": fusion.excluded_tracks,
    }
