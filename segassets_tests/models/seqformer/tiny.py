"""A SeqFormer of a few thousand parameters, with random values."""

from __future__ import annotations

from typing import Any

import torch

from segassets.models.seqformer.config import ConvBackbone, SeqFormerConfig
from segassets.models.seqformer.network import SeqFormer


def tiny_config(**changes: Any) -> SeqFormerConfig:
    """Two layers of each kind, 24 channels."""
    values: dict[str, Any] = {
        "backbone": ConvBackbone(kind="conv", channels=(8, 8, 16, 16), blocks=(1, 1, 1, 1), pyramid=16),
        "classes": 3, "queries": 6, "hidden": 24, "heads": 2, "encoder_layers": 2, "decoder_layers": 2, "points": 2,
        "feedforward": 16, "dropout": 0.0, "extra_levels": 1, "mask_channels": 4, "mask_stride": 4,
    }  # fmt: skip
    return SeqFormerConfig(**values | changes)


def tiny_network(seed: int = 0, **changes: Any) -> SeqFormer:
    """In evaluation mode; every value random, so that nothing is hidden by zeros."""
    torch.manual_seed(seed)
    network = SeqFormer(tiny_config(**changes)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return network


def tiny_model(**changes: Any) -> dict[str, Any]:
    """Such a network's description, as a file of configs/models/ holds it; for pictures of 64 px."""
    return {
        "name": "tiny-seqformer", "family": "seqformer", "licence": "none", "image_size": 64,
        "source": {"kind": "random", "seed": 0}, "network": tiny_config(picture="square").model_dump(mode="json"),
    } | changes  # fmt: skip
