"""Depth networks of the transformers library: MiDaS (DPT, DPT hybrid) and Depth Anything, relative or metric.

What a checkpoint's values are is said by the model's description, never guessed; a checkpoint that itself says
otherwise is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from segassets.errors import BadConfig, BadInput
from segassets.models.depth.tiny import save_tiny
from segassets.models.pictures import autocast, check_picture
from segassets.models.pretrained import folder_of, read_pretrained
from segassets.models.processor import quicken_layers
from segassets.models.spec import DepthKind, ModelSpec, Precision


class PretrainedDepthEstimator:
    """See segassets.models.protocols.DepthEstimator; the focal length is left aside.

    Args:
        processor: transformers' image processor that belongs to the network.
    """

    def __init__(
        self, network: Any, processor: Any, name: str, kind: DepthKind, precision: Precision = "fp32"
    ) -> None:
        self.network, self.processor, self.name, self.kind = network, processor, name, kind
        self.precision = precision
        self._patches_hw = (0, 0)
        if network.config.model_type == "dpt":
            network.neck.register_forward_pre_hook(self._tell_patches)

    @classmethod
    def of(cls, spec: ModelSpec, device: str, precision: Precision) -> PretrainedDepthEstimator:
        """The estimator of a checkpoint.

        Raises:
            BadConfig: the checkpoint says that its values are of another kind.
            BadInput: it is no depth network, or not whole.
        """
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation

        assert spec.depth is not None
        with folder_of(spec, save_tiny) as folder:
            network = read_pretrained(AutoModelForDepthEstimation, folder, spec)
            processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, **spec.processor)
        _check_kind(spec, network.config)
        if device == "cpu":
            quicken_layers(network)
        return cls(
            network.to(device).eval().requires_grad_(False), processor, spec.name, spec.depth.kind, precision
        )

    @torch.no_grad()
    def estimate(self, rgb: np.ndarray, focal_px: float | None = None) -> np.ndarray:
        """(H, W) float32 of `kind`; arguments and errors as in DepthEstimator."""
        check_picture(rgb)
        device, patch_px = self.network.device, self.network.config.patch_size
        pixels = self.processor(images=rgb, return_tensors="pt", input_data_format="channels_last")[
            "pixel_values"
        ]
        self._patches_hw = (pixels.shape[-2] // patch_px, pixels.shape[-1] // patch_px)
        with autocast(device, self.precision):
            depth = self.network(pixel_values=pixels.to(device)).predicted_depth
        full = F.interpolate(depth[:, None].float(), rgb.shape[:2], mode="bicubic", align_corners=False)
        return full[0, 0].cpu().numpy()

    def _tell_patches(self, neck: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Transformers takes the patches of a plain DPT to form a square; pictures that keep their proportions do
        not."""
        return (arguments[0], *self._patches_hw)


def _check_kind(spec: ModelSpec, config: Any) -> None:
    assert spec.depth is not None
    said = getattr(config, "depth_estimation_type", None)
    if said is not None and (said == "metric") != (spec.depth.kind == "metric"):
        raise BadConfig(
            f"model {spec.name!r}: 'depth.kind' is {spec.depth.kind}, but the checkpoint's config.json says "
            f"depth_estimation_type: {said}"
        )
    if type(config).__name__ not in ("DPTConfig", "DepthAnythingConfig"):
        raise BadInput(
            f"model {spec.name!r}: expected a DPT or Depth Anything checkpoint, found {type(config).__name__}"
        )
