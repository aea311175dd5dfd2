"""The SeqFormer that learns: weights and class heads of the experiment's count."""

from __future__ import annotations

import torch
from torch import nn

from segassets.learning.experiment import Experiment
from segassets.models.seqformer.build import build_seqformer, seqformer_config
from segassets.models.seqformer.config import SeqFormerConfig
from segassets.models.seqformer.network import set_class_prior
from segassets.models.spec import ModelSpec
from segassets.strict import parse


def build_learning_seqformer(spec: ModelSpec, experiment: Experiment) -> tuple[nn.Module, ModelSpec]:
    """The network on the CPU, ready to learn, and its description with the experiment's categories.

    Where the start weights tell another number of categories apart, the class heads begin anew.
    """
    network = build_seqformer(spec)
    vis = experiment.vis
    if network.config.classes != vis.classes:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(experiment.seed)
            heads = [nn.Linear(network.config.hidden, vis.classes) for _ in network.class_heads]
        network.class_heads = nn.ModuleList(heads)
        set_class_prior(network.class_heads)
    told = {"classes": vis.classes, "category_ids": vis.categories}
    network.config = parse(SeqFormerConfig, {**network.config.model_dump(), **told}, "vis.categories")
    spec = spec.model_copy(update={"network": {**(spec.network or {}), **told}})
    assert seqformer_config(spec).classes == len(network.class_heads[0].bias)  # type: ignore[arg-type]
    return network.train(), spec
