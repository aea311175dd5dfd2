"""How a SAM2 starts to learn from nothing: small pictures, and prompts that look where they point.

Points and pixels carry the same positional code. With equal query and key projections, attention between them
starts out peaked at the prompt's place; from independent ones, finding that place is most of what the first
thousand steps of training do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

SHARPNESS = 2.0


@torch.no_grad()
def align_prompts_with_places(network: SAM2Base) -> None:
    """Set the key projection of every attention between prompt tokens and the image to its query
    projection."""
    transformer = network.sam_mask_decoder.transformer
    crossings = [layer.cross_attn_token_to_image for layer in transformer.layers]
    crossings += [layer.cross_attn_image_to_token for layer in transformer.layers]
    for attention in [*crossings, transformer.final_attn_token_to_image]:
        torch.nn.init.orthogonal_(attention.q_proj.weight, gain=SHARPNESS)
        attention.k_proj.weight.copy_(attention.q_proj.weight)
        attention.q_proj.bias.zero_()
        attention.k_proj.bias.zero_()


def set_picture_size(network: SAM2Base, size_px: int) -> None:
    """Make a network take pictures of another size (a multiple of 32); no weight depends on it."""
    side = size_px // network.backbone_stride
    network.image_size, network.sam_image_embedding_size = size_px, side
    prompts = network.sam_prompt_encoder
    prompts.input_image_size, prompts.image_embedding_size = (size_px, size_px), (side, side)
    prompts.mask_input_size = (4 * side, 4 * side)
