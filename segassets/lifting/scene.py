"""A scene lifted frame by frame: pictures, depth, masks and cameras brought together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from segassets.datasets.depth import DepthSource
from segassets.datasets.frames import FrameSource
from segassets.geometry.cameras import Pinhole
from segassets.lifting.config import LiftConfig
from segassets.lifting.depth import Depth, DepthMap, depth_map
from segassets.lifting.frame import FrameLift, NothingLifted, lift_frame
from segassets.lifting.masks import FrameMasks
from segassets.lifting.resolve import resolve_depth
from segassets.runtime.progress import Progress


def sensor_maps(
    table: pa.Table, root: str, frames: Iterable[int] | None = None, max_m: float | None = None
) -> Iterator[tuple[int, DepthMap]]:
    """Yields (frame, metric map) of the frames that a sensor measured, in order of time.

    Args:
        max_m: the sensor's range; depth beyond is invalid.
    """
    for frame, metres in DepthSource(table, root).iterate(frames):
        yield frame, depth_map(metres, "metric", max_m=max_m, source="sensor")


def sensor_depths(
    table: pa.Table, root: str, progress: Progress | None = None
) -> Iterator[tuple[int, Depth]]:
    """Yields (frame, depth) of the frames that a sensor measured; a map without a valid pixel is passed over."""
    scene = table.column("scene")[0].as_py() if table.num_rows else ""
    for frame, found in sensor_maps(table, root):
        if progress is not None:
            progress(frame + 1, table.num_rows, "frames")
        if found.valid.any():
            yield frame, resolve_depth(found, f"scene {scene}, frame {frame}")


def lift_scene(
    source: FrameSource,
    depths: Iterable[tuple[int, Depth]],
    masks: pa.Table | None,
    config: LiftConfig,
    name: str = "mask_id",
    excluded: Counter[str] | None = None,
) -> Iterator[tuple[int, FrameLift]]:
    """Yields (frame, its lift) for every frame with depth.

    Points of all frames share the world's axes when every frame of the scene has a pose and depth is in
    metres; otherwise they stay in their own camera's.

    Args:
        masks: schema MASKS, of this scene; None for points alone.
        name: the column that names masks: mask_id, or track_id, the same object having the same id everywhere.
        excluded: frames that give no point are counted here, as `frame_without_points`, and left out; without
            it they are an error.

    Raises:
        BadInput: see `lift_frame` and `Pinhole.of_frame`; names scene and frame.
    """
    rows = source.table.to_pylist()
    posed = has_world(source.table)
    for frame, depth in depths:
        row = rows[frame]
        try:
            lifted = lift_frame(
                source.read(frame),
                depth,
                Pinhole.of_frame(row, config.fov_deg),
                config,
                masks=None if masks is None else _masks_of(masks, frame, name),
                camera_to_world=row["camera_to_world"] if posed and depth.unit == "m" else None,
                frame=frame,
                where=f"scene {source.scene}, frame {frame}",
            )
        except NothingLifted:
            if excluded is None:
                raise
            excluded["frame_without_points"] += 1
            continue
        yield frame, lifted


def has_world(frames: pa.Table) -> bool:
    """Whether every frame of a frames table has a pose, so that metric points of all of them lie together."""
    return frames.num_rows > 0 and frames.column("camera_to_world").null_count == 0


def _masks_of(masks: pa.Table, frame: int, name: str) -> FrameMasks:
    """Masks of a frame; rows without an identity (track_id 0) are no objects."""
    own = masks.filter(pc.equal(masks.column("frame"), frame))
    return FrameMasks.of_rows((row for row in own.to_pylist() if row[name] > 0), name)
