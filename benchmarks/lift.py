"""Lifting a picture (depth to points to Gaussians, masks decoded) against initialising its points with a KD-tree."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measure import Figure, interleaved, seconds

HEIGHT, WIDTH, MASKS = 480, 640, 7
REPEATS = 9


def make_picture() -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """Colours, metric depth (a slanted room with boxes, a sensor's noise) and rows of overlapping masks."""
    from segassets.masks import rle

    rng = np.random.default_rng(0)
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    floor = 1.4 * 500 / np.maximum(v - 200, 1)
    z = np.minimum(np.minimum(floor, 4.0 + 0.002 * u), 6.0)
    rows = []
    for number in range(1, MASKS + 1):
        top, left = int(rng.integers(40, 300)), int(rng.integers(20, 480))
        mask = (((v - top - 70) / 70) ** 2 + ((u - left - 70) / 70) ** 2) < 1
        z[mask] = rng.uniform(1.2, 2.5) + 0.001 * (v[mask] - top)
        rows.append({"mask_id": number, "rle_counts": rle.encode(mask), "height": HEIGHT, "width": WIDTH})
    z *= 1 + rng.normal(0, 0.0005, z.shape)
    rgb = rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    return rgb, z.astype(np.float32), rows


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    from scipy.spatial import cKDTree

    from segassets.geometry.cameras import Pinhole
    from segassets.lifting.config import LiftConfig
    from segassets.lifting.depth import depth_map
    from segassets.lifting.frame import FrameLift, lift_frame
    from segassets.lifting.masks import FrameMasks
    from segassets.lifting.resolve import resolve_depth

    rgb, values, rows = make_picture()
    pinhole, config = Pinhole.from_fov(HEIGHT, WIDTH), LiftConfig()

    def ours() -> FrameLift:
        depth = resolve_depth(depth_map(values, "metric"), "picture")
        return lift_frame(
            rgb, depth, pinhole, config, masks=FrameMasks.of_rows(rows), camera_to_world=np.eye(4)
        )

    lifted = ours()

    def theirs() -> np.ndarray:
        distance, _ = cKDTree(lifted.cloud.xyz).query(lifted.cloud.xyz, k=4)
        mean = np.maximum((distance[:, 1:] ** 2).mean(1), 1e-7)
        return np.repeat(np.log(np.sqrt(mean))[:, None], 3, axis=1)

    medians = [float(np.exp(np.median(scale))) for scale in (lifted.gaussians.log_scale, theirs())]
    off = abs(medians[0] / medians[1] - 1)
    if off > 0.05 or len(lifted.points_of) != MASKS:
        raise RuntimeError(
            f"expected median scales within 5 % and {MASKS} masks, found {medians}, {lifted.excluded}"
        )
    mine, tree = interleaved([lambda: seconds(ours), lambda: seconds(theirs)], REPEATS)
    note = (
        f"{mine * 1000:.0f} ms against {tree * 1000:.0f} ms for {len(lifted.cloud)} points and {MASKS} masks; "
        f"median scales differ by {off:.2%}"
    )
    return [Figure("lift", tree / mine, "x a KD-tree", 10, note=note)]
