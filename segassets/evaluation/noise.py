"""Prompts as a hurried person gives them: boxes moved, resized and turned, masks grown and shrunk, clicks displaced.

`intensity` is a share of the object's size. Nothing disturbed ever leaves the frame or becomes empty.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

Box = tuple[float, float, float, float]


def radius_px(mask: np.ndarray) -> float:
    """Radius of the disc of as many pixels as the mask (H, W) has."""
    return float(np.sqrt(np.count_nonzero(mask) / np.pi))


def noisy_box(box: Box, kind: str, intensity: float, shape: tuple[int, ...], rng: np.random.Generator) -> Box:
    """A half-open box (x0, y0, x1, y1) in pixels, disturbed.

    Args:
        kind: shift (of the centre, by up to intensity x width and height), scale (of width and height, by a factor
            within 1 +- intensity), shift_scale, or rotate (by up to intensity x 90 degrees; the box around the
            turned one).
        shape: (height, width) of the frame.
    """
    x0, y0, x1, y1 = box
    centre = np.array([x0 + x1, y0 + y1]) / 2
    size = np.array([x1 - x0, y1 - y0], float)
    if kind in ("shift", "shift_scale"):
        centre = centre + rng.uniform(-intensity, intensity, 2) * size
    if kind in ("scale", "shift_scale"):
        size = size * (1 + rng.uniform(-intensity, intensity, 2))
    if kind == "rotate":
        angle = rng.uniform(-intensity, intensity) * np.pi / 2
        cosine, sine = abs(np.cos(angle)), abs(np.sin(angle))
        size = np.array([cosine * size[0] + sine * size[1], sine * size[0] + cosine * size[1]])
    limit = np.array([shape[1], shape[0]], float)
    low = np.clip(centre - size / 2, 0, limit - 1)
    high = np.clip(centre + size / 2, low + 1, limit)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def noisy_mask(mask: np.ndarray, kind: str, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """A mask (H, W) that is not empty, grown or shrunk by up to intensity x its radius; at least one pixel stays.

    Args:
        kind: dilate, erode, or either (drawn).
    """
    if kind == "either":
        kind = str(rng.choice(["dilate", "erode"]))
    distance = rng.uniform(0, 1) * intensity * radius_px(mask)
    if distance < 1:  # less than one pixel changes nothing
        distance = float(intensity > 0 and intensity * radius_px(mask) >= 1)
    if not distance:
        return mask
    if kind == "dilate":
        return distance_transform_edt(~mask) <= distance
    smaller = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] > distance
    return smaller if smaller.any() else mask


def noisy_points(
    points: np.ndarray, mask: np.ndarray, intensity: float, rng: np.random.Generator
) -> np.ndarray:
    """Clicks (P, 2) in pixels, each moved by up to intensity x the mask's radius along x and y; kept in the frame."""
    moved = points + rng.uniform(-intensity, intensity, points.shape) * radius_px(mask)
    return np.clip(moved, 0, np.array([mask.shape[1] - 1, mask.shape[0] - 1], float))
