"""The masks a codec learns from: held to what it can read, and dealt out in whole pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from segassets.errors import BadInput
from segassets.learning.codec_config import CodecConfig
from segassets.learning.codec_network import LANGSPLAT_INPUT


@dataclass(frozen=True)
class Masks:
    """N masks of pictures.

    Attributes:
        embeddings: (N, D) float32 unit rows.
        frame: (N,) the picture of each.
        object_id: (N,) which object each shows; masks of an object are kept back together.
    """

    embeddings: np.ndarray
    frame: np.ndarray
    object_id: np.ndarray

    def __len__(self) -> int:
        return len(self.embeddings)

    def take(self, chosen: np.ndarray) -> Masks:
        """Some of them."""
        return Masks(self.embeddings[chosen], self.frame[chosen], self.object_id[chosen])


def padded_to(embeddings: np.ndarray, width: int) -> np.ndarray:
    """(N, width) float32: embeddings of fewer numbers with zeros after them; cosines stay what they were."""
    missing = width - embeddings.shape[1]
    if missing < 0:
        raise BadInput(f"expected embeddings of at most {width} numbers, found {embeddings.shape[1]}")
    return np.pad(np.asarray(embeddings, np.float32), ((0, 0), (0, missing)))


def refuse_unfit(masks: Masks) -> None:
    """Raises BadInput where a codec cannot learn from such embeddings."""
    shape = masks.embeddings.shape
    if len(shape) != 2 or not len(masks) or masks.frame.shape != (shape[0],) != masks.object_id.shape:
        raise BadInput(f"expected embeddings (masks, numbers) of at least one mask, found {shape}")
    if shape[1] > LANGSPLAT_INPUT:
        raise BadInput(
            f"expected embeddings of at most {LANGSPLAT_INPUT} numbers, which LangSplat's codec reads, found "
            f"{shape[1]}; choose an embedding model of that size, such as clip-vit-b-16"
        )
    lengths = np.linalg.norm(masks.embeddings.astype(np.float64), axis=1)
    bad = ~(np.abs(lengths - 1) < 1e-2)  # true for not-a-number too
    if bad.any():
        raise BadInput(
            f"expected embeddings of length 1, found {int(bad.sum())} others, the first is row {int(bad.argmax())} "
            f"with {lengths[bad.argmax()]:.3g}; make mask_embeddings again"
        )


def batches(masks: Masks, config: CodecConfig) -> Iterator[Masks]:
    """Whole pictures in random order, for ever."""
    random = np.random.default_rng(config.seed)
    pictures = np.unique(masks.frame)
    while True:
        for rows in whole_pictures(masks, random.permutation(pictures), config.masks_per_step):
            yield masks.take(rows)


def whole_pictures(masks: Masks, pictures: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Rows of pictures in this order, as many pictures at a time as have `most` masks together; at least one."""
    order = np.argsort(masks.frame, kind="stable")
    starts = np.searchsorted(masks.frame[order], pictures, "left")
    ends = np.searchsorted(masks.frame[order], pictures, "right")
    rows: list[np.ndarray] = []
    for start, end in zip(starts, ends, strict=True):
        if rows and sum(map(len, rows)) + end - start > most:
            yield np.concatenate(rows)
            rows = []
        rows.append(order[start:end])
    yield np.concatenate(rows)


def padded_by_picture(masks: Masks) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Masks by picture (B, M, D), which exist (B, M), and the row of each that exists, in that order."""
    order = np.argsort(masks.frame, kind="stable")
    _, picture, counts = np.unique(masks.frame[order], return_inverse=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    padded = np.zeros((len(counts), counts.max(), masks.embeddings.shape[1]), np.float32)
    there = np.zeros(padded.shape[:2], bool)
    padded[picture, place], there[picture, place] = masks.embeddings[order], True
    return torch.from_numpy(padded), torch.from_numpy(there), order
