"""sam2's own training transforms in the order of its recipe, every draw from a seed, absent objects kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from segassets.learning.clip_config import AugmentConfig, JitterConfig
from segassets.models.sam2.instantiate import prepare_sam2

prepare_sam2()

from training.dataset import transforms as sam2  # noqa: E402
from training.utils.data_utils import VideoDatapoint  # noqa: E402

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Transform = Callable[[VideoDatapoint], VideoDatapoint]


def clip_transforms(image_size: int, augment: AugmentConfig | None) -> list[Transform]:
    """From pictures and masks of any one size to normalised tensors of `image_size` squared.

    A mask that is None (its object is absent) stays None: sam2's affine transform gives up on a clip
    whose first frame holds an empty mask, but passes over a missing one.

    Args:
        augment: None for validation: resized and normalised, nothing else.
    """
    varied = augment or AugmentConfig.none()
    found: list[Any] = []
    if varied.hflip or varied.affine:
        found.append(_ShrinkFirst(image_size))
    if varied.hflip:
        found.append(sam2.RandomHorizontalFlip(consistent_transform=True, p=varied.hflip))
    if varied.affine:
        found.append(
            sam2.RandomAffine(
                degrees=varied.affine.degrees,
                shear=varied.affine.shear or None,
                scale=varied.affine.scale,
                translate=varied.affine.translate,
                image_interpolation="bilinear",
                consistent_transform=True,
                log_warning=False,
            )
        )
    found.append(sam2.RandomResizeAPI(sizes=image_size, square=True, consistent_transform=True))
    if varied.jitter:
        found.append(_jitter(varied.jitter, consistent=True))
    if varied.gray:
        found.append(sam2.RandomGrayscale(p=varied.gray, consistent_transform=True))
    if varied.frame_jitter:
        found.append(_jitter(varied.frame_jitter, consistent=False))
    return [*found, sam2.ToTensorAPI(), sam2.NormalizeAPI(mean=MEAN, std=STD)]


def _jitter(config: JitterConfig, *, consistent: bool) -> Any:
    return sam2.ColorJitter(
        consistent_transform=consistent,
        brightness=config.brightness,
        contrast=config.contrast,
        saturation=config.saturation,
        hue=config.hue,
    )


class _ShrinkFirst:
    """Shrinks large pictures to a shorter side of `image_size`, shape kept: what follows costs less."""

    def __init__(self, image_size: int) -> None:
        self.image_size = image_size

    def __call__(self, datapoint: VideoDatapoint, **_: Any) -> VideoDatapoint:
        for index, frame in enumerate(datapoint.frames):
            if min(frame.data.size) > self.image_size:
                sam2.resize(datapoint, index, self.image_size)
        return datapoint


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """Inside, Python's and torch's global generators (sam2's transforms use both) start from `seed`; outside,
    they go on as if nothing had happened."""
    state = random.getstate()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
