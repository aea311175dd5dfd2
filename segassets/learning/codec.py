"""A scene's embeddings compressed by codecs trained on them alone: the stage behind `language_codec`.

Two codecs, seconds each on a CPU: to `dim` numbers with the other masks of the picture as context, and LangSplat's to
3. Figures are taken of masks of objects kept back, before and after learning from the others; then the codecs learn on
from all masks, and that is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from segassets.errors import BadInput
from segassets.learning.codec_config import CodecConfig
from segassets.learning.codec_figures import codec_figures
from segassets.learning.codec_network import LANGSPLAT_INPUT, ContextCodec, LangSplatCodec
from segassets.learning.denormals import no_denormals

_TEMPERATURE = 0.07
_LEARN_ON = 4  # learning from all masks takes a share of the steps of learning from some
_LEAST_OBJECTS = 5  # with fewer, nothing is kept back: figures would be of one or two masks


@dataclass(frozen=True)
class Codes:
    """What the codecs make of N masks.

    Attributes:
        codes: (N, dim) float32 unit rows.
        codes_dim3: (N, 3) float32 unit rows.
        codec, langsplat: weights by name, of ContextCodec and of LangSplatCodec.
        figures: by codec ("codec", "langsplat"), then "before" (principal axes of the embeddings learned from; an
            untrained network for LangSplat's) and "after" learning: see `codec_figures`; and "held_out": whether
            they are of masks that were kept back.
    """

    codes: np.ndarray
    codes_dim3: np.ndarray
    codec: dict[str, np.ndarray]
    langsplat: dict[str, np.ndarray]
    figures: dict[str, Any]


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


def encode_masks(
    masks: Masks, config: CodecConfig, progress: Callable[[int, int, str], None] = lambda *_: None
) -> Codes:
    """Train both codecs on a scene's masks and compress them.

    The same masks, config and library give the same codes; the caller's random state is left as it was.

    Raises:
        BadInput: no masks, rows that are not finite or not of unit length, or more than LangSplat's 512 numbers.
    """
    _refuse_unfit(masks)
    kept_back = _kept_back(masks.object_id, config)
    training = masks if kept_back is None else masks.take(~kept_back)
    judged = np.ones(len(masks), bool) if kept_back is None else kept_back
    figures: dict[str, Any] = {"held_out": kept_back is not None}
    results: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
    with torch.random.fork_rng(devices=[]), no_denormals():
        for number, kind in enumerate((_Context, _LangSplat)):
            progress(number, 2, f"codec to {kind.dim_of(config)} numbers")
            codec = kind(training, config)
            before = _judge(codec, masks, judged)
            codec.fit(training, codec.steps)
            figures[codec.name] = {"before": before, "after": _judge(codec, masks, judged)}
            if kept_back is not None:
                codec.fit(masks, max(1, codec.steps // _LEARN_ON))
            weights = {name: value.numpy().copy() for name, value in codec.network.state_dict().items()}
            results[codec.name] = codec.encode(masks), weights
    progress(2, 2, "")
    codes, dim3 = results[_Context.name], results[_LangSplat.name]
    return Codes(codes[0], dim3[0], codes[1], dim3[1], figures)


class _Codec:
    """One codec and how it learns; subclasses say how a batch becomes codes."""

    name: str
    network: nn.Module

    def __init__(self, masks: Masks, config: CodecConfig) -> None:
        self.config = config
        torch.manual_seed(config.seed)
        self.network = self._start(masks)

    def _start(self, masks: Masks) -> nn.Module:
        """The network before learning from these masks."""
        raise NotImplementedError

    @classmethod
    def dim_of(cls, config: CodecConfig) -> int:
        """Numbers of a code."""
        raise NotImplementedError

    @property
    def steps(self) -> int:
        raise NotImplementedError

    def forward(self, masks: Masks) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Embeddings, codes and reconstructions (N, ...) of masks, in an order of the codec's own."""
        raise NotImplementedError

    def encode(self, masks: Masks) -> np.ndarray:
        raise NotImplementedError

    def decode(self, codes: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def fit(self, masks: Masks, steps: int) -> None:
        """Learn from masks; where that kept less of them than there was before, nothing is learned."""
        config = self.config
        start = {name: value.clone() for name, value in self.network.state_dict().items()}
        lost = self._lost(masks)
        optimizer = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        batches = _batches(masks, config)
        for _ in range(steps):
            loss = self._loss(*self.forward(next(batches)), config.contrast_weight)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        if not self._lost(masks) < lost:
            self.network.load_state_dict(start)

    @torch.no_grad()
    def _lost(self, masks: Masks) -> float:
        """Mean loss of what is to be kept, over all masks."""
        parts = list(_whole_pictures(masks, np.unique(masks.frame), self.config.masks_per_step))
        losses = [float(self._loss(*self.forward(masks.take(rows)), 0.0)) * len(rows) for rows in parts]
        return sum(losses) / len(masks)

    def _loss(
        self, embeddings: torch.Tensor, codes: torch.Tensor, decoded: torch.Tensor, contrast_weight: float
    ) -> torch.Tensor:
        loss = (1 - (embeddings * decoded).sum(-1)).mean()
        if len(embeddings) > 1:
            same = embeddings @ embeddings.T
            loss = loss + self.config.similarity_weight * F.mse_loss(codes @ codes.T, same)
        if len(embeddings) > 1 and contrast_weight:
            # masks that look the same are no strangers to be told apart
            strangers = (same < 0.99) | torch.eye(len(same), dtype=torch.bool)
            logits = (decoded @ embeddings.T / _TEMPERATURE).masked_fill(~strangers, -1e4)
            loss = loss + contrast_weight * F.cross_entropy(logits, torch.arange(len(same)))
        return loss


class _Context(_Codec):
    name = "codec"
    network: ContextCodec

    def _start(self, masks: Masks) -> ContextCodec:
        network = ContextCodec(masks.embeddings.shape[1], self.config.dim)
        _, size, axes = np.linalg.svd(masks.embeddings, full_matrices=False)
        used = axes[: self.config.dim][size[: self.config.dim] > 1e-5 * size[0]]
        network.start_at(torch.from_numpy(np.ascontiguousarray(used)))
        return network

    @classmethod
    def dim_of(cls, config: CodecConfig) -> int:
        return config.dim

    @property
    def steps(self) -> int:
        return self.config.steps

    def forward(self, masks: Masks) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        padded, there, _ = _padded(masks)
        codes = self.network.encode(padded, there)[there]
        return padded[there], codes, self.network.decode(codes)

    @torch.no_grad()
    def encode(self, masks: Masks) -> np.ndarray:
        found = np.zeros((len(masks), self.config.dim), np.float32)
        for part in _whole_pictures(masks, np.unique(masks.frame), self.config.masks_per_step):
            padded, there, rows = _padded(masks.take(part))
            found[part[rows]] = self.network.encode(padded, there)[there].numpy()
        return found

    @torch.no_grad()
    def decode(self, codes: np.ndarray) -> np.ndarray:
        return self.network.decode(torch.from_numpy(codes)).numpy()


class _LangSplat(_Codec):
    name = "langsplat"
    network: LangSplatCodec

    def _start(self, masks: Masks) -> LangSplatCodec:
        self.dim_in = masks.embeddings.shape[1]
        network = LangSplatCodec()
        network.calibrate(self._wide(masks))
        return network

    @classmethod
    def dim_of(cls, config: CodecConfig) -> int:
        return 3

    @property
    def steps(self) -> int:
        return self.config.langsplat_steps

    def forward(self, masks: Masks) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        wide = self._wide(masks)
        codes = self.network.encode(wide)
        return wide, codes, self.network.decode(codes)

    @torch.no_grad()
    def encode(self, masks: Masks) -> np.ndarray:
        return self.network.encode(self._wide(masks)).numpy()

    @torch.no_grad()
    def decode(self, codes: np.ndarray) -> np.ndarray:
        return self.network.decode(torch.from_numpy(codes)).numpy()[:, : self.dim_in]

    @staticmethod
    def _wide(masks: Masks) -> torch.Tensor:
        return torch.from_numpy(padded_to(masks.embeddings, LANGSPLAT_INPUT))


def padded_to(embeddings: np.ndarray, width: int) -> np.ndarray:
    """(N, width) float32: embeddings of fewer numbers with zeros after them; cosines stay what they were."""
    missing = width - embeddings.shape[1]
    if missing < 0:
        raise BadInput(f"expected embeddings of at most {width} numbers, found {embeddings.shape[1]}")
    return np.pad(np.asarray(embeddings, np.float32), ((0, 0), (0, missing)))


def _refuse_unfit(masks: Masks) -> None:
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


def _kept_back(object_id: np.ndarray, config: CodecConfig) -> np.ndarray | None:
    """(N,) bool: masks of the objects kept back; None where there are too few objects to keep any."""
    objects = np.unique(object_id)
    count = round(config.held_out * len(objects))
    if len(objects) < _LEAST_OBJECTS or count == 0 or count == len(objects):
        return None
    chosen = np.random.default_rng(config.seed).choice(objects, count, replace=False)
    return np.isin(object_id, chosen)


def _batches(masks: Masks, config: CodecConfig) -> Iterator[Masks]:
    """Whole pictures in random order, for ever."""
    random = np.random.default_rng(config.seed)
    pictures = np.unique(masks.frame)
    while True:
        for rows in _whole_pictures(masks, random.permutation(pictures), config.masks_per_step):
            yield masks.take(rows)


def _whole_pictures(masks: Masks, pictures: np.ndarray, most: int) -> Iterator[np.ndarray]:
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


def _padded(masks: Masks) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Masks by picture (B, M, D), which exist (B, M), and the row of each that exists, in that order."""
    order = np.argsort(masks.frame, kind="stable")
    _, picture, counts = np.unique(masks.frame[order], return_inverse=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    padded = np.zeros((len(counts), counts.max(), masks.embeddings.shape[1]), np.float32)
    there = np.zeros(padded.shape[:2], bool)
    padded[picture, place], there[picture, place] = masks.embeddings[order], True
    return torch.from_numpy(padded), torch.from_numpy(there), order


def _judge(codec: _Codec, masks: Masks, judged: np.ndarray) -> dict[str, float | int]:
    codes = codec.encode(masks)[judged]  # all masks are context, as they are when the codec is used
    return codec_figures(masks.embeddings[judged], codes, codec.decode(codes))
