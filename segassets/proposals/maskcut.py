"""MaskCut: a few objects a picture from features nobody labelled, by normalised cuts (CutLER).

Where the features come from is the caller's: anything that gives a grid of them, `TokenFeatures`. Masks are cut on that
grid, brought to the picture's size along its edges, and dropped where the edges disagree. Each has a score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image
from scipy.ndimage import binary_fill_holes

from segassets.errors import BadInput
from segassets.masks import rle
from segassets.proposals.frame import FrameCandidates
from segassets.proposals.guided import Guide
from segassets.proposals.maskcut_rule import TokenMask, token_masks
from segassets.proposals.pseudo_config import MaskCutConfig

SOURCE = "maskcut"


class TokenFeatures(Protocol):
    """A picture as a grid of features that are alike where the picture shows the same thing.

    Attributes:
        description: what they are and how they were learned, as shown beside every result.
    """

    description: str

    def features(self, rgb: np.ndarray) -> np.ndarray:
        """Features float (h, w, C) of a picture uint8 (H, W, 3); token (0, 0) covers its top left corner."""
        ...


@dataclass(frozen=True)
class CutMask:
    """An object of a picture.

    Attributes:
        mask: bool (H, W).
        score: how much its tokens stand apart, times the agreement with the picture's edges; 0 to 1.
        agreement: IoU before and after refinement.
    """

    mask: np.ndarray
    score: float
    agreement: float


def maskcut(rgb: np.ndarray, source: TokenFeatures, config: MaskCutConfig | None = None) -> list[CutMask]:
    """The objects of a picture uint8 (H, W, 3), in the order they were cut; they do not overlap.

    Raises:
        BadInput: the features are no grid, or not finite.
    """
    config = config or MaskCutConfig()
    features = np.asarray(source.features(rgb))
    if features.ndim != 3 or 0 in features.shape or not np.isfinite(features).all():
        raise BadInput(f"expected finite features (h, w, C) of a picture, found shape {features.shape}")
    found = token_masks(features, config.masks, config.tau, config.max_cut, config.seed, config.max_border)
    if not found:
        return []
    small = _resized(rgb, config.working_side)
    token_px = max(small.shape[0] / features.shape[0], small.shape[1] / features.shape[1])
    guide = Guide(small, max(2, round(token_px)))
    kept: list[CutMask] = []
    earlier: list[np.ndarray] = []
    for item in found:
        refined = _refine(item, small, guide, earlier, config)
        if refined is None:
            continue
        mask, agreement = refined
        earlier.append(mask)
        full = _enlarged(mask, rgb.shape[:2])
        for other in kept:
            full &= ~other.mask
        score = item.score * agreement
        if full.any() and score >= config.min_score:
            kept.append(CutMask(full, score, agreement))
    return kept


def maskcut_candidates(rgb: np.ndarray, source: TokenFeatures, config: MaskCutConfig) -> FrameCandidates:
    """The objects of a picture as candidates: `stability` is the agreement, times `predicted_iou` it is the score."""
    found = maskcut(rgb, source, config)
    height, width = rgb.shape[:2]
    if not found:
        return FrameCandidates(height, width)
    agreement = np.array([item.agreement for item in found], np.float32)
    scores = np.array([item.score for item in found], np.float32)
    return FrameCandidates(
        height,
        width,
        rle.encode_batch(np.array([item.mask for item in found])),
        np.full(len(found), 2, np.int8),
        np.full(len(found), -1, np.int64),
        agreement,
        np.divide(scores, agreement, out=np.zeros_like(scores), where=agreement > 0),
        [SOURCE] * len(found),
    )


def _refine(
    item: TokenMask, small: np.ndarray, guide: Guide, earlier: list[np.ndarray], config: MaskCutConfig
) -> tuple[np.ndarray, float] | None:
    """The mask at the working size and its agreement with the coarse one; None where it is dropped."""
    soft = _stretched(item.mask.astype(np.float32), small.shape[:2])
    coarse = soft > 0.5
    if coarse.mean() <= config.min_area or any(_iou(coarse, mask) > config.max_overlap for mask in earlier):
        return None
    mask = binary_fill_holes(guide.fit(soft) > 0.5)
    for other in earlier:
        mask, coarse = mask & ~other, coarse & ~other
    agreement = _iou(mask, coarse)
    if agreement < config.min_agreement or mask.mean() <= config.min_area:
        return None
    return mask, agreement


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    either = int((one | other).sum())
    return float((one & other).sum() / either) if either else 0.0


def _resized(rgb: np.ndarray, side: int) -> np.ndarray:
    height, width = rgb.shape[:2]
    ratio = side / max(height, width)
    if ratio >= 1:
        return rgb
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX))


def _stretched(plane: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """A float32 plane at another size, bilinearly."""
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize((size_hw[1], size_hw[0]), Image.Resampling.BILINEAR))


def _enlarged(mask: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    return mask.copy() if mask.shape == size_hw else _stretched(mask.astype(np.float32), size_hw) > 0.5
