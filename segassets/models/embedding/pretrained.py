"""CLIP and SigLIP of the transformers library as embedders, pictures in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from segassets.errors import BadConfig, BadInput
from segassets.models.embedding.tiny import save_tiny
from segassets.models.pictures import autocast, check_picture
from segassets.models.pretrained import folder_of, read_pretrained
from segassets.models.processor import quicken_layers
from segassets.models.spec import ModelSpec, Precision

BATCH = 32
FAMILIES = {
    "clip": "longest",
    "siglip": "max_length",
    "siglip2": "max_length",
}  # and how their texts are padded
SIGLIP_WORDS = 64  # it was trained on texts filled to this length


class PretrainedEmbedder:
    """See segassets.models.protocols.Embedder.

    Args:
        image_processor, tokenizer: transformers' own that belong to the network.
    """

    def __init__(
        self,
        network: Any,
        image_processor: Any,
        tokenizer: Any,
        name: str,
        dim: int,
        precision: Precision = "fp32",
    ) -> None:
        self.network, self.image_processor, self.tokenizer = network, image_processor, tokenizer
        self.name, self.dim, self.precision = name, dim, precision

    @classmethod
    def of(cls, spec: ModelSpec, device: str, precision: Precision) -> PretrainedEmbedder:
        """The embedder of a checkpoint.

        Raises:
            BadConfig: its vectors are of another length than the description says.
            BadInput: it is neither CLIP nor SigLIP, or not whole.
        """
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        assert spec.embedding is not None
        with folder_of(spec, save_tiny) as folder:
            network = read_pretrained(AutoModel, folder, spec)
            if network.config.model_type not in FAMILIES:
                raise BadInput(
                    f"model {spec.name!r}: expected a CLIP or SigLIP checkpoint, found {network.config.model_type}"
                )
            processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, **spec.processor)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if device == "cpu":
            quicken_layers(network)
        embedder = cls(
            network.to(device).eval().requires_grad_(False), processor, tokenizer, spec.name, spec.embedding.dim,
            precision,
        )  # fmt: skip
        if (found := embedder.embed_texts(["a"]).shape[1]) != embedder.dim:
            raise BadConfig(
                f"model {spec.name!r}: 'embedding.dim' is {embedder.dim}, the checkpoint's vectors have {found}"
            )
        return embedder

    @torch.no_grad()
    def embed_pictures(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """(N, dim) float32, rows of length 1; each picture goes through the checkpoint's own preprocessing."""
        for number, picture in enumerate(pictures):
            check_picture(picture, f"picture {number}")
        rows = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(pictures), BATCH):
            pixels = self.image_processor(
                images=list(pictures[start : start + BATCH]),
                return_tensors="pt",
                input_data_format="channels_last",
            )["pixel_values"].to(self.network.device)
            with autocast(self.network.device, self.precision):
                rows.append(_unit(self.network.get_image_features(pixel_values=pixels)))
        return np.concatenate(rows)

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """(N, dim) float32, rows of length 1; texts longer than the network reads are cut."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        config = self.network.config
        longest = getattr(config.text_config, "max_position_embeddings", SIGLIP_WORDS)
        words = self.tokenizer(
            list(texts),
            padding=FAMILIES[config.model_type],
            max_length=longest if config.model_type == "clip" else min(longest, SIGLIP_WORDS),
            truncation=True,
            return_tensors="pt",
        )
        names = ("input_ids", "attention_mask") if config.model_type == "clip" else ("input_ids",)
        given = {name: words[name].to(self.network.device) for name in names}
        with autocast(self.network.device, self.precision):
            return _unit(self.network.get_text_features(**given))


def _unit(found: Any) -> np.ndarray:
    """(N, dim) float32 of length 1, of what transformers gives (a tensor, or an output that holds it)."""
    features = found if isinstance(found, torch.Tensor) else found.pooler_output
    return F.normalize(features.float(), dim=-1).cpu().numpy()
