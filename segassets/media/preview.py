"""Small pictures for metadata and reports: thumbnails and WebP data URIs of bounded size."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

_PREFIX = "data:image/webp;base64,"
_QUALITIES = (82, 70, 55, 40)
_SMALLEST_SIDE = 48


def thumbnail(rgb: np.ndarray, max_side: int) -> np.ndarray:
    """The picture scaled so that its longer side is at most `max_side` pixels, uint8 (h, w, 3)."""
    height, width = rgb.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).resize(size, Image.Resampling.LANCZOS))


def webp_bytes(rgb: np.ndarray, quality: int = 82) -> bytes:
    """The picture as lossy WebP."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(stream, format="WEBP", quality=quality, method=4)
    return stream.getvalue()


def webp_data_uri(rgb: np.ndarray, max_bytes: int = 20_000, max_side: int = 640) -> str:
    """`data:image/webp;base64,...` of at most `max_bytes` characters.

    Quality goes down first, then the size, so that a preview of a busy picture stays as large as it can.
    """
    side = max_side
    while True:
        small = thumbnail(rgb, side)
        for quality in _QUALITIES:
            uri = _PREFIX + base64.b64encode(webp_bytes(small, quality)).decode("ascii")
            if len(uri) <= max_bytes or (side <= _SMALLEST_SIDE and quality == _QUALITIES[-1]):
                return uri
        side = max(_SMALLEST_SIDE, int(min(side, max(small.shape[:2])) * 0.8))


def resized(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture at exactly this size, uint8 (height, width, 3); shrunk, each pixel is the mean of what it covers."""
    if rgb.shape[:2] == (height, width):
        return rgb
    shrinks = rgb.shape[0] >= height and rgb.shape[1] >= width
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).resize((width, height), method))
