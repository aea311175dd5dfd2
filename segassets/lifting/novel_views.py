"""A lifted scene seen from where nobody stood: the held-out frame's view, and views beside frames.

In a scene whose frames share a world, the held-out frame's view is rendered from the points of all other frames and
compared with its picture; beside the figure stands that of the nearest other picture in its place. Without a world,
each frame's own points are seen from beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segassets.datasets.frames import FrameSource
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import Gaussians, load_gaussians, logit
from segassets.geometry.points import load_points
from segassets.geometry.poses import rigid_pose, to_camera
from segassets.geometry.stored_lift import DENSE_FILE, lifted_frames, load_record, points_path
from segassets.lifting.config import RenderingConfig
from segassets.lifting.depth_maps import chosen_frames
from segassets.lifting.splat import Rendered, render
from segassets.lifting.views import beside, distance_between, fitted
from segassets.media.pictures import write_png
from segassets.media.preview import resized
from segassets.storage import atomic

VIEWS_FILE = "views.json"

Renderer = Callable[..., Rendered]


@dataclass
class ViewReport:
    """What was rendered.

    Attributes:
        views: for each the entry in `views.json`.
        psnr: of the held-out view; None where there is none.
        psnr_nearest: of the nearest other picture in its place.
        reason: why nothing was rendered; empty where something was.
    """

    views: list[dict[str, Any]] = field(default_factory=list)
    psnr: float | None = None
    psnr_nearest: float | None = None
    reason: str = ""


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two pictures (H, W, 3) uint8, in dB; 99 where they are the same."""
    error = float(np.mean((picture.astype(np.float64) - truth) ** 2))
    return 99.0 if error == 0 else min(99.0, 10 * math.log10(255**2 / error))


def shown(gaussians: Gaussians, config: RenderingConfig) -> Gaussians:
    """Untrained Gaussians as they are shown: less transparent and smaller than training begins with."""
    count = len(gaussians)
    return Gaussians(
        xyz=gaussians.xyz,
        f_dc=gaussians.f_dc,
        opacity_logit=np.broadcast_to(logit(config.opacity).astype(np.float32), count),
        log_scale=gaussians.log_scale + np.float32(math.log(config.size_factor)),
        rotation_wxyz=gaussians.rotation_wxyz,
        object_id=gaussians.object_id,
    )


def renderer_of(config: RenderingConfig) -> Renderer:
    """The function that renders: the platform's own, or gsplat's behind the same arguments."""
    if config.renderer == "cpu":
        return render
    from segassets.lifting.splat_gsplat import render_gsplat

    return render_gsplat


def write_novel_views(
    source: FrameSource, lift: Path, gaussians: Path, out: Path, config: RenderingConfig
) -> ViewReport:
    """Write `<kind>_<frame>.png` and `views.json` into `out`.

    Args:
        lift, gaussians: artifacts depth_lifts and gaussians.
    """
    report, record = ViewReport(), load_record(lift)
    frames = lifted_frames(lift)
    if not frames:
        report.reason = f"no points to see: {_words(record['excluded'])}"
    scene = _LiftedScene(
        source, lift, load_gaussians(gaussians / DENSE_FILE), frames, config, record["fov_deg"]
    )
    if record["space"] == "world":
        _world_views(scene, record["held_out_frame"], report, out)
    else:
        for at in chosen_frames(len(frames), config.frames):
            _side_views(scene, frames[at], scene.only(frames[at]), np.eye(4), report, out)
    content = {
        "space": record["space"],
        "unit": record["unit"],
        "renderer": config.renderer,
        "views": report.views,
        "psnr_held_out": report.psnr,
        "psnr_nearest": report.psnr_nearest,
        "reason": report.reason,
    }
    atomic.write_text(out / VIEWS_FILE, json.dumps(content, indent=1))
    return report


def _words(excluded: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in excluded.items()) or "no depth"


class _LiftedScene:
    """Pictures, cameras and Gaussians of a lifted scene."""

    def __init__(
        self,
        source: FrameSource,
        lift: Path,
        dense: Gaussians,
        frames: list[int],
        config: RenderingConfig,
        fov_deg: float | None,
    ) -> None:
        self.source, self.config, self.frames = source, config, frames
        self.rows = source.table.to_pylist()
        self.fov_deg = fov_deg
        self.gaussians = shown(dense, config)
        counts = [len(load_points(points_path(lift, frame))) for frame in frames]
        self.frame_of = np.repeat(np.array(frames, np.int64), counts)  # rows of points and Gaussians agree
        self.render = renderer_of(config)

    def only(self, frame: int) -> Gaussians:
        """Gaussians of a frame's points."""
        return self.gaussians.take(self.frame_of == frame)

    def without(self, frame: int) -> Gaussians:
        """Gaussians of all other frames' points."""
        return self.gaussians.take(self.frame_of != frame)

    def pinhole(self, frame: int) -> Pinhole:
        """Intrinsics of the view of a frame, at its rendered size."""
        return fitted(Pinhole.of_frame(self.rows[frame], self.fov_deg), self.config.max_side_px)

    def pose(self, frame: int) -> np.ndarray:
        """The frame's pose."""
        return rigid_pose(self.rows[frame]["camera_to_world"], f"scene {self.source.scene}, frame {frame}")

    def picture(self, frame: int) -> np.ndarray:
        """The frame's picture at its rendered size."""
        pinhole = self.pinhole(frame)
        return resized(self.source.read(frame), pinhole.height, pinhole.width)


def _world_views(scene: _LiftedScene, held_out: int | None, report: ViewReport, out: Path) -> None:
    """The held-out view beside its picture, and views beside it of all points."""
    posed = [row["frame"] for row in scene.rows]
    middle = held_out if held_out is not None else (scene.frames or posed)[len(scene.frames) // 2]
    if len(scene.gaussians) == 0:
        return
    pose = scene.pose(middle)
    if held_out is not None:
        truth = scene.picture(held_out)
        scale = _median_depth(scene.gaussians, pose)
        others = [frame for frame in posed if frame != held_out]
        nearest = min(others, key=lambda frame: distance_between(pose, scene.pose(frame), scale))
        seen = _save(scene, scene.without(held_out), held_out, pose, "held_out", report, out)
        same_size = scene.picture(nearest).shape == truth.shape
        report.psnr = round(psnr(seen.rgb, truth), 2)
        report.psnr_nearest = round(psnr(scene.picture(nearest), truth), 2) if same_size else None
        report.views[-1] |= {"psnr": report.psnr, "nearest_frame": nearest}
        _save_picture(out, f"picture_{held_out:06d}.png", truth)
        report.views[-1]["picture"] = f"picture_{held_out:06d}.png"
    _side_views(scene, middle, scene.gaussians, pose, report, out)


def _side_views(
    scene: _LiftedScene, frame: int, gaussians: Gaussians, pose: np.ndarray, report: ViewReport, out: Path
) -> None:
    """Views from the left, from the right and from above."""
    distance, turn = _median_depth(gaussians, pose), scene.config.orbit_deg
    for kind, right, up in (("left", -turn, 0.0), ("right", turn, 0.0), ("above", 0.0, turn)):
        _save(scene, gaussians, frame, beside(pose, distance, right, up), kind, report, out)


def _median_depth(gaussians: Gaussians, pose: np.ndarray) -> float:
    """Median depth of what lies in front of a camera."""
    z = to_camera(gaussians.xyz[:: max(1, len(gaussians) // 20_000)], pose)[:, 2]
    return float(np.median(z[z > 0])) if (z > 0).any() else 1.0


def _save(
    scene: _LiftedScene,
    gaussians: Gaussians,
    frame: int,
    pose: np.ndarray,
    kind: str,
    report: ViewReport,
    out: Path,
) -> Rendered:
    """Render a view, write it and note it."""
    pinhole = scene.pinhole(frame)
    near = 0.01 * _median_depth(gaussians, pose)
    seen = scene.render(gaussians, pinhole, pose, near=near)
    name = f"{kind}_{frame:06d}.png"
    _save_picture(out, name, seen.rgb)
    report.views.append(
        {
            "kind": kind,
            "frame": frame,
            "file": name,
            "covered": round(float((seen.opacity > 0.5).mean()), 4),
            "camera_to_world": [float(number) for number in pose.reshape(-1)],
            **pinhole.to_dict(),
        }
    )
    return seen


def _save_picture(out: Path, name: str, picture: np.ndarray) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_png(out / name, picture)
