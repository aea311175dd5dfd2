"""The SeqFormer that learns: weights and class heads of the experiment's count."""

from __future__ import annotations

import torch
from torch import nn

from segassets.learning.experiment import Experiment
from segassets.models.seqformer.build import build_seqformer, seqformer_config
from segassets.models.seqformer.network import set_class_prior
from segassets.models.spec import ModelSpec


def build_learning_seqformer(spec: ModelSpec, experiment: Experiment) -> tuple[nn.Module, ModelSpec]:
    """The network on the CPU, ready to learn, and its description with the experiment's class count.

    Where the start weights tell another number of categories apart, the class heads begin anew.
    """
    network = build_seqformer(spec)
    if network.config.classes != experiment.vis.classes:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(experiment.seed)
            heads = [nn.Linear(network.config.hidden, experiment.vis.classes) for _ in network.class_heads]
        network.class_heads = nn.ModuleList(heads)
        set_class_prior(network.class_heads)
        config = network.config.model_copy(update={"classes": experiment.vis.classes})
        network.config = config
        spec = spec.model_copy(update={"network": {**(spec.network or {}), "classes": config.classes}})
    assert seqformer_config(spec).classes == len(network.class_heads[0].bias)  # type: ignore[arg-type]
    return network.train(), spec
