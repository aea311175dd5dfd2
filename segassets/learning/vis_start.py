"""How a small SeqFormer starts to learn: queries spread over the picture, and more sets of them while it trains.

Deformable DETR's learned references begin in a heap at the centre; spreading them is most of what the first thousand
steps do. Several sets of queries, each matched by itself (Group DETR, Chen et al. 2022), give every instance several
teachers; only the first set stays when the training is done.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from segassets.models.seqformer.network import SeqFormer


@torch.no_grad()
def spread_queries(network: SeqFormer) -> None:
    """Set the queries' first references to a grid over the picture."""
    count, hidden = network.config.queries, network.config.hidden
    position = torch.randn(count, hidden)
    wanted = torch.logit(grid_points(count))
    network.reference.weight.copy_(torch.linalg.lstsq(position, wanted).solution.T)
    network.reference.bias.zero_()
    network.queries.weight[:, :hidden] = position
    network.queries.weight[:, hidden:] = torch.randn(count, hidden) * 0.1


def grid_points(count: int) -> torch.Tensor:
    """(count, 2), x and y in 0..1, evenly spread."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    place = torch.arange(count)
    x, y = (place % columns + 0.5) / columns, (place // columns + 0.5) / rows
    return torch.stack([x, y], -1)


class QuerySets(nn.Module):
    """The network's queries and further sets like them.

    A further set begins at the same references with other values.
    """

    def __init__(self, network: SeqFormer, extra: int) -> None:
        super().__init__()
        own, hidden = network.queries.weight.detach(), network.config.hidden
        towards = network.reference.weight.detach()
        further = []
        for _ in range(extra):
            noise = torch.randn(len(own), hidden)
            aside = noise - noise @ torch.linalg.pinv(towards) @ towards  # moves no reference
            further.append(torch.cat([own[:, :hidden] + aside, torch.randn(len(own), hidden) * 0.1], 1))
        self.sets = extra + 1
        self.further = nn.Parameter(torch.cat(further) if further else own.new_zeros(0, 2 * hidden))

    def all_of(self, network: SeqFormer) -> torch.Tensor:
        """(sets * Q, 2 * hidden), the network's own first."""
        return torch.cat([network.queries.weight, self.further])
