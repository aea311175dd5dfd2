"""Pictures as the small networks of this platform take them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from segassets.errors import BadInput
from segassets.models.spec import Precision

# Of ImageNet, as most networks are used to.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def check_picture(rgb: np.ndarray, where: str = "picture") -> None:
    """Raises BadInput when it is not (H, W, 3) uint8 with at least a pixel."""
    if rgb.ndim != 3 or rgb.shape[-1] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise BadInput(f"{where}: expected (H, W, 3) uint8 with pixels, found {rgb.shape} {rgb.dtype}")


def normalised(rgb: np.ndarray, size_hw: tuple[int, int]) -> torch.Tensor:
    """(1, 3, h, w) float32 of a picture (H, W, 3) uint8, resized."""
    picture = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255
    if tuple(picture.shape[-2:]) != size_hw:
        picture = F.interpolate(picture, size_hw, mode="bilinear", antialias=True, align_corners=False)
    return standardise(picture)


def standardise(picture: torch.Tensor) -> torch.Tensor:
    """(..., 3, h, w) of 0 to 1 -> mean 0 and deviation 1 over ordinary pictures."""
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (MEAN, STD))
    return (picture - mean) / std


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """The context a network runs in; nothing for fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, _DTYPES[precision])
