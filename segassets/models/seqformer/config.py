"""The `network` section of a SeqFormer's file in `configs/models/`. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from segassets.strict import StrictModel


class ResNetBackbone(StrictModel):
    """torchvision's ResNet with frozen batch norm, as detection networks use it."""

    kind: Literal["resnet"]
    depth: Literal[50, 101] = Field(50, description="Number of layers.")


class SwinBackbone(StrictModel):
    """A Swin transformer (Liu et al. 2021); the defaults are the large one."""

    kind: Literal["swin"]
    embed_dim: int = Field(192, ge=8, description="Channels of the finest map; doubled at each coarser one.")
    depths: tuple[int, int, int, int] = Field((2, 2, 18, 2), description="Blocks of each stage.")
    heads: tuple[int, int, int, int] = Field((6, 12, 24, 48), description="Attention heads of each stage.")
    window: int = Field(12, ge=2, description="Side of the attention windows, in tokens.")
    drop_path: float = Field(0.3, ge=0, lt=1, description="Share of blocks skipped while training.")


class ConvBackbone(StrictModel):
    """The convolutional trunk of this repository's small SAM2 with its feature pyramid."""

    kind: Literal["conv"]
    channels: tuple[int, int, int, int] = Field(
        (32, 64, 128, 256), description="Of the four maps, finest first."
    )
    blocks: tuple[int, int, int, int] = Field((2, 2, 3, 2), description="Residual blocks before each map.")
    pyramid: int = Field(128, ge=8, description="Channels of the feature pyramid over them.")


Backbone = Annotated[ResNetBackbone | SwinBackbone | ConvBackbone, Field(discriminator="kind")]


class SeqFormerConfig(StrictModel):
    """Sizes of the network; the defaults are the published ones."""

    backbone: Backbone = Field(ResNetBackbone(kind="resnet"), description="What makes the feature maps.")
    backbone_weights: str | None = Field(
        None,
        description="Start values of the backbone where training begins: `nano` (the shipped SAM2's encoder), or the "
        "path of a torchvision .pth or a .safetensors file.",
    )
    classes: int = Field(40, ge=1, description="Categories told apart; 1 for class-agnostic.")
    category_ids: tuple[int, ...] | None = Field(
        None,
        description="Ids of the categories in the order of the outputs; empty for 1, 2, ..., or for no category at all "
        "where there is one output.",
    )
    queries: int = Field(300, ge=1, description="Instances a video may have.")
    hidden: int = Field(256, ge=8, description="Channels of the transformer.")
    heads: int = Field(8, ge=1, description="Attention heads.")
    encoder_layers: int = Field(6, ge=1, description="Layers over each frame's features.")
    decoder_layers: int = Field(6, ge=1, description="Layers over the queries.")
    points: int = Field(4, ge=1, description="Places each head looks at on each level.")
    feedforward: int = Field(1024, ge=8, description="Channels inside the feed-forward parts.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of values dropped while training.")
    extra_levels: int = Field(
        1, ge=0, le=2, description="Levels coarser than stride 32, each half the one before."
    )
    mask_channels: int = Field(8, ge=1, description="Channels of the mask features.")
    dynamic_channels: int = Field(8, ge=1, description="Channels inside the convolutions each query brings.")
    mask_stride: Literal[4, 8] = Field(
        8,
        description="Stride of the mask features; at 4 the backbone's finest map is added. Masks come out at stride 4.",
    )
    picture: Literal["short_side", "square"] = Field(
        "short_side",
        description="What image_size is the length of: the picture's shorter side, its shape kept, or both sides of "
        "the square it is pressed into.",
    )
    coordinate_scale: float = Field(
        1.0, gt=0, description="Factor on the relative coordinates, which are in px."
    )

    @model_validator(mode="after")
    def _divides(self) -> SeqFormerConfig:
        if self.hidden % self.heads or self.hidden % 4:
            raise ValueError(
                f"hidden: expected a multiple of 4 and of heads ({self.heads}), found {self.hidden}"
            )
        if self.category_ids is not None and len(self.category_ids) != self.classes:
            raise ValueError(
                f"category_ids: expected an id for each of {self.classes} classes, found {len(self.category_ids)}"
            )
        return self

    @property
    def ids(self) -> tuple[int, ...]:
        """The category id of each output; -1 for none."""
        if self.category_ids is not None:
            return self.category_ids
        return (-1,) if self.classes == 1 else tuple(range(1, self.classes + 1))

    @property
    def levels(self) -> int:
        """Levels the transformer sees: strides 8, 16, 32 and the extra ones."""
        return 3 + self.extra_levels

    @property
    def dynamic_parameters(self) -> int:
        """Values the controller gives for each query: three 1x1 convolutions with biases."""
        inner = self.dynamic_channels
        return (self.mask_channels + 2) * inner + inner + inner * inner + inner + inner + 1


class WindowConfig(StrictModel):
    """How a video of any length is seen: in windows that overlap, whose instances are linked by what they share."""

    frames: int = Field(5, ge=1, description="Frames of a window.")
    stride: int = Field(
        2, ge=1, description="Frames from one window to the next; fewer than `frames`, to overlap."
    )
    top: int = Field(20, ge=1, description="Instances of a window, the best by score.")
    score: float = Field(0.05, ge=0, lt=1, description="Instances and tubes below this score are dropped.")
    link_iou: float = Field(
        0.3,
        gt=0,
        le=1,
        description="Least IoU, over the frames two windows share, of an instance that goes on.",
    )
    max_overlap: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Of two instances of a window whose masks overlap more the lower score is dropped; 1 keeps both.",
    )
    mask: float = Field(0.5, gt=0, lt=1, description="Probability from which a pixel is inside.")
    labels: int = Field(1, ge=1, description="Categories a tube may be given, each with its own score.")

    @model_validator(mode="after")
    def _overlap(self) -> WindowConfig:
        if self.frames > 1 and self.stride >= self.frames:
            raise ValueError(f"stride: expected less than frames ({self.frames}), found {self.stride}")
        return self
