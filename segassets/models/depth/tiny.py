"""Depth networks of transformers, small and of random values, as folders that it reads: for tests without downloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

SIZE_PX = 64


def save_tiny(folder: Path, seed: int = 0, network: Literal["dpt", "depth_anything"] = "dpt") -> None:
    """Write config.json, model.safetensors and preprocessor_config.json of a small random network."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if network == "dpt":
            _dpt().save_pretrained(folder)
        else:
            _depth_anything("relative").save_pretrained(folder)
    _processor(16 if network == "dpt" else 14).save_pretrained(folder)


def _dpt() -> Any:
    from transformers import DPTConfig, DPTForDepthEstimation

    return DPTForDepthEstimation(
        DPTConfig(
            hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=64, image_size=SIZE_PX,
            patch_size=16, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 16, 16],
            fusion_hidden_size=16, is_hybrid=False, use_auxiliary_head=False,
        )
    )  # fmt: skip


def _depth_anything(kind: str) -> Any:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    sizes: dict[str, Any] = {
        "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "mlp_ratio": 2, "image_size": 70,
        "patch_size": 14, "out_indices": [1, 2, 3, 4], "apply_layernorm": True, "reshape_hidden_states": False,
    }  # fmt: skip
    backbone = Dinov2Config(**sizes)
    return DepthAnythingForDepthEstimation(
        DepthAnythingConfig(
            backbone_config=backbone, reassemble_hidden_size=32, neck_hidden_sizes=[8, 8, 16, 16],
            fusion_hidden_size=16, head_hidden_size=8, patch_size=14, depth_estimation_type=kind,
        )
    )  # fmt: skip


def _processor(multiple: int) -> Any:
    from transformers import DPTImageProcessor

    size = {"height": SIZE_PX, "width": SIZE_PX}
    return DPTImageProcessor(
        size=size,
        keep_aspect_ratio=True,
        ensure_multiple_of=multiple,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
