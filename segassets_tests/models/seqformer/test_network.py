"""SeqFormer's parts against plain computations, its shapes, and what must not depend on what."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from transformers.models.deformable_detr.modeling_deformable_detr import MultiScaleDeformableAttention

from segassets.models.seqformer.config import SeqFormerConfig
from segassets.models.seqformer.layers import LevelSampling
from segassets.models.seqformer.mask_head import dynamic_masks, enlarge_aligned
from segassets.models.seqformer.windows import segment_window
from segassets_tests.models.seqformer.tiny import tiny_network


def test_sampling_is_that_of_transformers() -> None:
    torch.manual_seed(0)
    shapes = [(5, 7), (3, 4), (1, 1)]
    value = torch.randn(2, 48, 2, 4)
    places = torch.rand(2, 9, 2, 3, 4, 2) * 1.4 - 0.2  # some outside
    weights = torch.rand(2, 9, 2, 3, 4)
    theirs = MultiScaleDeformableAttention()(value, torch.tensor(shapes), shapes, None, places, weights, 64)
    assert torch.allclose(LevelSampling()(value, None, shapes, None, places, weights, 64), theirs, atol=1e-5)


def test_published_mask_head_has_169_parameters() -> None:
    assert SeqFormerConfig().dynamic_parameters == 169


@pytest.mark.parametrize(("frames", "count"), [(1, 1), (3, 2), (2, 0)])
def test_masks_are_convolutions_of_features_and_relative_places(frames: int, count: int) -> None:
    torch.manual_seed(1)
    channels, inner, stride, scale = 3, 4, 8, 0.5
    features = torch.randn(frames, channels, 5, 6)
    points = torch.rand(frames, count, 2) * 40
    kernels = torch.randn(count, (channels + 2) * inner + inner * inner + inner + 2 * inner + 1)
    found = dynamic_masks(features, points, kernels, inner, stride, scale)
    assert found.shape == (count, frames, 10, 12)
    for t in range(frames):
        for m in range(count):
            y, x = torch.meshgrid(torch.arange(5) * 8.0 + 4, torch.arange(6) * 8.0 + 4, indexing="ij")
            place = torch.stack([points[t, m, 0] - x, points[t, m, 1] - y]) * scale
            h = torch.cat([place, features[t]])[None]
            sizes = [(channels + 2) * inner, inner * inner, inner, inner, inner, 1]
            w1, w2, w3, b1, b2, b3 = kernels[m].split(sizes)
            h = torch.relu(F.conv2d(h, w1.view(inner, channels + 2, 1, 1), b1))
            h = torch.relu(F.conv2d(h, w2.view(inner, inner, 1, 1), b2))
            h = F.conv2d(h, w3.view(1, inner, 1, 1), b3)
            assert torch.allclose(
                found[m, t, 1::2, 1::2], h[0, 0], atol=1e-4
            )  # old pixels lie on odd new ones


def test_enlarged_maps_are_linear_between_old_pixels() -> None:
    ramp = torch.arange(4.0).expand(1, 1, 3, 4)
    assert enlarge_aligned(ramp, 2)[0, 0, 0].tolist() == [0, 0, 0.5, 1, 1.5, 2, 2.5, 3]
    assert enlarge_aligned(ramp, 1) is ramp


@pytest.mark.parametrize("mask_stride", [4, 8])
@pytest.mark.parametrize(("videos", "frames", "height", "width"), [(1, 1, 32, 32), (2, 3, 64, 96)])
def test_shapes(videos: int, frames: int, height: int, width: int, mask_stride: int) -> None:
    network = tiny_network(mask_stride=mask_stride)
    encoded = network.encode(torch.randn(videos * frames, 3, height, width))
    outputs = network.decode(encoded, videos)
    assert len(outputs) == 2
    for output in outputs:
        assert output.logits.shape == (videos, 6, 3)
        assert output.boxes.shape == (videos, frames, 6, 4)
        assert ((output.boxes > 0) & (output.boxes < 1)).all()
    masks = network.masks(encoded, outputs[-1], videos - 1, torch.tensor([0, 5]))
    assert masks.shape == (2, frames, height // 4, width // 4)
    assert network.masks(encoded, outputs[-1], 0, torch.zeros(0, dtype=torch.long)).shape[0] == 0


def test_the_class_count_is_applied() -> None:
    assert [head.out_features for head in tiny_network(classes=7).class_heads] == [7, 7]


def test_a_frame_is_encoded_the_same_whatever_is_beside_it() -> None:
    network, pictures = tiny_network(), torch.randn(3, 3, 64, 64)
    together, alone = network.encode(pictures), network.encode(pictures[1:2])
    assert torch.allclose(together.memory.tokens[1:2], alone.memory.tokens, atol=1e-5)
    assert torch.allclose(together.mask_features[1:2], alone.mask_features, atol=1e-5)


def test_sets_of_queries_see_nothing_of_each_other() -> None:
    network = tiny_network()
    encoded = network.encode(torch.randn(2, 3, 32, 32))
    own = network.queries.weight
    alone = network.decode(encoded, 1)[-1]
    both = network.decode(encoded, 1, torch.cat([own, torch.randn_like(own)]), sets=2)[-1]
    assert torch.allclose(both.logits[:, :6], alone.logits, atol=1e-5)
    assert torch.allclose(both.boxes[:, :, :6], alone.boxes, atol=1e-5)


def test_order_of_frames_does_not_matter_to_an_instance() -> None:
    """Time is a weighted sum: the frames reversed give the same category and the boxes reversed."""
    network, pictures = tiny_network(), torch.randn(3, 3, 32, 32)
    forward = network.decode(network.encode(pictures), 1)[-1]
    backward = network.decode(network.encode(pictures.flip(0)), 1)[-1]
    assert torch.allclose(forward.logits, backward.logits, atol=1e-5)
    assert torch.allclose(forward.boxes.flip(1), backward.boxes, atol=1e-5)


@pytest.mark.parametrize("size", [(30, 45), (64, 64), (1, 1)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    found = segment_window(tiny_network(), torch.randn(2, 3, *size), top=4)
    assert found.mask_logits().shape == (4, 2, *size)
    assert found.mask_logits((20, 10)).shape == (4, 2, 20, 10)
    assert (found.scores.amax(1).diff() <= 0).all()
    assert torch.isfinite(found.mask_logits()).all()


def test_nothing_above_the_score() -> None:
    found = segment_window(tiny_network(), torch.randn(1, 3, 32, 32), top=4, score=0.999)
    assert found.mask_logits().shape == (0, 1, 32, 32)
