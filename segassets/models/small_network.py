"""A network of the platform's own with a model's weights, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from segassets.models.sam2.build import load_parameters
from segassets.models.spec import ModelSpec, RandomSource
from segassets.models.weights import fetch_weights, read_weights

Network = TypeVar("Network", bound=torch.nn.Module)


def small_network(make: Callable[[], Network], spec: ModelSpec, device: str) -> Network:
    """What `make` gives, with the weights of `spec` or random values of its seed; in eval, without gradients.

    Raises:
        BadInput, MissingInput: as `fetch_weights`, `read_weights` and `load_parameters` say.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.source.seed if isinstance(spec.source, RandomSource) else 0)
        network = make()
    if not isinstance(spec.source, RandomSource):
        path = fetch_weights(spec)
        load_parameters(network, read_weights(path), path)
    return network.to(device).eval().requires_grad_(False)
