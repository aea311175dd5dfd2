"""Rendered clips as training samples: a pool in memory, random crops, colours and time order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

PIXEL_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
PIXEL_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@dataclass
class Clip:
    """One rendered clip. `rgb` (T, H, W, 3) uint8; `objects`, `parts` (T, H, W) uint8.

    `parts` numbers every surface of the room without gaps in meaning: the parts of objects and, where
    `objects` is 0, the walls, the floor and the ceiling (0 = unlabelled). A part belongs to one object.
    """

    rgb: np.ndarray
    objects: np.ndarray
    parts: np.ndarray


@dataclass
class ClipPool:
    """Clips found in a folder of `<seed>.npz` files; `refresh` picks up those rendered meanwhile.

    Without `with_parts`, the objects stand in the place of the parts, and take no memory there.
    """

    folder: Path
    limit: int = 100_000
    with_parts: bool = True
    clips: list[Clip] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def refresh(self) -> int:
        """Read files not yet read, in name order; returns the number of clips held."""
        for path in sorted(self.folder.glob("*.npz")):
            if path.name in self._seen or len(self.clips) >= self.limit:
                continue
            with np.load(path, allow_pickle=False) as stored:
                objects = stored["objects"]
                self.clips.append(
                    Clip(stored["rgb"], objects, stored["parts"] if self.with_parts else objects)
                )
            self._seen.add(path.name)
        return len(self.clips)


@dataclass
class Sample:
    """A crop ready for the network: `image` (T, 3, S, S) normalised, `objects` and `parts` (T, S, S)
    int64."""

    image: torch.Tensor
    objects: torch.Tensor
    parts: torch.Tensor


def draw_sample(
    pool: ClipPool, rng: np.random.Generator, frames: int, size_px: int, augment: bool = True
) -> Sample:
    """A random crop of `frames` consecutive frames (or every second one), sometimes mirrored or run
    backwards."""
    clip = pool.clips[rng.integers(len(pool.clips))]
    index = _frame_choice(len(clip.rgb), frames, rng, augment)
    height, width = clip.rgb.shape[1:3]
    side = min(height, width)
    if augment and rng.random() < 0.5:
        side = int(side * rng.uniform(0.55, 1.0))
    top = int(rng.integers(height - side + 1))
    left = int(rng.integers(width - side + 1))
    window = (slice(top, top + side), slice(left, left + side))
    image = torch.from_numpy(clip.rgb[index][:, window[0], window[1]]).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(np.stack([clip.objects[index], clip.parts[index]], axis=1))[
        :, :, window[0], window[1]
    ]
    image = F.interpolate(image, (size_px, size_px), mode="bilinear", antialias=True, align_corners=False)
    labels = F.interpolate(labels.float(), (size_px, size_px), mode="nearest-exact").long()
    if augment:
        image = recolour(image, rng)
        if rng.random() < 0.5:
            image, labels = image.flip(-1), labels.flip(-1)
    return Sample((image - PIXEL_MEAN) / PIXEL_STD, labels[:, 0], labels[:, 1])


def _frame_choice(available: int, frames: int, rng: np.random.Generator, augment: bool) -> np.ndarray:
    step = 2 if augment and available >= 2 * frames and rng.random() < 0.3 else 1
    start = int(rng.integers(available - (frames - 1) * step)) if augment else 0
    index = start + step * np.arange(frames)
    return index[::-1].copy() if augment and rng.random() < 0.4 else index


def recolour(image: torch.Tensor, rng: np.random.Generator, strength: float = 1.0) -> torch.Tensor:
    """Gain, gamma, channel balance and noise, the same for all pictures (N, 3, H, W) of 0 to 1.

    Args:
        strength: 1 for what a camera may do; less where the names of colours must still hold (never grey then).
    """
    exposure = rng.uniform(1 - 0.25 * strength, 1 + 0.25 * strength)
    gain = exposure * rng.uniform(1 - 0.08 * strength, 1 + 0.08 * strength, size=3)
    image = image.clamp(0, 1) ** rng.uniform(1 - 0.25 * strength, 1 + 0.35 * strength)
    image = image * torch.tensor(gain, dtype=torch.float32).view(3, 1, 1)
    if strength >= 1 and rng.random() < 0.06:
        image = image.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    if rng.random() < 0.3:
        noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
        image = image + rng.uniform(0.005, 0.03) * noise
    return image.clamp(0, 1)
