"""How SAM 2 remembers the masks of a frame: what its memory encoder makes of them, and where it places them.

Computes what sam2's `_encode_new_memory` computes; what objects have in common is computed once.
"""

from __future__ import annotations

from typing import Any

import torch


def mask_memory(
    network: Any, coarse: torch.Tensor, logits: torch.Tensor, score: torch.Tensor, from_prompt: bool
) -> torch.Tensor:
    """Memory tokens of B objects on one frame (B, HW, C_mem).

    Args:
        network: SAM2Base.
        coarse: the frame's coarsest features (1, C, H, W).
        logits: of the masks, at the size of the network's input (B, 1, S, S).
        score: logit of each object's presence (B, 1).
        from_prompt: the masks answer a prompt.
    """
    if network.non_overlap_masks_for_mem_enc:
        logits = network._apply_non_overlapping_constraints(logits)
    binary = network.binarize_mask_from_pts_for_mem_enc and from_prompt
    masks = (logits > 0).float() if binary else logits.sigmoid()
    masks = masks.mul_(network.sigmoid_scale_for_mem_enc).add_(network.sigmoid_bias_for_mem_enc)
    encoder = network.memory_encoder
    mixed = encoder.mask_downsampler(masks) + encoder.pix_feat_proj(coarse)
    found = encoder.out_proj(encoder.fuser(mixed))
    if network.no_obj_embed_spatial is not None:
        absent = (score <= 0).to(found.dtype)[..., None, None]
        found = found + absent * network.no_obj_embed_spatial[..., None, None]
    return found.flatten(2).transpose(1, 2)


@torch.no_grad()
def memory_places(network: Any) -> torch.Tensor:
    """Positional and temporal encoding of mask memories (num_maskmem, HW, C_mem): row k of one k + 1 frames old, the
    last of the frame with the prompt."""
    times = network.maskmem_tpos_enc  # (num_maskmem, 1, 1, C_mem)
    side = network.sam_image_embedding_size
    blank = torch.zeros(1, network.mem_dim, side, side, device=times.device)
    spatial = network.memory_encoder.position_encoding(blank).flatten(2).transpose(1, 2)  # (1, HW, C_mem)
    return spatial + times[:, 0]
