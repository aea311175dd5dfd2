"""Layers as they run on processors give what torch's and sam2's own give."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segassets.models.processor import linear, pairwise, quicken_layers
from segassets.models.sam2.instantiate import prepare_sam2
from segassets.models.sam2.memory import FrameMemory
from segassets.models.sam2.recall import Recall, Remembered

prepare_sam2()

from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer  # noqa: E402
from sam2.modeling.memory_encoder import CXBlock, Fuser  # noqa: E402
from sam2.modeling.position_encoding import PositionEmbeddingSine  # noqa: E402
from sam2.modeling.sam.transformer import Attention, RoPEAttention, TwoWayTransformer  # noqa: E402
from sam2.modeling.sam2_utils import LayerNorm2d  # noqa: E402

from segassets.models.sam2.processor_layers import quicken  # noqa: E402


@pytest.mark.parametrize("then", ["none", "relu", "gelu"])
@pytest.mark.parametrize("rows", [0, 1, 700])
@torch.no_grad()
def test_linear_is_torchs(rows: int, then: Any) -> None:
    x, weight, bias = torch.randn(rows, 2, 96), torch.randn(80, 96), torch.randn(80)
    expected = F.linear(x, weight, bias)
    expected = expected if then == "none" else getattr(F, then)(expected)
    assert torch.allclose(linear(x, weight, bias, then), expected, atol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(nn.Conv2d(32, 48, 3, 1, 1, bias=False), id="3x3"),
        pytest.param(nn.Conv2d(32, 48, 1), id="1x1"),
        pytest.param(nn.Conv2d(32, 32, 7, 2, 3, groups=32), id="each channel alone, with a stride"),
        pytest.param(nn.Conv2d(32, 16, 3, padding="same", dilation=2), id="same size"),
        pytest.param(nn.Conv2d(32, 16, 3, padding=1, padding_mode="reflect"), id="mirrored edges"),
    ],
)
@pytest.mark.parametrize("shape", [(1, 32, 8, 8), (3, 32, 9, 13)], ids=["small", "several"])
@torch.no_grad()
def test_convolution_is_torchs(layer: nn.Conv2d, shape: tuple[int, ...]) -> None:
    quick, picture = copy.deepcopy(layer), torch.randn(shape)
    quicken_layers(quick)
    assert torch.allclose(quick(picture), layer(picture), atol=1e-4)


@torch.no_grad()
def test_pairwise_is_a_batched_product() -> None:
    first, second = torch.randn(3, 50, 64), torch.randn(3, 200, 64)
    assert torch.allclose(pairwise(first, second), first @ second.mT, atol=1e-4)


def test_gradients_flow_through_exchanged_layers() -> None:
    plain = nn.Linear(64, 64)
    quick = copy.deepcopy(plain)
    quicken_layers(quick)
    x = torch.randn(500, 64)
    plain(x).square().sum().backward()
    quick(x).square().sum().backward()
    assert plain.weight.grad is not None and quick.weight.grad is not None
    assert torch.equal(plain.weight.grad, quick.weight.grad)


def _values(module: nn.Module) -> nn.Module:
    """The module in eval mode with values that show every term, biases and scales too."""
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module.eval()


@pytest.mark.parametrize(
    ("module", "shapes"),
    [
        pytest.param(LayerNorm2d(24), [(2, 24, 9, 7)], id="norm over channels"),
        pytest.param(LayerNorm2d(24), [(1, 24, 1, 1)], id="norm of one pixel"),
        pytest.param(Fuser(CXBlock(32), 2), [(2, 32, 12, 12)], id="memory fuser"),
        pytest.param(Fuser(CXBlock(32, layer_scale_init_value=0), 1), [(1, 32, 12, 12)], id="without scale"),
        pytest.param(PositionEmbeddingSine(32), [(3, 32, 5, 7)], id="positions of a picture"),
        pytest.param(Attention(32, 4, 2), [(3, 5, 32), (3, 144, 32), (3, 144, 32)], id="tokens ask"),
        pytest.param(Attention(32, 4, 2), [(3, 144, 32), (3, 5, 32), (3, 5, 32)], id="positions ask"),
        pytest.param(Attention(32, 4), [(3, 5, 32)] * 3, id="tokens among themselves"),
        pytest.param(
            TwoWayTransformer(2, 32, 4, 64), [(3, 32, 12, 12), (3, 32, 12, 12), (3, 7, 32)], id="mask decoder"
        ),
    ],
)
@torch.no_grad()
def test_layers_give_what_sam2s_own_give(module: nn.Module, shapes: list[tuple[int, ...]]) -> None:
    plain = _values(module)
    quick = quicken(copy.deepcopy(plain))
    inputs = [torch.randn(shape) for shape in shapes]
    expected, found = plain(*inputs), quick(*inputs)
    for want, have in zip(_listed(expected), _listed(found), strict=True):
        assert torch.allclose(have, want, atol=1e-4, rtol=1e-4)


def _listed(result: Any) -> list[torch.Tensor]:
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("objects", [1, 3])
@pytest.mark.parametrize("pointers", [0, 4])
@pytest.mark.parametrize("places", [True, False], ids=["everywhere", "at input"])
@pytest.mark.parametrize("kept", [True, False], ids=["keys kept", "keys anew"])
@torch.no_grad()
def test_recall_is_sam2s_memory_attention(objects: int, pointers: int, places: bool, kept: bool) -> None:
    rotary: dict[str, Any] = {"embedding_dim": 32, "num_heads": 1, "feat_sizes": (8, 8)}
    layer = MemoryAttentionLayer(
        "relu", RoPEAttention(**rotary, kv_in_dim=16, rope_k_repeat=True), 32, 48, 0.0, places, places, places,
        RoPEAttention(**rotary),
    )  # fmt: skip
    attention: Any = _values(MemoryAttention(32, True, layer, 2))
    tokens, position = torch.randn(1, 64, 32), torch.randn(1, 64, 32)
    frames = [torch.randn(objects, 64, 16).bfloat16() for _ in range(3)]
    encodings, slots = torch.randn(5, 64, 16), [4, 1, 0]
    last, last_places = torch.randn(2, objects, pointers, 16)
    memory = torch.cat([*(frame.float() for frame in frames), last], 1)
    encoding = torch.cat([*(encodings[slot].expand(objects, -1, -1) for slot in slots), last_places], 1)
    expected = attention(
        tokens.expand(objects, -1, -1).transpose(0, 1), memory.transpose(0, 1),
        position.expand(objects, -1, -1).transpose(0, 1), encoding.transpose(0, 1), pointers,
    ).transpose(0, 1)  # fmt: skip
    recall = Recall(quicken(copy.deepcopy(attention)), encodings)
    remembered = [recall.remember(frame.float()) if kept else FrameMemory(frame) for frame in frames]
    assert all(len(frame.keys) == (2 if kept else 0) for frame in remembered)
    found = recall(tokens, position, Remembered(remembered, slots, last, last_places))
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)
