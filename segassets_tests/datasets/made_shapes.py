"""Moving shapes with their exact label maps: the footage of every miniature dataset the tests make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZE_HW = (64, 80)


def shapes(frame: int, objects: int = 3, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """Label map (H, W) uint8: 0 background, 1..objects ellipses that drift to the right, one row each.

    The last object is hidden on every fifth frame (frames 4, 9, ...) when there are at least two.
    """
    height, width = size_hw
    rows, columns = np.mgrid[:height, :width]
    labels = np.zeros(size_hw, np.uint8)
    for number in range(1, objects + 1):
        if number == objects > 1 and frame % 5 == 4:
            continue
        radius = height / (2.4 * objects)
        y = height * (number - 0.5) / objects
        x = (width * (0.25 + 0.11 * number) + 2 * frame) % width
        labels[((rows - y) / radius) ** 2 + ((columns - x) / (radius * 1.5)) ** 2 <= 1] = number
    return labels


def picture(labels: np.ndarray, frame: int = 0) -> np.ndarray:
    """RGB (H, W, 3) uint8 of a label map: a colour per object over a gradient, with a little grain."""
    height, width = labels.shape
    rng = np.random.default_rng(frame)
    rgb = np.zeros((height, width, 3), np.float64)
    rgb[..., 0] = np.linspace(20, 70, width)[None]
    rgb[..., 1] = np.linspace(20, 70, height)[:, None]
    rgb[..., 2] = 45
    for number in np.unique(labels[labels > 0]).tolist():
        colour = np.array([97 * number % 200 + 55, 151 * number % 200 + 55, 211 * number % 200 + 55])
        rgb[labels == number] = colour
    return np.clip(rgb + rng.normal(0, 4, rgb.shape), 0, 255).astype(np.uint8)


def write_picture(path: Path, array: np.ndarray) -> None:
    """RGB or labels, in the format of the name's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
