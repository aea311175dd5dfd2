"""Depth maps of a scene, from its sensor or a network, each stored with what it is and what makes it depth.

Relative maps stay as they are unless the user said what makes them depth: an arbitrary scale, a range, or known
points. Frames that get no map, or a map that is no depth, are counted by reason:

    no_depth           no sensor measured the frame, and no model was asked, or its weights are not here
    no_valid_pixel     a map without a single valid pixel; it is not stored
    constant_map       a relative map of one value says nothing of near and far; stored, not aligned
    relative_depth     stored, not aligned: nobody asked for a scale
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segassets.datasets.depth import DepthSource
from segassets.datasets.frames import FrameSource
from segassets.errors import BadInput
from segassets.geometry.cameras import Pinhole
from segassets.lifting.config import DepthConfig
from segassets.lifting.depth import Alignment, DepthMap, depth_map
from segassets.lifting.resolve import KnownPoints, resolve_depth
from segassets.lifting.scene import sensor_maps
from segassets.lifting.stored_depth import save_map, save_table
from segassets.storage import atomic

if TYPE_CHECKING:
    from segassets.models.protocols import DepthEstimator

DEPTH_FILE = "depth.json"
_SENSOR_POINTS = 4000  # of a frame, that the model's map is fitted to


@dataclass
class DepthReport:
    """What was stored.

    Attributes:
        rows: of the table, schema DEPTH_MAPS.
        excluded: frames without depth, by reason.
        source: sensor, the model's name, or none.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)
    source: str = "none"

    @property
    def valid_share(self) -> float:
        """Share of the stored maps' pixels that are valid; 0 without maps."""
        pixels = sum(row["height"] * row["width"] for row in self.rows)
        return sum(row["valid_px"] for row in self.rows) / pixels if pixels else 0.0


def chosen_frames(count: int, most: int) -> list[int]:
    """At most `most` of `count` positions, evenly spaced, first and last always; 0 = all."""
    if most == 0 or count <= most:
        return list(range(count))
    return sorted({round(at) for at in np.linspace(0, count - 1, most)})


def make_depth_maps(
    source: FrameSource,
    root: str,
    out: Path,
    config: DepthConfig,
    estimator: Callable[[], DepthEstimator] | None = None,
    fov_deg: float | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> DepthReport:
    """Write `depth/%06d.npz`, `depth.parquet` and `depth.json` into `out`.

    Args:
        root: what the depth files of the frames table are relative to.
        estimator: gives the network when it is needed; None where there is none.
        fov_deg: horizontal field of view declared for pictures without intrinsics; metric networks go by it.

    Raises:
        BadInput, MissingInput: depth that cannot be read, does not fit its known points, or known points of a frame
            that is not there; names scene and frame.
        BadInput: the sensor's depth is asked for and the scene has none.
    """
    report, rows = DepthReport(), source.table.to_pylist()
    known = _known_by_frame(config, rows, source.scene)
    measured = DepthSource(source.table, root).frames
    if config.source == "sensor" and not measured:
        raise BadInput(
            f"scene {source.scene}: depth.source is sensor, but no frame has sensor depth; use auto or model"
        )
    frames = chosen_frames(len(rows), config.max_frames)
    if measured and config.source != "model":
        report.source = "sensor"
        maps = sensor_maps(source.table, root, frames, config.sensor_range_m)
    elif estimator is not None:
        network = estimator()
        report.source = network.name
        maps = _estimated(source, frames, network, fov_deg)
    else:
        maps = iter(())
    if config.align_to_sensor:
        known = _sensor_points(source, root, frames, config) | known
    for done, (frame, found) in enumerate(maps, start=1):
        if not found.valid.any():
            report.excluded["no_valid_pixel"] += 1
            continue
        where = f"scene {source.scene}, frame {frame}"
        alignment = _alignment(found, known.get(frame), config, where, report.excluded)
        report.rows.append(save_map(out, rows[frame], found, alignment))
        progress(done, len(frames), "")
    out.mkdir(parents=True, exist_ok=True)
    save_table(out, report.rows)
    absent = len(frames) - len(report.rows) - report.excluded["no_valid_pixel"]
    if absent:
        report.excluded["no_depth"] = absent
    record = {"source": report.source, "frames": len(frames), "excluded": dict(report.excluded)}
    atomic.write_text(out / DEPTH_FILE, json.dumps(record, indent=1))
    return report


def _estimated(
    source: FrameSource, frames: list[int], network: DepthEstimator, fov_deg: float | None
) -> Iterator[tuple[int, DepthMap]]:
    rows = source.table.to_pylist()
    for frame, rgb in source.iterate(frames):
        known = fov_deg is not None or rows[frame]["fx_px"] is not None
        focal_px = Pinhole.of_frame(rows[frame], fov_deg).fx_px if known else None
        values = np.asarray(network.estimate(rgb, focal_px), np.float32)
        if values.shape != rgb.shape[:2]:
            raise BadInput(
                f"scene {source.scene}, frame {frame}: expected depth of the picture's size {rgb.shape[:2]} from "
                f"{network.name}, found {values.shape}"
            )
        yield frame, depth_map(values, network.kind, source=network.name)


def _alignment(
    found: DepthMap, known: np.ndarray | None, config: DepthConfig, where: str, excluded: Counter[str]
) -> Alignment | None:
    """What makes the map depth, or None and a count of the reason."""
    if found.kind != "metric" and known is None:
        if config.depth_range_m is None and not config.arbitrary_scale:
            excluded["relative_depth"] += 1
            return None
        values = found.values[found.valid]
        if np.ptp(values) <= 1e-6 * max(float(np.abs(values).max()), 1e-6):
            excluded["constant_map"] += 1
            return None
    return resolve_depth(
        found,
        where,
        arbitrary_scale=config.arbitrary_scale,
        range_m=(config.depth_range_m[0], config.depth_range_m[1]) if config.depth_range_m else None,
        known=None if known is None else _on_map(known, found),
        align_metric=found.source != "sensor",
    ).alignment


def _on_map(known: np.ndarray, found: DepthMap) -> KnownPoints:
    """Known points, (N, 3) of shares of height and width and metres, at the map's pixels."""
    place = np.floor(known[:, :2] * found.size_hw).astype(np.int64)
    return KnownPoints(place[:, 0], place[:, 1], known[:, 2])


def _known_by_frame(config: DepthConfig, rows: list[dict[str, Any]], scene: str) -> dict[int, np.ndarray]:
    """Frame -> (N, 3): shares of height and width, metres."""
    found: dict[int, list[tuple[float, float, float]]] = {}
    for number, x, y, metres in config.known_points:
        frame = int(number)
        if not 0 <= frame < len(rows):
            raise BadInput(
                f"scene {scene}: known_points name frame {frame}, expected one of 0 to {len(rows) - 1}"
            )
        found.setdefault(frame, []).append((y / rows[frame]["height"], x / rows[frame]["width"], metres))
    return {frame: np.array(points, np.float64) for frame, points in found.items()}


def _sensor_points(
    source: FrameSource, root: str, frames: list[int], config: DepthConfig
) -> dict[int, np.ndarray]:
    """The same of the sensor's depth, a few thousand pixels of each frame."""
    points = {}
    for frame, found in sensor_maps(source.table, root, frames, config.sensor_range_m):
        rows, columns = np.nonzero(found.valid)
        step = max(1, len(rows) // _SENSOR_POINTS)
        rows, columns = rows[::step], columns[::step]
        height, width = found.size_hw
        if len(rows) > 1:
            points[frame] = np.stack(
                [(rows + 0.5) / height, (columns + 0.5) / width, found.values[rows, columns]], 1
            )
    return points
