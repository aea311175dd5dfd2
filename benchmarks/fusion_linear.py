"""Growth of the time of fusing tracks and depth to instances with the number of frames, pictures and lifting aside."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import Figure, interleaved, seconds

if TYPE_CHECKING:
    from segassets.lifting.frame import FrameLift

SHORT, LONG, REPEATS = 100, 400, 3
HEIGHT, WIDTH, BOXES = 96, 128, 12


def lifts(frames: int) -> tuple[list[tuple[int, FrameLift]], dict[int, np.ndarray]]:
    """A walk along a wall with boxes before it, at the same pace however long; tracks end and begin every 25 frames."""
    from segassets.geometry.cameras import Pinhole
    from segassets.lifting.config import LiftConfig
    from segassets.lifting.depth import Alignment, Depth
    from segassets.lifting.frame import lift_frame
    from segassets.lifting.masks import FrameMasks

    pinhole, found, eyes = Pinhole.from_fov(HEIGHT, WIDTH), [], {}
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for frame in range(frames):
        pose = np.eye(4)
        pose[0, 3] = 0.02 * frame
        z, ids, masks = np.full((HEIGHT, WIDTH), 3.0, np.float32), [], []
        for number, (left, right) in visible_boxes(pose[0, 3], pinhole.fx_px):
            mask = np.zeros((HEIGHT, WIDTH), bool)
            mask[30:70, left:right] = True
            z[mask] = 1.5
            ids.append(1000 * number + frame // 25 + 1)
            masks.append(mask)
        depth = Depth(z, z > 0, "m", Alignment("none", 1.0, 0.0))
        lifted = lift_frame(
            rgb, depth, pinhole, LiftConfig(), masks=FrameMasks(ids, masks), camera_to_world=pose, frame=frame
        )
        found.append((frame, lifted))
        eyes[frame] = pose[:3, 3]
    return found, eyes


def visible_boxes(x_m: float, focal_px: float) -> Iterator[tuple[int, tuple[int, int]]]:
    """Number and columns of each box (40 cm wide, every 70 cm, 1.5 m away) that a camera at x sees whole."""
    for number in range(BOXES):
        start = number * 0.7 - 0.2 + np.floor(x_m / (BOXES * 0.7)) * BOXES * 0.7 - x_m
        left, right = (round(WIDTH / 2 + focal_px * (start + side) / 1.5) for side in (0.0, 0.4))
        if left >= 0 and right <= WIDTH:
            yield number, (left, right)


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    from segassets.lifting.fusion import fuse
    from segassets.lifting.instances_config import InstancesConfig

    config, up = InstancesConfig(), np.array([0.0, -1.0, 0.0])
    (short, short_eyes), (long, long_eyes) = lifts(SHORT), lifts(LONG)
    began = time.perf_counter()
    found = fuse(long, long_eyes, config, up)
    note = f"{len(found.instances)} instances of {LONG} frames, first run {time.perf_counter() - began:.2f} s"
    if not found.merged:
        raise RuntimeError("expected tracks that are merged, found none")
    less, more = interleaved(
        [
            lambda: seconds(lambda: fuse(short, short_eyes, config, up)),
            lambda: seconds(lambda: fuse(long, long_eyes, config, up)),
        ],
        REPEATS,
    )
    note = f"{more:.2f} s at {LONG} frames, {less:.2f} s at {SHORT}; {note}"
    return [Figure("fusion_linear", more / less, f"x the time of {SHORT} frames", 5, at_most=True, note=note)]
