"""Instances to look at: outlined on a frame, or their points from above; colours and numbers are their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.datasets.frames import FrameSource
from segassets.lifting.stored_instances import StoredInstances
from segassets.masks import rle
from segassets.media.draw import colour_of, draw_instances

_MARGIN = 0.06
_DOT_PX = 1.5  # a point's size where the whole scene is 300 pixels wide


def instance_masks(
    masks: pa.Table, rows: Sequence[dict[str, Any]], frame: int
) -> list[tuple[int, np.ndarray]]:
    """(instance_id, mask bool (H, W)) of the instances seen on a frame, masks of their tracks united.

    Args:
        masks: schema MASKS; where no row has a track, `mask_id` stands for it.
        rows: of the instances.
    """
    own = masks.filter(pc.equal(masks.column("frame"), frame)).to_pylist()
    found = []
    for row in rows:
        tracks = set(row["track_ids"])
        parts = [item for item in own if (item["track_id"] or item["mask_id"]) in tracks]
        if parts:
            height, width = parts[0]["height"], parts[0]["width"]
            union = rle.union([item["rle_counts"] for item in parts], height, width)
            found.append((row["instance_id"], rle.decode(union, height, width)))
    return found


def instances_on_frame(
    source: FrameSource, stored: StoredInstances, masks: pa.Table
) -> tuple[int, np.ndarray]:
    """The frame that shows most instances, and its picture with them outlined and numbered."""
    counts: dict[int, int] = {}
    for row in stored.rows:
        for frame in row["views"]:
            counts[frame] = counts.get(frame, 0) + 1
    frame = max(counts, key=lambda at: (counts[at], -at))
    rgb = source.read(frame)
    shown = [row for row in stored.rows if frame in row["views"]]
    return frame, draw_instances(rgb, instance_masks(masks, shown, frame))


def instances_from_above(
    stored: StoredInstances, size_px: int, chosen: Sequence[int] | None = None
) -> np.ndarray | None:
    """All points seen along the world's up, uint8 (size, size, 3); None where instances share no space.

    The view is turned so that the world's first horizontal axis points right.

    Args:
        chosen: ids of instances to show in colour, the others in grey; all when not given.
    """
    from PIL import Image, ImageDraw

    up = stored.facts["up"]
    rows = [row for row in stored.rows if row["points_uri"]]
    if up is None or not rows or rows[0]["space"] != "world":
        return None
    right, forward = plan_axes(np.array(up))
    plan = np.stack([right, -forward], 1)
    clouds = [(row, stored.points(row)) for row in rows]
    flat = [(row, cloud.xyz @ plan, cloud.xyz @ np.array(up)) for row, cloud in clouds if cloud is not None]
    low = np.min([points.min(0) for _, points, _ in flat], axis=0)
    high = np.max([points.max(0) for _, points, _ in flat], axis=0)
    scale = size_px * (1 - 2 * _MARGIN) / max(float((high - low).max()), 1e-6)
    offset = size_px / 2 - (low + high) / 2 * scale
    canvas = Image.new("RGB", (size_px, size_px), (250, 250, 250))
    pen = ImageDraw.Draw(canvas)
    # what was chosen lies on top
    order = sorted(flat, key=lambda item: (_is_in(item[0], chosen), float(np.median(item[2]))))
    for row, points, height in order:
        lit = chosen is None or _is_in(row, chosen)
        colour = colour_of(row["instance_id"]) if lit else (205, 205, 205)
        radius = _DOT_PX * size_px / 300 * (2 if lit and chosen is not None else 1)
        for x, y in (points[np.argsort(height)] * scale + offset).tolist():
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    for row, points, _ in flat:
        if chosen is None or _is_in(row, chosen):
            x, y = (points.mean(0) * scale + offset).tolist()
            _write(pen, x, y, str(row["instance_id"]))
    return np.asarray(canvas)


def _is_in(row: dict[str, Any], chosen: Sequence[int] | None) -> bool:
    return chosen is not None and row["instance_id"] in chosen


def plan_axes(up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two horizontal unit vectors, right and forward, of a world whose up is (3,): right-handed seen from above."""
    first = np.eye(3)[int(np.argmin(np.abs(up)))]
    right = first - (first @ up) * up
    right /= np.linalg.norm(right)
    return right, np.cross(up, right)


def _write(pen: Any, x: float, y: float, text: str) -> None:
    left, top, right, bottom = pen.textbbox((x, y), text, anchor="mm")
    pen.rectangle((left - 2, top - 1, right + 2, bottom + 1), fill=(24, 26, 30))
    pen.text((x, y), text, (255, 255, 255), anchor="mm")
