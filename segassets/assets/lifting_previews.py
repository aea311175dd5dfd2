"""The pictures that the UI shows of lifted scenes: coloured depth, points and Gaussians from beside the camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    from segassets.datasets.frames import FrameSource

_CELL_PX = 240
_SEEN_PX = 256  # larger render sets cost seconds to look at, and look the same here
_FROM = {"left": "from the left", "right": "from the right", "above": "from above"}


def depth_preview(source: FrameSource, folder: Path) -> np.ndarray | None:
    """First, middle and last frame with depth: the picture above its depth, RGB uint8; None without maps."""
    import numpy as np

    from segassets.lifting.stored_depth import load_depth, load_map, load_rows
    from segassets.media.depth_colours import depth_bounds, depth_picture
    from segassets.media.draw import contact_sheet
    from segassets.media.preview import thumbnail
    from segassets.reports.sampling import spaced

    rows = load_rows(folder)
    frames = [sorted(rows)[at] for at in spaced(len(rows), 3)]
    if not frames:
        return None
    pictures = [thumbnail(rgb, _CELL_PX) for _, rgb in source.iterate(frames)]
    labels = [f"frame {frame}" for frame in frames]
    for frame in frames:
        depth = load_depth(folder, rows[frame])
        if depth is not None and depth.valid.any():
            near, far = depth_bounds(depth.z, depth.valid)
            pictures.append(thumbnail(depth_picture(depth.z, depth.valid), _CELL_PX))
            labels.append(f"{near:.2f} to {far:.2f} {'m' if depth.unit == 'm' else '(no unit)'}")
        else:
            found = load_map(folder, rows[frame])
            nearness = found.values - found.values[found.valid].min()
            z = 1 / (np.maximum(nearness, 0) / max(float(nearness[found.valid].max()), 1e-6) + 0.05)
            pictures.append(thumbnail(depth_picture(z, found.valid), _CELL_PX))
            labels.append(found.kind.replace("_", " "))
    return contact_sheet(pictures, columns=len(frames), labels=labels, cell_px=_CELL_PX)


def points_preview(frames: pa.Table, lift: Path) -> np.ndarray | None:
    """Points from beside a frame, in their colours and in those of their masks; None without points."""
    from segassets.lifting.looks import look_at_points

    return _sheet(look_at_points(frames, lift))


def gaussians_preview(frames: pa.Table, lift: Path, folder: Path) -> np.ndarray | None:
    """Gaussians from beside a frame, dense and one for each object; None without any."""
    from segassets.lifting.looks import look_at_gaussians

    return _sheet(look_at_gaussians(frames, lift, folder))


def sets_preview(folder: Path, sides: Sequence[int]) -> np.ndarray | None:
    """The small resolutions from one of their cameras; None where Gaussians are of several frames' own axes."""
    from segassets.lifting.looks import look_at_render_sets

    small = [side for side in sides if side <= _SEEN_PX] or [min(sides)]
    return _sheet(look_at_render_sets(folder, small))


def views_preview(folder: Path, views: list[dict]) -> np.ndarray | None:
    """The held-out picture beside its rendering, and the views beside a frame; None without any."""
    from segassets.media.pictures import read_picture

    named = []
    for view in views[:4]:
        if "picture" in view:
            named.append((f"frame {view['frame']}", read_picture(folder / view["picture"])))
        words = f"rendered, PSNR {view['psnr']}" if "psnr" in view else _FROM[view["kind"]]
        named.append((words, read_picture(folder / view["file"])))
    return _sheet(named)


def _sheet(named: list[tuple[str, np.ndarray]]) -> np.ndarray | None:
    from segassets.media.draw import contact_sheet
    from segassets.media.preview import thumbnail

    if not named:
        return None
    pictures = [thumbnail(picture, _CELL_PX) for _, picture in named]
    return contact_sheet(pictures, columns=3, labels=[label for label, _ in named], cell_px=_CELL_PX)
