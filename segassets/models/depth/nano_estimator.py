"""The nano depth network as a depth estimator: pictures of any size, in metres."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from segassets.errors import BadInput
from segassets.models.depth.nano import NanoDepth, log_focal, ray_map
from segassets.models.pictures import autocast, check_picture, normalised
from segassets.models.small_network import small_network
from segassets.models.spec import DepthKind, ModelSpec, Precision

MULTIPLE = 32
ASSUMED_FOV_DEG = 65.0  # of the longer side, where no focal length is given


class NanoDepthEstimator:
    """Metric depth; see segassets.models.protocols.DepthEstimator.

    Args:
        size_px: the network sees pictures of about this side squared, their proportions kept.
    """

    kind: DepthKind = "metric"

    def __init__(self, network: NanoDepth, name: str, size_px: int, precision: Precision = "fp32") -> None:
        self.network, self.name, self.size_px, self.precision = network, name, size_px, precision

    @classmethod
    def of(cls, spec: ModelSpec, device: str, precision: Precision) -> NanoDepthEstimator:
        """The estimator of a model's weights, or of random values."""
        return cls(small_network(NanoDepth, spec, device), spec.name, spec.image_size, precision)

    @torch.no_grad()
    def estimate(self, rgb: np.ndarray, focal_px: float | None = None) -> np.ndarray:
        """(H, W) float32 metres along the optical axis; arguments and errors as in DepthEstimator.

        The principal point is taken to be the picture's middle, pixels to be square.
        """
        check_picture(rgb)
        height, width = rgb.shape[:2]
        if focal_px is None:
            focal_px = max(height, width) / 2 / math.tan(math.radians(ASSUMED_FOV_DEG) / 2)
        elif not (math.isfinite(focal_px) and focal_px > 0):
            raise BadInput(f"focal_px: expected a positive number, found {focal_px}")
        inner_h, inner_w = inner_size(height, width, self.size_px)
        device = next(self.network.parameters()).device
        picture = normalised(rgb, (inner_h, inner_w)).to(device)
        focal = torch.tensor([focal_px * math.sqrt(inner_h * inner_w / (height * width))])
        centre = torch.tensor([[inner_w / 2, inner_h / 2]])
        rays = ray_map(inner_h, inner_w, focal, centre).to(device)
        with autocast(device, self.precision):
            ratio = self.network(picture, rays)
        depth = torch.exp(ratio + log_focal(focal).to(device))
        full = F.interpolate(depth, (height, width), mode="bilinear", align_corners=False)
        return full[0, 0].float().cpu().numpy()


def inner_size(height: int, width: int, size_px: int) -> tuple[int, int]:
    """(height, width) the network sees: multiples of 32, about `size_px` squared, near the picture's proportions."""
    scale = size_px / math.sqrt(height * width)
    sides: Sequence[int] = [
        max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (height, width)
    ]
    return sides[0], sides[1]
