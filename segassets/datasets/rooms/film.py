"""From light to a picture: exposure, white balance, contrast, focus and sensor noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segassets.datasets.rooms.spec import RoomSpec

_F = np.float32


@dataclass(frozen=True)
class Film:
    """One camera's rendering of light."""

    target: float
    balance: np.ndarray
    contrast: float
    saturation: float
    blur: float
    noise: float
    drift: float
    gain: float = 1.0


def draw_film(spec: RoomSpec, rng: np.random.Generator) -> Film:
    """A camera's character, within the spec's colour jitter, blur and noise."""
    jitter = spec.colour_jitter
    return Film(
        target=float(0.17 * (1 + rng.uniform(-2.5, 2.5) * jitter)),
        balance=(1 + rng.uniform(-1, 1, 3) * jitter).astype(_F),
        contrast=float(1 + rng.uniform(-1.2, 1.5) * jitter),
        saturation=float(1 + rng.uniform(-2, 1.5) * jitter),
        blur=float(rng.uniform(0.2, 1.0)) if rng.random() < spec.blur else 0.0,
        noise=float(rng.uniform(*spec.noise)),
        drift=float(rng.uniform(-0.004, 0.004)),
    )


def expose_for(film: Film, light: np.ndarray) -> Film:
    """The film with the gain that brings (H, W, 3) linear light to the film's mean level."""
    mean = float(np.minimum(light[..., 1], _F(1)).astype(np.float64).mean())
    return replace(film, gain=round(film.target / max(mean, 1e-3), 3))


def develop(light: np.ndarray, film: Film, rng: np.random.Generator, frame: int) -> np.ndarray:
    """(H, W, 3) float32 linear light -> uint8; noise from rng."""
    exposed = light * (film.balance * _F(film.gain * max(1 + film.drift * frame, 0.5)))
    # Highlights roll off instead of clipping; a square root stands for the display's gamma.
    exposed = exposed * (_F(1) + exposed * _F(0.15)) / (_F(1) + exposed * _F(0.6))
    picture = np.sqrt(np.maximum(exposed, 0))
    grey = (picture[..., :1] + picture[..., 1:2] + picture[..., 2:]) / _F(3)
    picture = grey + (picture - grey) * _F(film.saturation)
    picture = _F(0.45) + (picture - _F(0.45)) * _F(film.contrast)
    if film.blur:
        picture = _soften(picture, film.blur)
    picture = picture * _F(255)
    if film.noise:
        picture = picture + rng.standard_normal(picture.shape, _F) * _F(film.noise)
    return np.clip(picture + _F(0.5), 0, 255).astype(np.uint8)


def _soften(picture: np.ndarray, share: float) -> np.ndarray:
    """Mix each pixel with its four neighbours."""
    for axis in (0, 1):
        padded = np.pad(picture, [(1, 1) if k == axis else (0, 0) for k in range(3)], mode="edge")
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -2), slice(2, None)
        beside = (padded[tuple(low)] + padded[tuple(high)]) * _F(0.5)
        picture = picture + (beside - picture) * _F(0.5 * share)
    return picture
