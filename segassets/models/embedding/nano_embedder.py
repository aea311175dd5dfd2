"""The nano embedder behind the protocol: crops of any sizes in batches, texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from segassets.models.embedding.nano import NanoClip
from segassets.models.embedding.vocabulary import padded
from segassets.models.pictures import autocast, check_picture
from segassets.models.small_network import small_network
from segassets.models.spec import ModelSpec, Precision

BATCH = 64


class NanoEmbedder:
    """See segassets.models.protocols.Embedder.

    Args:
        size_px: side of the square the network sees.
    """

    dim = 512

    def __init__(self, network: NanoClip, name: str, size_px: int, precision: Precision = "fp32") -> None:
        self.network, self.name, self.size_px, self.precision = network, name, size_px, precision

    @classmethod
    def of(cls, spec: ModelSpec, device: str, precision: Precision) -> NanoEmbedder:
        """The embedder of a model's weights, or of random values."""
        return cls(small_network(NanoClip, spec, device), spec.name, spec.image_size, precision)

    @torch.no_grad()
    def embed_pictures(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """(N, 512) float32, rows of length 1; pictures are padded with black to squares."""
        device = self.network.log_sharpness.device
        for number, picture in enumerate(pictures):
            check_picture(picture, f"picture {number}")
        rows = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(pictures), BATCH):
            crops = [square_picture(picture, self.size_px) for picture in pictures[start : start + BATCH]]
            with autocast(device, self.precision):
                rows.append(self.network.see(torch.cat(crops).to(device)).cpu().numpy())
        return np.concatenate(rows)

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """(N, 512) float32, rows of length 1; see vocabulary for what it knows."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        device = self.network.log_sharpness.device
        return self.network.read(torch.tensor(padded(texts), device=device)).cpu().numpy()


def square_picture(picture: np.ndarray, size_px: int) -> torch.Tensor:
    """(1, 3, size, size) of 0 to 1: a picture (h, w, 3) uint8 padded with black to a square, resized."""
    height, width = picture.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    colours = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
    colours = F.pad(colours, (left, side - width - left, top, side - height - top))
    if side == size_px:
        return colours
    size = (size_px, size_px)
    return F.interpolate(colours, size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)
