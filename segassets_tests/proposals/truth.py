"""A small world for tests of proposals: nested rectangles and a segmenter that knows the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from segassets.masks import rle
from segassets.proposals.frame import FrameCandidates

HEIGHT, WIDTH = 96, 128

# (top, bottom, left, right): a cupboard with two doors, one with a window and a handle; a ball beside it
WHOLES = {"cupboard": (8, 72, 16, 80), "ball": (56, 80, 96, 120)}
PARTS = {"left door": (12, 68, 18, 46), "right door": (12, 68, 50, 78)}
SUB_PARTS = {"window": (16, 32, 22, 42), "handle": (44, 52, 38, 46)}


def box_mask(box: tuple[int, int, int, int], height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A rectangle as a bool mask."""
    mask = np.zeros((height, width), bool)
    mask[box[0] : box[1], box[2] : box[3]] = True
    return mask


def picture(seed: int = 0) -> np.ndarray:
    """The world as a picture (96, 128, 3)."""
    rgb = np.random.default_rng(seed).integers(0, 60, (HEIGHT, WIDTH, 3), np.uint8)
    for number, box in enumerate([*WHOLES.values(), *PARTS.values(), *SUB_PARTS.values()]):
        rgb[box_mask(box)] += np.uint8(30 + 25 * number)
    return rgb


class TruthSegmenter:
    """Answers a point with the smallest, the middle and the largest thing under it, else with the ground.

    Counts encoded pictures and decoded points.
    """

    def __init__(self, stability_logit: float = 8.0, predicted_iou: float = 0.9, scale: float = 0.5) -> None:
        self.stability_logit, self.predicted_iou, self.scale = stability_logit, predicted_iou, scale
        self.encoded = 0
        self.points: list[tuple[float, float]] = []
        self.largest_batch = 0

    def encode(self, rgb: np.ndarray) -> tuple[int, int]:
        self.encoded += 1
        return rgb.shape[0], rgb.shape[1]

    def predict(
        self,
        encoded: tuple[int, int],
        points_xy: Any = None,
        labels: Any = None,
        boxes_xyxy: Any = None,
        mask_logits: Any = None,
        multimask: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        points = np.asarray(points_xy)
        self.largest_batch = max(self.largest_batch, len(points))
        self.points += [tuple(point) for point in points[:, 0].tolist()]
        answers = torch.from_numpy(np.stack([self._answers(x, y) for x, y in points[:, 0]])).float()
        size = [max(1, round(side * self.scale)) for side in encoded]
        logits = (F.interpolate(answers, size, mode="area") * 2 - 1) * self.stability_logit
        return logits, torch.full(logits.shape[:2], self.predicted_iou)

    def _answers(self, x: float, y: float) -> np.ndarray:
        things = [box_mask(box) for boxes in (SUB_PARTS, PARTS, WHOLES) for box in boxes.values()]
        ground = ~np.any([box_mask(box) for box in WHOLES.values()], axis=0)
        hit = [thing for thing in things if thing[int(y), int(x)]] or [ground]
        return np.stack([hit[0], hit[len(hit) // 2], hit[-1]])


class Pictures:
    """A FrameSource over pictures in memory."""

    def __init__(self, pictures: list[np.ndarray], unreadable: int = -1) -> None:
        self.pictures, self.unreadable = pictures, unreadable
        self.decoded: list[int] = []

    def __len__(self) -> int:
        return len(self.pictures)

    def source_frame(self, frame: int) -> int:
        return 10 * frame

    def iterate(self, indices: Iterable[int] | None = None) -> Iterator[tuple[int, np.ndarray]]:
        from segassets.errors import BadInput

        for frame in range(len(self)) if indices is None else indices:
            if frame == self.unreadable:
                raise BadInput(f"scene s, frame {frame}: cannot read {frame:06d}.png")
            self.decoded.append(frame)
            yield frame, self.pictures[frame]


def candidates_of(
    masks: list[np.ndarray],
    levels: list[int],
    parents: list[int] | None = None,
    stability: list[float] | None = None,
    predicted_iou: list[float] | None = None,
) -> FrameCandidates:
    """Candidates of one picture from bool masks."""
    number = len(masks)
    height, width = masks[0].shape if masks else (HEIGHT, WIDTH)
    return FrameCandidates(
        height,
        width,
        [rle.encode(mask) for mask in masks],
        np.array(levels, np.int8),
        np.array(parents if parents is not None else [-1] * number, np.int64),
        np.array(stability if stability is not None else [0.9] * number, np.float32),
        np.array(predicted_iou if predicted_iou is not None else [0.8] * number, np.float32),
        ["candidate"] * number,
    )
