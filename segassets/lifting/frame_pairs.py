"""Do the frames of a lifted scene fit each other? Neighbours may agree by being alike; frames farther apart tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from segassets.geometry.cameras import Pinhole
from segassets.geometry.points import PointCloud
from segassets.geometry.poses import rigid_pose
from segassets.lifting.agreement import agreement
from segassets.lifting.depth import Depth

FEW_POINTS = 200  # from which pairs of frames say something
_PAIRS = 3
_EVERY = 5  # of a frame's points that are looked at


def scene_agreement(
    frames: Sequence[Mapping[str, Any]],
    clouds: Mapping[int, PointCloud],
    depth_of: Callable[[int], Depth],
    fov_deg: float | None,
) -> tuple[float | None, int]:
    """Share of points that lie on what another frame measures, and how many were looked at; None where none overlap.

    Pairs of neighbours, and pairs a third of the scene apart; the lower of the two shares.

    Args:
        frames: rows of the frames table, all with a pose.
        clouds: world points of frames, in metres.
    """
    order = sorted(clouds)
    found = []
    for gap in {1, max(1, len(order) // 3)}:
        starts = (
            np.unique(np.linspace(0, len(order) - 1 - gap, _PAIRS).astype(int)) if len(order) > gap else ()
        )
        points, fitting = 0, 0.0
        for first, second in ((order[at], order[at + gap]) for at in starts):
            depth, row = depth_of(second), frames[second]
            pinhole = Pinhole.of_frame(row, fov_deg).scaled(*depth.size_hw)
            pose = rigid_pose(row["camera_to_world"], f"scene {row['scene']}, frame {second}")
            seen = agreement(clouds[first].xyz[::_EVERY], depth, pinhole, pose)
            if seen.points:
                points, fitting = points + seen.points, fitting + seen.share * seen.points
        if points >= FEW_POINTS:
            found.append((round(fitting / points, 4), points))
    return min(found, default=(None, 0), key=lambda item: item[0] if item[0] is not None else 2)
