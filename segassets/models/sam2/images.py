"""SAM2 on single pictures: encode once, answer prompts in batches, as sam2's image predictor does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Encoded:
    """An encoded picture.

    Attributes:
        levels: feature maps (1, C, h, w), finest first; the last is the embedding that prompts meet.
        height, width: of the picture, in pixels; prompts are given in these.
    """

    levels: list[torch.Tensor]
    height: int
    width: int


class Sam2ImageSegmenter:
    """An ImageSegmenter over a SAM2Base network.

    Args:
        network: SAM2Base (or a subclass) in eval mode on its device.
        precision: "fp32", or "bf16" / "fp16" for autocast.
    """

    def __init__(self, network: Any, precision: str = "fp32") -> None:
        self.network = network
        self.precision = precision
        self._mean = torch.tensor(_MEAN, device=network.device).view(3, 1, 1)
        self._std = torch.tensor(_STD, device=network.device).view(3, 1, 1)

    @torch.inference_mode()
    def encode(self, rgb: np.ndarray, side: int | None = None) -> Encoded:
        """Features of a picture (H, W, 3) uint8.

        Args:
            side: of the picture the network sees, in pixels; its own by default. Prompts need its own.
        """
        size = side or self.network.image_size
        picture = torch.from_numpy(np.ascontiguousarray(rgb)).to(self.network.device).permute(2, 0, 1)[None]
        picture = F.interpolate(
            picture.float() / 255, (size, size), mode="bilinear", antialias=True, align_corners=False
        )
        with self._autocast():
            out = self.network.forward_image((picture - self._mean) / self._std)
        levels = list(out["backbone_fpn"][-self.network.num_feature_levels :])
        if self.network.directly_add_no_mem_embed:
            levels[-1] = levels[-1] + self.network.no_mem_embed.view(1, -1, 1, 1)
        return Encoded(levels, *rgb.shape[:2])

    @torch.inference_mode()
    def predict(
        self,
        encoded: Encoded,
        points_xy: Any = None,
        labels: Any = None,
        boxes_xyxy: Any = None,
        mask_logits: Any = None,
        multimask: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Masks for B prompts, each of points, a box, a rough mask, or several of these.

        Args:
            points_xy: (B, P, 2) in pixels of the picture.
            labels: (B, P), 1 = inside, 0 = outside.
            boxes_xyxy: (B, 4) in pixels of the picture.
            mask_logits: (B, 1, h, w) as an earlier answer gave them.
            multimask: three masks for an ambiguous prompt instead of one.

        Returns:
            logits (B, M, h, w) at the network's own resolution, which cover the whole picture (resize
            bilinearly, inside is > 0), and the predicted IoU (B, M); float32, on the network's device.
        """
        coordinates, signs = self._points(encoded, points_xy, labels, boxes_xyxy)
        rough = None if mask_logits is None else self._tensor(mask_logits)
        if coordinates is None and rough is None:
            raise ValueError("expected points, boxes or masks, found no prompt")
        decoder = self.network.sam_mask_decoder
        with self._autocast():
            sparse, dense = self.network.sam_prompt_encoder(
                points=None if coordinates is None else (coordinates, signs), boxes=None, masks=rough
            )
            many = len(sparse) > 1
            logits, predicted_iou, _, _ = decoder(
                image_embeddings=encoded.levels[-1],
                image_pe=self.network.sam_prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=multimask,
                repeat_image=many,
                high_res_features=encoded.levels[:-1] or None,
            )
        return logits.float().clamp(-32.0, 32.0), predicted_iou.float()

    def _points(
        self, encoded: Encoded, points_xy: Any, labels: Any, boxes_xyxy: Any
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Points and box corners (labels 2 and 3) in pixels of the network's input."""
        parts = []
        if boxes_xyxy is not None:
            corners = self._tensor(boxes_xyxy).view(-1, 2, 2)
            parts.append((corners, torch.tensor([[2, 3]], device=corners.device).expand(len(corners), -1)))
        if points_xy is not None:
            parts.append((self._tensor(points_xy), torch.as_tensor(labels, device=self.network.device)))
        if not parts:
            return None, None
        size = self._tensor([encoded.width, encoded.height])
        coordinates = torch.cat([part[0] for part in parts], dim=1) / size * self.network.image_size
        return coordinates, torch.cat([part[1].int() for part in parts], dim=1)

    def _tensor(self, values: Any) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.network.device)

    def _autocast(self) -> AbstractContextManager[Any]:
        dtype = torch.float16 if self.precision == "fp16" else torch.bfloat16
        return torch.autocast(self.network.device.type, dtype, enabled=self.precision != "fp32")
