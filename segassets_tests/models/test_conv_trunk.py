"""The convolutional trunk gives what sam2's neck and layer-wise learning rates expect of a trunk."""

from __future__ import annotations

import pytest
import torch

from segassets.models.sam2.conv_trunk import ConvTrunk, ResidualBlock


@pytest.mark.parametrize("height, width", [(32, 32), (64, 96), (256, 256)])
def test_maps_at_four_strides(height: int, width: int) -> None:
    trunk = ConvTrunk((8, 16, 24, 32), (1, 1, 2, 1))
    maps = trunk(torch.randn(2, 3, height, width))
    assert [tuple(m.shape) for m in maps] == [
        (2, channels, height // stride, width // stride)
        for channels, stride in zip((8, 16, 24, 32), (4, 8, 16, 32), strict=True)
    ]
    assert trunk.channel_list == [32, 24, 16, 8]


def test_a_picture_does_not_depend_on_its_batch() -> None:
    trunk, pictures = ConvTrunk((8, 8, 8, 8), (1, 1, 1, 1)), torch.randn(3, 3, 64, 64)
    together = trunk(pictures)
    for alone, all_three in zip(trunk(pictures[1:2]), together, strict=True):
        torch.testing.assert_close(alone[0], all_three[1])


def test_a_new_block_of_one_size_is_its_shortcut() -> None:
    x = torch.rand(1, 8, 16, 16)
    torch.testing.assert_close(ResidualBlock(8, 8, 1)(x), x)


def test_every_parameter_has_a_depth() -> None:
    trunk = ConvTrunk((8, 8, 8, 8), (1, 2, 1, 1))
    depths = [trunk.get_layer_id(f"trunk.{name}") for name, _ in trunk.named_parameters()]
    assert sorted(set(depths)) == [0, 1, 2, 3, 4] and depths == sorted(depths)
    assert trunk.get_num_layers() == 4


@pytest.mark.parametrize("channels, blocks", [((8, 8, 8), (1, 1, 1)), ((8, 8, 8, 12), (1, 1, 1, 1))])
def test_other_shapes_are_refused(channels: tuple[int, ...], blocks: tuple[int, ...]) -> None:
    with pytest.raises(TypeError, match="multiples of 8"):
        ConvTrunk(channels, blocks)
