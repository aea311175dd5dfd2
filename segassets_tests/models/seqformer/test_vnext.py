"""VNext's checkpoints: a generated state dict of its names and shapes fills the network, and nothing is left."""

from __future__ import annotations

import torch

from segassets.models.seqformer.config import SeqFormerConfig, SwinBackbone
from segassets.models.seqformer.network import SeqFormer
from segassets.models.seqformer.vnext import from_vnext, is_vnext
from segassets_tests.models.seqformer.tiny import tiny_config

Shapes = dict[str, tuple[int, ...]]


def linear(name: str, out: int, inner: int) -> Shapes:
    return {f"{name}.weight": (out, inner), f"{name}.bias": (out,)}


def norm(name: str, channels: int) -> Shapes:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def frozen(name: str, channels: int) -> Shapes:
    return norm(name, channels) | {f"{name}.running_mean": (channels,), f"{name}.running_var": (channels,)}


def deformable(name: str, c: int, heads: int, levels: int, points: int) -> Shapes:
    samples = heads * levels * points
    return (
        linear(f"{name}.sampling_offsets", samples * 2, c) | linear(f"{name}.attention_weights", samples, c)
        | linear(f"{name}.value_proj", c, c) | linear(f"{name}.output_proj", c, c)
        | linear(f"{name}.output_proj_box", c, c)
    )  # fmt: skip


def attention(name: str, c: int) -> Shapes:
    inner = {f"{name}.in_proj_weight": (3 * c, c), f"{name}.in_proj_bias": (3 * c,)}
    return inner | linear(f"{name}.out_proj", c, c)


def mlp(name: str, c: int, out: int) -> Shapes:
    return (
        linear(f"{name}.layers.0", c, c)
        | linear(f"{name}.layers.1", c, c)
        | linear(f"{name}.layers.2", out, c)
    )


def vnext_head(config: SeqFormerConfig, maps: tuple[int, ...]) -> Shapes:
    """What VNext's DeformableDETR and CondInst_segm hold besides the backbone."""
    c, ffn, sizes = config.hidden, config.feedforward, (config.heads, config.levels, config.points)
    found: Shapes = {"detr.detr.query_embed.weight": (config.queries, 2 * c)}
    for level, channels in enumerate(maps):
        found |= {
            f"detr.detr.input_proj.{level}.0.weight": (c, channels, 1, 1),
            f"detr.detr.input_proj.{level}.0.bias": (c,),
        }
        found |= norm(f"detr.detr.input_proj.{level}.1", c)
    found |= {"detr.detr.input_proj.3.0.weight": (c, maps[-1], 3, 3), "detr.detr.input_proj.3.0.bias": (c,)}
    found |= norm("detr.detr.input_proj.3.1", c)
    root = "detr.detr.transformer"
    found |= {f"{root}.level_embed": (config.levels, c)} | linear(f"{root}.reference_points", 2, c)
    for number in range(config.encoder_layers):
        name = f"{root}.encoder.layers.{number}"
        found |= deformable(f"{name}.self_attn", c, *sizes) | linear(f"{name}.linear1", ffn, c)
        found |= linear(f"{name}.linear2", c, ffn) | norm(f"{name}.norm1", c) | norm(f"{name}.norm2", c)
    for number in range(config.decoder_layers):
        name = f"{root}.decoder.layers.{number}"
        found |= deformable(f"{name}.cross_attn", c, *sizes) | linear(f"{name}.time_attention_weights", 1, c)
        for end in ("", "_box"):
            found |= attention(f"{name}.self_attn{end}", c)
            found |= linear(f"{name}.linear1{end}", ffn, c) | linear(f"{name}.linear2{end}", c, ffn)
            for which in (1, 2, 3):
                found |= norm(f"{name}.norm{which}{end}", c)
        found |= linear(f"detr.detr.class_embed.{number}", config.classes, c)
        found |= mlp(f"detr.detr.bbox_embed.{number}", c, 4) | mlp(
            f"{root}.decoder.bbox_embed.{number}", c, 4
        )
    found |= mlp("detr.controller", c, config.dynamic_parameters)
    for name, out, inner in (
        ("lay3", c, c), ("lay4", c, c), ("dcn", c, c), ("lay1", c // 4, c), ("lay2", c // 32, c // 4),
    ):  # fmt: skip
        found |= {f"detr.mask_head.{name}.weight": (out, inner, 3, 3), f"detr.mask_head.{name}.bias": (out,)}
    return found


def detectron_resnet50() -> Shapes:
    root = "detr.detr.backbone.0.backbone"
    found: Shapes = {f"{root}.stem.conv1.weight": (64, 3, 7, 7)} | frozen(f"{root}.stem.conv1.norm", 64)
    before = 64
    for stage, blocks, inner in ((2, 3, 64), (3, 4, 128), (4, 6, 256), (5, 3, 512)):
        for block in range(blocks):
            name = f"{root}.res{stage}.{block}"
            for conv, out, into, side in (
                (1, inner, before, 1),
                (2, inner, inner, 3),
                (3, 4 * inner, inner, 1),
            ):
                found |= {f"{name}.conv{conv}.weight": (out, into, side, side)} | frozen(
                    f"{name}.conv{conv}.norm", out
                )
            if block == 0:
                found |= {f"{name}.shortcut.weight": (4 * inner, before, 1, 1)} | frozen(
                    f"{name}.shortcut.norm", 4 * inner
                )
            before = 4 * inner
    return found


def swin(config: SwinBackbone) -> Shapes:
    root, c = "detr.detr.backbone.0.backbone", config.embed_dim
    found: Shapes = {f"{root}.patch_embed.proj.weight": (c, 3, 4, 4), f"{root}.patch_embed.proj.bias": (c,)}
    found |= norm(f"{root}.patch_embed.norm", c)
    for stage, (depth, heads) in enumerate(zip(config.depths, config.heads, strict=True)):
        width = c * 2**stage
        for block in range(depth):
            name = f"{root}.layers.{stage}.blocks.{block}"
            found |= norm(f"{name}.norm1", width) | norm(f"{name}.norm2", width)
            found |= linear(f"{name}.attn.qkv", 3 * width, width) | linear(f"{name}.attn.proj", width, width)
            found |= {f"{name}.attn.relative_position_bias_table": ((2 * config.window - 1) ** 2, heads)}
            found |= {f"{name}.attn.relative_position_index": (config.window**2, config.window**2)}
            found |= linear(f"{name}.mlp.fc1", 4 * width, width) | linear(f"{name}.mlp.fc2", width, 4 * width)
        if stage < 3:
            found |= {f"{root}.layers.{stage}.downsample.reduction.weight": (2 * width, 4 * width)}
            found |= norm(f"{root}.layers.{stage}.downsample.norm", 4 * width)
        found |= norm(f"{root}.norm{stage}", width)
    return found


def test_published_r50_layout_fits_name_by_name() -> None:
    config = SeqFormerConfig()
    with torch.device("meta"):
        wanted = {name: tuple(value.shape) for name, value in SeqFormer(config).state_dict().items()}
        stored = {
            name: torch.empty(shape)
            for name, shape in (detectron_resnet50() | vnext_head(config, (512, 1024, 2048))).items()
        }
    assert is_vnext(stored)
    assert {name: tuple(value.shape) for name, value in from_vnext(stored).items()} == wanted


def test_swin_layout_loads_and_gives_each_projection_its_part() -> None:
    backbone = SwinBackbone(
        kind="swin", embed_dim=8, depths=(1, 1, 2, 1), heads=(1, 2, 2, 2), window=4, drop_path=0.0
    )
    config = tiny_config(backbone=backbone, hidden=64, mask_channels=2, mask_stride=8)
    torch.manual_seed(0)
    stored = {
        name: torch.randn(shape)
        for name, shape in (swin(backbone) | vnext_head(config, (16, 32, 64))).items()
    }
    network = SeqFormer(config)
    found = network.load_state_dict(from_vnext(stored), strict=False)
    assert found.unexpected_keys == []
    assert found.missing_keys == ["backbone.swin.swin.layernorm.weight", "backbone.swin.swin.layernorm.bias"]
    block = network.backbone.swin.swin.encoder.layers[2].blocks[1]
    joined = stored["detr.detr.backbone.0.backbone.layers.2.blocks.1.attn.qkv.weight"]
    parts = (block.attention.q_proj, block.attention.k_proj, block.attention.v_proj)
    assert torch.equal(torch.cat([part.weight for part in parts]), joined)
    network.eval()
    assert torch.isfinite(network.decode(network.encode(torch.randn(2, 3, 64, 64)), 1)[-1].logits).all()


def test_what_has_no_counterpart_keeps_its_name() -> None:
    assert list(from_vnext({"detr.something.new": torch.ones(1)})) == ["something.new"]
    assert not is_vnext({"backbone.conv1.weight": 1})
