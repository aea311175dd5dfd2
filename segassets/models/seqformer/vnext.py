"""Checkpoints of VNext's SeqFormer (github.com/wjf5203/VNext) under this network's parameter names.

That code wraps detectron2 modules, and its deformable attention has two output projections where queries are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

_PREFIX = "detr."
# parameters that take no part: the box heads again under the decoder, a projection the encoder has but does not use,
# tables that follow from sizes, and the losses' own
_UNUSED = (
    re.compile(r"^detr\.transformer\.decoder\.bbox_embed\."),
    re.compile(r"^detr\.transformer\.encoder\.layers\.\d+\.self_attn\.output_proj_box\."),
    re.compile(r"relative_position_index$|attn_mask$|num_batches_tracked$"),
    re.compile(r"^criterion\."),
)
_BACKBONE = r"^detr\.backbone\.0\.backbone\."
_RULES = tuple(
    (re.compile(pattern), target)
    for pattern, target in (
        (r"^detr\.input_proj\.", "projections."),
        (r"^detr\.query_embed\.", "queries."),
        (r"^detr\.class_embed\.", "class_heads."),
        (r"^detr\.bbox_embed\.", "box_heads."),
        (r"^detr\.transformer\.level_embed$", "level_embedding"),
        (r"^detr\.transformer\.reference_points\.", "reference."),
        (r"^detr\.transformer\.encoder\.layers\.(\d+)\.self_attn\.", r"encoder.\1.self_attn."),
        (r"^detr\.transformer\.encoder\.layers\.(\d+)\.norm1\.", r"encoder.\1.self_attn_layer_norm."),
        (r"^detr\.transformer\.encoder\.layers\.(\d+)\.linear([12])\.", r"encoder.\1.mlp.fc\2."),
        (r"^detr\.transformer\.encoder\.layers\.(\d+)\.norm2\.", r"encoder.\1.final_layer_norm."),
        (
            r"^detr\.transformer\.decoder\.layers\.(\d+)\.cross_attn\.output_proj\.",
            r"decoder.\1.instance_proj.",
        ),
        (
            r"^detr\.transformer\.decoder\.layers\.(\d+)\.cross_attn\.output_proj_box\.",
            r"decoder.\1.box_proj.",
        ),
        (r"^detr\.transformer\.decoder\.layers\.(\d+)\.cross_attn\.", r"decoder.\1.cross_attention."),
        (
            r"^detr\.transformer\.decoder\.layers\.(\d+)\.self_attn\.",
            r"decoder.\1.instance_attention.attention.",
        ),
        (
            r"^detr\.transformer\.decoder\.layers\.(\d+)\.self_attn_box\.",
            r"decoder.\1.box_attention.attention.",
        ),
        (r"^detr\.transformer\.decoder\.layers\.(\d+)\.norm1\.", r"decoder.\1.instance_norm."),
        (r"^detr\.transformer\.decoder\.layers\.(\d+)\.norm1_box\.", r"decoder.\1.box_norm."),
        (r"^detr\.transformer\.decoder\.layers\.(\d+)\.norm2\.", r"decoder.\1.instance_attention.norm."),
        (r"^detr\.transformer\.decoder\.layers\.(\d+)\.norm2_box\.", r"decoder.\1.box_attention.norm."),
        (
            r"^detr\.transformer\.decoder\.layers\.(\d+)\.linear([12])\.",
            r"decoder.\1.instance_feedforward.linear\2.",
        ),
        (
            r"^detr\.transformer\.decoder\.layers\.(\d+)\.linear([12])_box\.",
            r"decoder.\1.box_feedforward.linear\2.",
        ),
        (r"^detr\.transformer\.decoder\.layers\.(\d+)\.norm3\.", r"decoder.\1.instance_feedforward.norm."),
        (r"^detr\.transformer\.decoder\.layers\.(\d+)\.norm3_box\.", r"decoder.\1.box_feedforward.norm."),
        (r"^detr\.transformer\.decoder\.layers\.(\d+)\.time_attention_weights\.", r"decoder.\1.time_weight."),
        (r"^controller\.", "controller."),
        (r"^mask_head\.lay3\.", "mask_branch.at_32."),
        (r"^mask_head\.lay4\.", "mask_branch.at_16."),
        (r"^mask_head\.dcn\.", "mask_branch.at_8."),
        (r"^mask_head\.lay1\.", "mask_branch.narrow."),
        (r"^mask_head\.lay2\.", "mask_branch.out."),
        # detectron2's ResNet -> torchvision's
        (rf"{_BACKBONE}stem\.conv1\.norm\.", "backbone.bn1."),
        (rf"{_BACKBONE}stem\.conv1\.", "backbone.conv1."),
        (
            r"^detr\.backbone\.0\.backbone\.res([2-5])\.(\d+)\.shortcut\.norm\.",
            r"backbone.layer<\1>.\2.downsample.1.",
        ),
        (
            r"^detr\.backbone\.0\.backbone\.res([2-5])\.(\d+)\.shortcut\.",
            r"backbone.layer<\1>.\2.downsample.0.",
        ),
        (
            r"^detr\.backbone\.0\.backbone\.res([2-5])\.(\d+)\.conv([123])\.norm\.",
            r"backbone.layer<\1>.\2.bn\3.",
        ),
        (_BACKBONE + r"res([2-5])\.(\d+)\.conv([123])\.", r"backbone.layer<\1>.\2.conv\3."),
        # Swin's own names -> transformers'
        (
            r"^detr\.backbone\.0\.backbone\.patch_embed\.proj\.",
            "backbone.swin.swin.embeddings.patch_embeddings.projection.",
        ),
        (rf"{_BACKBONE}patch_embed\.norm\.", "backbone.swin.swin.embeddings.norm."),
        (rf"{_BACKBONE}norm([0-3])\.", r"backbone.swin.hidden_states_norms.stage[\1]."),
        (
            r"^detr\.backbone\.0\.backbone\.layers\.(\d)\.downsample\.",
            r"backbone.swin.swin.encoder.layers.\1.downsample.",
        ),
        (
            r"^detr\.backbone\.0\.backbone\.layers\.(\d)\.blocks\.(\d+)\.",
            r"backbone.swin.swin.encoder.layers.\1.blocks.\2.",
        ),
    )
)
_IN_BLOCK = {
    "norm1.": "layernorm_before.",
    "norm2.": "layernorm_after.",
    "attn.proj.": "attention.o_proj.",
    "attn.relative_position_bias_table": "attention.relative_position_bias.relative_position_bias_table",
}


def is_vnext(parameters: Mapping[str, object]) -> bool:
    """Whether these are the parameters of a VNext SeqFormer."""
    return any(name.startswith("detr.detr.transformer.") for name in parameters)


def from_vnext(parameters: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The parameters by this network's names; those that have no counterpart keep theirs, and loading names them."""
    found: dict[str, torch.Tensor] = {}
    for name, value in parameters.items():
        short = name.removeprefix(_PREFIX)
        if any(pattern.search(short) for pattern in _UNUSED):
            continue
        found |= _swin_qkv(_renamed(short), value)
    return found


def _renamed(name: str) -> str:
    for pattern, target in _RULES:
        renamed, count = pattern.subn(target, name)
        if count:
            break
    renamed = re.sub(r"layer<(\d)>", lambda match: f"layer{int(match[1]) - 1}", renamed)
    renamed = re.sub(r"stage\[(\d)\]", lambda match: f"stage{int(match[1]) + 1}", renamed)
    for ours, theirs in _IN_BLOCK.items():
        renamed = re.sub(rf"(\.blocks\.\d+\.){re.escape(ours)}", rf"\1{theirs}", renamed)
    return renamed


def _swin_qkv(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """Swin's joined projection as three; any other parameter as it is."""
    if ".attn.qkv." not in name:
        return {name: value}
    parts = zip("qkv", value.chunk(3), strict=True)
    return {name.replace(".attn.qkv.", f".attention.{letter}_proj."): part for letter, part in parts}
