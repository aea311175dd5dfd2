"""A very small SAM2 of random values, built in a fraction of a second: for contract tests and dry runs."""

from __future__ import annotations

from functools import cache
from typing import Any

from segassets.models.registry import load_spec
from segassets.models.spec import ModelSpec, RandomSource


@cache
def tiny_spec(seed: int = 0, image_size: int = 64) -> ModelSpec:
    """nano's network at a fraction of its width with sam2's own trunk, every option of SAM 2.1 switched on and
    random values."""
    nano = load_spec("nano").model_dump()
    network: dict[str, Any] = nano["network"]
    network["image_encoder"]["trunk"] = {
        "_target_": "sam2.modeling.backbones.hieradet.Hiera", "embed_dim": 8, "num_heads": 1,
        "stages": [1, 1, 2, 1], "global_att_blocks": [3], "window_spec": [8, 4, 4, 2],
        "window_pos_embed_bkg_spatial_size": [7, 7],
    }  # fmt: skip
    neck = network["image_encoder"]["neck"]
    neck |= {"d_model": 32, "backbone_channel_list": [64, 32, 16, 8]}
    neck["position_encoding"]["num_pos_feats"] = 32
    attention = network["memory_attention"]
    attention |= {"d_model": 32, "num_layers": 1}
    attention["layer"] |= {"d_model": 32, "dim_feedforward": 32}
    attention["layer"]["self_attention"]["embedding_dim"] = 32
    attention["layer"]["cross_attention"] |= {"embedding_dim": 32, "kv_in_dim": 16}
    memory = network["memory_encoder"]
    memory |= {"in_dim": 32, "out_dim": 16}
    memory["position_encoding"]["num_pos_feats"] = 16
    memory["mask_downsampler"]["embed_dim"] = 32
    memory["fuser"] |= {"num_layers": 1}
    memory["fuser"]["layer"]["dim"] = 32
    return ModelSpec.model_validate(
        nano
        | {
            "name": f"tiny-{seed}",
            "description": "random values",
            "network": network,
            "image_size": image_size,
        }
        | {"source": RandomSource(kind="random", seed=seed)}
    )
