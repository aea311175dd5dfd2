"""How the two codecs of a scene start and learn."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from segassets.learning.codec_config import CodecConfig
from segassets.learning.codec_masks import Masks, batches, padded_by_picture, padded_to, whole_pictures
from segassets.learning.codec_network import LANGSPLAT_INPUT, ContextCodec, LangSplatCodec

_TEMPERATURE = 0.07


class CodecTraining:
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
        parts = batches(masks, config)
        for _ in range(steps):
            loss = self._loss(*self.forward(next(parts)), config.contrast_weight)
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
        parts = list(whole_pictures(masks, np.unique(masks.frame), self.config.masks_per_step))
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


class ContextTraining(CodecTraining):
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
        padded, there, _ = padded_by_picture(masks)
        codes = self.network.encode(padded, there)[there]
        return padded[there], codes, self.network.decode(codes)

    @torch.no_grad()
    def encode(self, masks: Masks) -> np.ndarray:
        found = np.zeros((len(masks), self.config.dim), np.float32)
        for part in whole_pictures(masks, np.unique(masks.frame), self.config.masks_per_step):
            padded, there, rows = padded_by_picture(masks.take(part))
            found[part[rows]] = self.network.encode(padded, there)[there].numpy()
        return found

    @torch.no_grad()
    def decode(self, codes: np.ndarray) -> np.ndarray:
        return self.network.decode(torch.from_numpy(codes)).numpy()


class LangSplatTraining(CodecTraining):
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
