"""Backbones of SeqFormer: pictures -> feature maps at strides 4, 8, 16, 32."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from segassets.models.sam2.conv_trunk import ConvTrunk
from segassets.models.sam2.instantiate import prepare_sam2
from segassets.models.seqformer.config import Backbone, ConvBackbone, ResNetBackbone, SwinBackbone


class Maps(nn.Module):
    """A backbone; `channels` are those of its four maps, finest first."""

    channels: tuple[int, ...]


class ResNetMaps(Maps):
    """torchvision's ResNet without its head; parameter names are torchvision's."""

    def __init__(self, config: ResNetBackbone) -> None:
        super().__init__()
        import torchvision
        from torchvision.ops import FrozenBatchNorm2d

        whole = getattr(torchvision.models, f"resnet{config.depth}")(
            weights=None, norm_layer=FrozenBatchNorm2d
        )
        for name in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4"):
            setattr(self, name, getattr(whole, name))
        self.channels = (256, 512, 1024, 2048)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) normalised -> maps (N, C, H / stride, W / stride), finest first."""
        layers: Any = self
        x = F.max_pool2d(torch.relu(layers.bn1(layers.conv1(x))), 3, 2, 1)
        maps = []
        for stage in (layers.layer1, layers.layer2, layers.layer3, layers.layer4):
            x = stage(x)
            maps.append(x)
        return maps


class SwinMaps(Maps):
    """transformers' Swin with a norm on every map; parameter names are those of its SwinBackbone."""

    def __init__(self, config: SwinBackbone) -> None:
        super().__init__()
        from transformers import SwinBackbone as Swin
        from transformers import SwinConfig

        values: dict[str, Any] = {"out_features": ["stage1", "stage2", "stage3", "stage4"]}
        self.swin = Swin(
            SwinConfig(
                embed_dim=config.embed_dim, depths=list(config.depths), num_heads=list(config.heads),
                window_size=config.window, drop_path_rate=config.drop_path, **values,
            )
        )  # fmt: skip
        self.channels = tuple(config.embed_dim * 2**level for level in range(4))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) normalised -> maps (N, C, H / stride, W / stride), finest first."""
        return list(self.swin(x).feature_maps)


class ConvMaps(Maps):
    """The convolutional trunk and a feature pyramid of equal channels; parameter names are those of sam2's encoder."""

    def __init__(self, config: ConvBackbone) -> None:
        super().__init__()
        prepare_sam2()
        from sam2.modeling.backbones.image_encoder import FpnNeck
        from sam2.modeling.position_encoding import PositionEmbeddingSine

        self.trunk = ConvTrunk(config.channels, config.blocks)
        self.neck = FpnNeck(
            position_encoding=PositionEmbeddingSine(num_pos_feats=config.pyramid),
            d_model=config.pyramid,
            backbone_channel_list=list(self.trunk.channel_list),
            fpn_top_down_levels=[0, 1, 2, 3],
            fpn_interp_model="nearest",
        )
        self.channels = (config.pyramid,) * 4

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) normalised -> maps (N, C, H / stride, W / stride), finest first."""
        return list(self.neck(self.trunk(x))[0])


_KINDS: dict[str, Any] = {"resnet": ResNetMaps, "swin": SwinMaps, "conv": ConvMaps}


def build_backbone(config: Backbone) -> Maps:
    """The backbone of a config, with random values."""
    return _KINDS[config.kind](config)
