"""MaskCut: a few objects a picture from features nobody labelled, by normalised cuts (CutLER).

Where the features come from is the caller's: anything that gives a grid of them, `TokenFeatures`. Masks are cut on that
grid, brought to the picture's size along its edges, and dropped where the edges disagree. Each has a score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from PIL import Image
from pydantic import Field
from scipy.ndimage import binary_fill_holes

from segassets.errors import BadInput
from segassets.masks import rle
from segassets.masks.table import MaskRows
from segassets.proposals.guided import Guide
from segassets.proposals.maskcut_rule import TokenMask, token_masks
from segassets.strict import StrictModel

SOURCE = "maskcut"


class TokenFeatures(Protocol):
    """A picture as a grid of features that are alike where the picture shows the same thing."""

    def features(self, rgb: np.ndarray) -> np.ndarray:
        """Features float (h, w, C) of a picture uint8 (H, W, 3); token (0, 0) covers its top left corner."""
        ...


class MaskCutConfig(StrictModel):
    """How objects are cut."""

    masks: int = Field(3, ge=1, description="Most objects cut from a picture.")
    tau: float = Field(0.15, gt=-1, lt=1, description="Two tokens are alike above this cosine similarity.")
    max_cut: float = Field(
        0.95,
        gt=0,
        le=1,
        description="A cut of a larger eigenvalue is none: everything in the picture is alike.",
    )
    min_area: float = Field(0.01, ge=0, lt=1, description="Smaller masks are dropped (share of the picture).")
    max_overlap: float = Field(
        0.5, gt=0, le=1, description="A mask of larger IoU with an earlier one is dropped."
    )
    min_agreement: float = Field(
        0.5, ge=0, le=1, description="A mask is dropped when its IoU before and after refinement is smaller."
    )
    working_side: int = Field(480, ge=32, description="Longer side, in pixels, at which masks are refined.")
    min_score: float = Field(0.0, ge=0, le=1, description="Masks of a lower score are dropped.")
    seed: int = Field(0, description="Start of the eigenvector's iteration.")


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
    found = token_masks(features, config.masks, config.tau, config.max_cut, config.seed)
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


def maskcut_table(
    scene: str,
    frames: Iterable[tuple[int, int, np.ndarray]],
    source: TokenFeatures,
    config: MaskCutConfig | None = None,
    progress: Callable[[int], None] | None = None,
) -> pa.Table:
    """Masks of pictures as a table of schema MASKS, source `maskcut`; `stability` is the agreement.

    Args:
        frames: (frame, source frame, picture uint8 (H, W, 3)).
        progress: called with the number of pictures done.
    """
    rows = MaskRows(scene)
    for done, (frame, source_frame, rgb) in enumerate(frames, 1):
        found = maskcut(rgb, source, config)
        texts = rle.encode_batch(np.array([item.mask for item in found])) if found else []
        for item, counts in zip(found, texts, strict=True):
            rows.add(
                frame=frame, source_frame=source_frame, height=rgb.shape[0], width=rgb.shape[1], rle_counts=counts,
                source=SOURCE, score=item.score, stability=item.agreement,
            )  # fmt: skip
        if progress is not None:
            progress(done)
    return rows.to_table()


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
