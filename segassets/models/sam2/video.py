"""SAM 2 as a streaming video tracker: every frame is encoded once, all objects step through the network in batches.

Computes what sam2's `SAM2VideoPredictor` computes (Ravi et al. 2024), without its per-object loop, without
holding the footage and without a history that grows. Post-processing (hole filling, non-overlap) is left to the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from segassets.errors import BadConfig
from segassets.models.sam2.mask_memory import mask_memory, memory_places
from segassets.models.sam2.memory import FrameMemory, ObjectMemory
from segassets.models.sam2.recall import Recall, Remembered
from segassets.models.streaming import StepOutput

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_ABSENT_LOGIT = -1024.0


@dataclass(frozen=True)
class FrameFeatures:
    """One encoded frame.

    Attributes:
        frame: index in the selection.
        levels: flattened feature maps, finest first, each (H_l * W_l, 1, C_l).
        sizes: (H_l, W_l) of each level.
        position: positional encoding of the coarsest level (HW, 1, C).
    """

    frame: int
    levels: list[torch.Tensor]
    sizes: list[tuple[int, int]]
    position: torch.Tensor


class Sam2Tracker:
    """A VideoTracker over a SAM2Base network.

    Args:
        network: SAM2Base (or a subclass) in eval mode on its device.
        num_frames: length of the selection; footage shorter than the pointer ring scales its temporal encoding by it.
        precision: "fp32", or "bf16" / "fp16" for autocast.
        threshold: probability from which a pixel is foreground; told to the caller, logits are as they are.

    Raises:
        BadConfig: the network has no memory, or looks at memories with a stride.
    """

    def __init__(
        self, network: Any, num_frames: int, precision: str = "fp32", threshold: float = 0.5
    ) -> None:
        if network.num_maskmem < 2 or network.memory_temporal_stride_for_eval != 1:
            raise BadConfig(
                "expected a SAM 2 network with num_maskmem >= 2 and memory_temporal_stride_for_eval = 1, found "
                f"{network.num_maskmem} and {network.memory_temporal_stride_for_eval}"
            )
        self.network = network
        self.device = next(network.parameters()).device
        self.image_size = network.image_size
        self.precision = precision
        self.threshold = threshold
        self._pointer_span = min(num_frames, network.max_obj_ptrs_in_encoder)
        self._mean = torch.tensor(_MEAN, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(_STD, device=self.device).view(1, 3, 1, 1)
        self._recall = Recall(network.memory_attention, memory_places(network))
        self._no_prompt: tuple[torch.Tensor, torch.Tensor] | None = None

    def _scope(self) -> Any:
        kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision)
        return torch.autocast(self.device.type, dtype=kind or torch.bfloat16, enabled=kind is not None)

    @torch.inference_mode()
    def encode(self, rgb: np.ndarray, frame: int) -> FrameFeatures:
        """Features of one picture (H, W, 3) uint8, stretched to the network's square input."""
        picture = Image.fromarray(rgb).resize((self.image_size, self.image_size))
        pixels = torch.from_numpy(np.array(picture)).to(self.device).permute(2, 0, 1)[None].float()
        with self._scope():
            encoded = self.network.forward_image((pixels / 255.0 - self._mean) / self._std)
        _, levels, positions, sizes = self.network._prepare_backbone_features(encoded)
        return FrameFeatures(frame, levels, sizes, positions[-1])

    @torch.inference_mode()
    def found(
        self,
        features: FrameFeatures,
        masks: np.ndarray | None = None,
        boxes_xyxy: np.ndarray | None = None,
        points_xy: np.ndarray | None = None,
        labels: np.ndarray | None = None,
    ) -> tuple[ObjectMemory, StepOutput]:
        """Begin to follow objects given as masks (B, H, W) bool, or as boxes (B, 4), clicks (B, P, 2), or both.

        Boxes and clicks are in fractions of width and height; `labels` (B, P) are 1 inside, 0 outside.
        """
        points, prompts = None, None
        if masks is not None:
            prompts, count = self._resized(masks), len(masks)
        elif boxes_xyxy is not None or points_xy is not None:
            points = self._clicks(boxes_xyxy, points_xy, labels)
            count = len(points["point_coords"])
        else:
            raise ValueError("expected masks, boxes_xyxy or points_xy")
        with self._scope():
            _, output, _, _ = self.network._track_step(
                frame_idx=features.frame,
                is_init_cond_frame=True,
                current_vision_feats=[level.expand(-1, count, -1) for level in features.levels],
                current_vision_pos_embeds=[features.position.expand(-1, count, -1)],
                feat_sizes=features.sizes,
                point_inputs=points,
                mask_inputs=prompts,
                output_dict={},
                num_frames=self._pointer_span,
                track_in_reverse=False,
                prev_sam_mask_logits=None,
            )
            _, _, ious, low, _, pointer, score = output
            remembered = self._memorise(features, low, score, from_prompt=True)
        ring = self.network.num_maskmem - 1
        memory = ObjectMemory(
            np.full(count, features.frame, np.int64),
            remembered,
            pointer,
            deque(maxlen=ring),
            deque(maxlen=max(self._pointer_span - 1, 1)),
        )
        return memory, StepOutput(low[:, 0].float(), ious.float().amax(1), score[:, 0].float().sigmoid())

    @torch.inference_mode()
    def step(self, features: FrameFeatures, memory: ObjectMemory) -> StepOutput:
        """Follow the objects onto the next frame of their direction, and remember it."""
        with self._scope():
            fused = self._fuse(features, memory)
            low, iou, pointer, score = self._decode(features, fused)
            memory.remember(self._memorise(features, low, score, from_prompt=False), pointer)
        return StepOutput(low[:, 0].float(), iou.float(), score[:, 0].float().sigmoid())

    def merge(self, memories: Sequence[ObjectMemory]) -> ObjectMemory:
        """One memory of several full ones."""
        return ObjectMemory.merge(memories)

    def restore(self, tensors: dict[str, torch.Tensor], plain: dict[str, Any]) -> ObjectMemory:
        """A memory saved by `ObjectMemory.to_arrays`."""
        with torch.inference_mode(), self._scope():
            return ObjectMemory.from_arrays(
                tensors, plain, self.device, lambda kept: self._recall.remember(kept.float())
            )

    def _clicks(
        self, boxes_xyxy: np.ndarray | None, points_xy: np.ndarray | None, labels: np.ndarray | None
    ) -> dict[str, torch.Tensor]:
        """Boxes as two clicks (labels 2 and 3), then the clicks themselves, in pixels of the network's input."""
        places, signs = [], []
        if boxes_xyxy is not None:
            places.append(np.asarray(boxes_xyxy, np.float32).reshape(-1, 2, 2))
            signs.append(np.tile(np.array([2, 3], np.int32), (len(boxes_xyxy), 1)))
        if points_xy is not None:
            places.append(np.asarray(points_xy, np.float32))
            signs.append(np.asarray(labels, np.int32))
        return {
            "point_coords": torch.as_tensor(np.concatenate(places, 1), device=self.device) * self.image_size,
            "point_labels": torch.as_tensor(np.concatenate(signs, 1), device=self.device),
        }

    def _resized(self, masks: np.ndarray) -> torch.Tensor:
        """Binary prompts (B, 1, S, S), scaled as sam2 scales them."""
        full = torch.as_tensor(np.asarray(masks, np.float32), device=self.device)[:, None]
        if full.shape[-2:] == (self.image_size, self.image_size):
            return full
        size = (self.image_size, self.image_size)
        small = F.interpolate(full, size=size, mode="bilinear", align_corners=False, antialias=True)
        return (small >= 0.5).float()

    def _fuse(self, features: FrameFeatures, memory: ObjectMemory) -> torch.Tensor:
        """The frame's coarsest features after attention to each object's memories (B, C, H, W)."""
        network, count = self.network, len(memory)
        pointers, places = self._pointer_tokens(features.frame, memory)
        remembered = Remembered(
            [memory.founding, *memory.frames],
            [network.num_maskmem - 1, *range(len(memory.frames) - 1, -1, -1)],
            pointers,
            places,
        )
        tokens, position = features.levels[-1].transpose(0, 1), features.position.transpose(0, 1)
        fused = self._recall(tokens, position, remembered)
        return fused.transpose(1, 2).reshape(count, network.hidden_dim, *features.sizes[-1])

    def _pointer_tokens(self, frame: int, memory: ObjectMemory) -> tuple[torch.Tensor, torch.Tensor]:
        """Object pointers as memory tokens (B, P, C_mem) with their temporal encodings; the founding frame first."""
        from sam2.modeling.sam2_utils import get_1d_sine_pe

        network, count = self.network, len(memory)
        if not network.use_obj_ptrs_in_encoder:
            none = torch.zeros(count, 0, network.mem_dim, device=self.device)
            return none, none
        pointers = torch.stack([memory.founding_pointer, *reversed(memory.pointers)], 1)
        length = pointers.size(1)
        ages = torch.as_tensor(np.abs(frame - memory.founded), device=self.device)
        steps = torch.arange(1, length, device=self.device).expand(count, -1)
        distance = torch.cat([ages[:, None], steps], 1)  # (B, P)
        if network.add_tpos_enc_to_obj_ptrs:
            wide = network.hidden_dim if network.proj_tpos_enc_in_obj_ptrs else network.mem_dim
            encoded = get_1d_sine_pe(distance.flatten() / (self._pointer_span - 1), dim=wide)
            place = network.obj_ptr_tpos_proj(encoded).view(count, length, network.mem_dim)
        else:
            place = pointers.new_zeros(count, length, network.mem_dim)
        split = network.hidden_dim // network.mem_dim
        if split > 1:
            pointers = pointers.reshape(count, length * split, network.mem_dim)
            place = place.repeat_interleave(split, dim=1)
        return pointers, place

    def _decode(self, features: FrameFeatures, fused: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Best mask logits (B, 1, h, w), predicted IoU (B,), pointer (B, C), object score (B, 1); no prompt."""
        network, count = self.network, len(fused)
        if self._no_prompt is None:
            nothing = (
                torch.zeros(1, 1, 2, device=self.device),
                -torch.ones(1, 1, dtype=torch.int32, device=self.device),
            )
            self._no_prompt = network.sam_prompt_encoder(points=nothing, boxes=None, masks=None)
        sparse, dense = self._no_prompt
        multimask = network._use_multimask(is_init_cond_frame=False, point_inputs=None)
        masks, ious, tokens, score = network.sam_mask_decoder(
            image_embeddings=fused,
            image_pe=network.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse.expand(count, -1, -1),
            dense_prompt_embeddings=dense.expand(count, -1, -1, -1),
            multimask_output=multimask,
            repeat_image=False,
            high_res_features=self._fine_maps(features, count),
        )
        rows = torch.arange(count, device=self.device)
        best = ious.argmax(-1) if multimask else torch.zeros_like(rows)
        token = tokens[rows, best] if multimask and tokens.size(1) > 1 else tokens[:, 0]
        low, iou = masks[rows, best][:, None].float(), ious[rows, best]
        pointer = network.obj_ptr_proj(token)
        if network.pred_obj_scores:
            present = score > 0
            low = torch.where(present[:, :, None, None], low, _ABSENT_LOGIT)
            weight = score.sigmoid() if network.soft_no_obj_ptr else present.float()
            if network.fixed_no_obj_ptr:
                pointer = weight * pointer
            pointer = pointer + (1 - weight) * network.no_obj_ptr
        return low, iou, pointer, score

    def _fine_maps(self, features: FrameFeatures, count: int) -> list[torch.Tensor] | None:
        """The finer feature maps as (B, C, H, W) views, or None where the decoder takes none."""
        if len(features.levels) == 1:
            return None
        return [
            level.permute(1, 2, 0).reshape(1, level.size(2), *size).expand(count, -1, -1, -1)
            for level, size in zip(features.levels[:-1], features.sizes[:-1], strict=True)
        ]

    def _memorise(
        self, features: FrameFeatures, low: torch.Tensor, score: torch.Tensor, from_prompt: bool
    ) -> FrameMemory:
        """Mask memory of one frame."""
        size = (self.image_size, self.image_size)
        full = F.interpolate(low.float(), size=size, mode="bilinear", align_corners=False)
        coarse = features.levels[-1].permute(1, 2, 0).unflatten(2, features.sizes[-1])
        return self._recall.remember(mask_memory(self.network, coarse, full, score, from_prompt))
