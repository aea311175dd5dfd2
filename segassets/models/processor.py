"""Matrix products of networks on processors, by oneDNN: the widest vectors whoever made the processor.

torch multiplies float32 matrices with MKL, which keeps its AVX-512 kernels to Intel's processors and is half as fast as
it could be on AMD's. oneDNN, which torch brings along for convolutions, has no such rule. Results differ from torch's
own by the order of summation, as those of two processors do.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

_SMALL = 1 << 16  # multiplications below which the call costs more than the kernel saves


@cache
def has_onednn() -> bool:
    """Whether oneDNN's linear operator, the one of torch.compile on processors, is there."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def runs_plainly(x: torch.Tensor) -> bool:
    """Whether work on `x` is float32 on a processor, without gradients: what this module is for."""
    return (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    )


def linear(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    then: Literal["none", "relu", "gelu"] = "none",
) -> torch.Tensor:
    """then(x @ weight.T + bias) for x (..., in) and weight (out, in); gradients, other types and devices included."""
    if runs_plainly(x) and x.numel() * weight.size(0) >= _SMALL and has_onednn():
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, then, [], "none" if then == "gelu" else "")
    result = F.linear(x, weight, bias)
    return result if then == "none" else getattr(F, then)(result)


def pairwise(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Inner products of the rows of each pair of matrices: (B, n, k), (B, m, k) -> (B, n, m)."""
    if not runs_plainly(first):
        return first @ second.mT
    return torch.stack([linear(own, other) for own, other in zip(first, second, strict=True)])


class ProcessorLinear(nn.Linear):
    """nn.Linear by `linear`."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(..., in) -> (..., out)."""
        return linear(input, self.weight, self.bias)


class ProcessorConv(nn.Conv2d):
    """nn.Conv2d by oneDNN whatever its size: to small pictures torch gives a slow kernel of its own."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(N, in, H, W) -> (N, out, H', W')."""
        plain = self.padding_mode == "zeros" and not isinstance(self.padding, str)
        if not (plain and runs_plainly(input) and has_onednn()):
            return super().forward(input)
        return torch.ops.mkldnn._convolution_pointwise(
            input,
            self.weight,
            self.bias,
            self.padding,
            self.stride,
            self.dilation,
            self.groups,
            "none",
            [],
            "",
        )


_QUICK: dict[type, type] = {nn.Linear: ProcessorLinear, nn.Conv2d: ProcessorConv}


def quicken_layers(network: nn.Module) -> None:
    """Let every nn.Linear and nn.Conv2d of a network run by oneDNN; parameters and their names stay."""
    for module in network.modules():
        if type(module) in _QUICK:
            module.__class__ = _QUICK[type(module)]
