"""Groups of parameters for AdamW, and the learning rate's factor over the steps."""

from __future__ import annotations

import math
from typing import Any

import torch

from segassets.learning.network import SAM2Train, module_of
from segassets.learning.training_config import ModuleConfig, OptimizerConfig, ScheduleConfig

_TRUNK = "image_encoder.trunk."


def make_optimizer(network: SAM2Train, config: OptimizerConfig, modules: ModuleConfig) -> torch.optim.AdamW:
    """AdamW over what learns; each group keeps its full learning rate as `base_lr`."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    trunk = network.image_encoder.trunk
    no_decay = parameters_without_decay(network)
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = config.learning_rate * modules.learning_rate_scale.get(module_of(name), 1.0)
        rate *= layer_factor(name, trunk, config.layer_decay)
        decay = 0.0 if name in no_decay else config.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "base_lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.eps,
        amsgrad=config.amsgrad,
    )


def parameters_without_decay(network: torch.nn.Module) -> set[str]:
    """Names of biases and of everything in a norm layer."""
    norms = {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in network.named_modules()
        if "Norm" in type(module).__name__
        for name, _ in module.named_parameters(recurse=False)
    }
    return norms | {name for name, _ in network.named_parameters() if name.split(".")[-1] == "bias"}


def layer_factor(name: str, trunk: Any, decay: float) -> float:
    """`decay` per layer between a parameter of the trunk and the trunk's end; 1 for everything behind it.

    Position embeddings keep the full rate, as in sam2's recipe. `trunk` knows its layers (`get_layer_id`).
    """
    if decay == 1 or not name.startswith(_TRUNK) or "pos_embed" in name:
        return 1.0
    return decay ** (trunk.get_num_layers() + 1 - trunk.get_layer_id(name.removeprefix(_TRUNK)))


def schedule_factor(step: int, total: int, config: ScheduleConfig) -> float:
    """Factor on the learning rate of the optimizer step with this number (from 0) of `total`."""
    warmup = config.warmup_steps
    if warmup is None:
        warmup = round(config.warmup_fraction * total)
    if step < warmup:
        return config.start + (1 - config.start) * (step + 1) / warmup
    if config.type == "constant":
        return 1.0
    place = min(1.0, (step - warmup) / max(1, total - 1 - warmup))
    return config.end + (1 - config.end) * 0.5 * (1 + math.cos(math.pi * place))
