"""From an object's true mask to what a model is shown of it: clicks, a box or a mask, exact or noisy, by a seed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from segassets.errors import BadInput
from segassets.evaluation.noise import Box, noisy_box, noisy_mask, noisy_points
from segassets.evaluation.prompts import EvalPrompts
from segassets.evaluation.trivial import box_xyxy, centre_most

_OPENING_PX = 5


@dataclass(frozen=True)
class Prompt:
    """What is shown of one object on one frame.

    Attributes:
        kind: point, box or mask.
        points_xy: clicks (P, 2) float32 in pixels; with a box only those outside the object.
        labels: (P,) int32, 1 = inside, 0 = outside.
        box_xyxy: half-open, in pixels.
        mask: boolean (H, W).
    """

    kind: str
    points_xy: np.ndarray
    labels: np.ndarray
    box_xyxy: Box | None = None
    mask: np.ndarray | None = None

    @property
    def group(self) -> tuple[str, int]:
        """Prompts of one group can be given to the network together."""
        return self.kind, len(self.points_xy)


def seeded(seed: int, scene: str, frame: int, object_id: int) -> np.random.Generator:
    """Random numbers of one prompt, whatever was evaluated before it."""
    return np.random.default_rng([seed, zlib.crc32(scene.encode()), frame, object_id & 0xFFFFFFFF])


def make_prompt(mask: np.ndarray, config: EvalPrompts, rng: np.random.Generator) -> Prompt:
    """The prompt for an object.

    Args:
        mask: its true mask on this frame, boolean (H, W).

    Raises:
        BadInput: the mask is empty.
    """
    if not mask.any():
        raise BadInput("expected a mask with at least one pixel to prompt from, found an empty one")
    kind = str(rng.choice(config.mixed)) if config.type == "mixed" else config.type
    nothing = np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
    if kind == "mask":
        shown = noisy_mask(mask, config.mask_noise, config.noise_intensity, rng) if config.noisy else mask
        return Prompt("mask", *nothing, mask=shown)
    outside = negative_points(mask, config.num_negative_points, rng)
    if kind == "box":
        x0, y0, x1, y1 = box_xyxy(mask)
        box: Box = (float(x0), float(y0), float(x1), float(y1))
        if config.noisy:
            box = noisy_box(box, config.box_noise, config.noise_intensity, mask.shape, rng)
        return Prompt("box", outside.astype(np.float32), np.zeros(len(outside), np.int32), box_xyxy=box)
    inside = positive_points(mask, config, rng)
    if config.noisy:
        inside = noisy_points(inside, mask, config.noise_intensity, rng)
    labels = np.repeat(np.array([1, 0], np.int32), [len(inside), len(outside)])
    return Prompt("point", np.concatenate([inside, outside]).astype(np.float32), labels)


def positive_points(mask: np.ndarray, config: EvalPrompts, rng: np.random.Generator) -> np.ndarray:
    """Pixels (P, 2) x, y of the object: a grid where one is asked for (the centre where it misses the object), else
    the centre-most and random ones."""
    centre = np.array([centre_most(mask)], float)
    if config.grid_spacing_px is not None:
        on_grid = grid_points(mask, config.grid_spacing_px)
        return on_grid if len(on_grid) else centre
    drawn = _draw(mask, config.num_points - config.include_center, rng)
    return np.concatenate([centre, drawn]) if config.include_center else drawn


def grid_points(mask: np.ndarray, spacing_px: int) -> np.ndarray:
    """Pixels (P, 2) x, y of the object on a grid that covers the frame evenly."""
    starts = [(side - 1) % spacing_px // 2 for side in mask.shape]
    rows, columns = (
        np.arange(first, side, spacing_px) for first, side in zip(starts, mask.shape, strict=True)
    )
    y, x = np.nonzero(mask[np.ix_(rows, columns)])
    return np.stack([columns[x], rows[y]], 1).astype(float)


def negative_points(mask: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Pixels (P, 2) x, y outside the object, within its box grown by half its size; none where it fills the frame."""
    if not count:
        return np.zeros((0, 2))
    x0, y0, x1, y1 = box_xyxy(mask)
    grow_x, grow_y = (x1 - x0 + 1) // 2, (y1 - y0 + 1) // 2
    near = np.zeros_like(mask)
    near[max(0, y0 - grow_y) : y1 + grow_y, max(0, x0 - grow_x) : x1 + grow_x] = True
    near &= ~mask
    return _draw(near if near.any() else ~mask, count, rng)


def split_components(mask: np.ndarray) -> list[np.ndarray]:
    """The objects of a category's mask: connected components after an opening with a 5 x 5 ellipse.

    A mask that the opening would empty is not opened: thin things are still prompted.
    """
    import cv2

    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_OPENING_PX, _OPENING_PX))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, ellipse).astype(bool)
    parts, count = label(opened if opened.any() else mask, np.ones((3, 3)))
    return [parts == number for number in range(1, count + 1)]


def _draw(mask: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random pixels (count, 2) x, y of a mask, different ones as long as it has enough; none of an empty mask."""
    rows, columns = np.nonzero(mask)
    if not len(rows) or count < 1:
        return np.zeros((0, 2))
    at = rng.choice(len(rows), count, replace=len(rows) < count)
    return np.stack([columns[at], rows[at]], 1).astype(float)
