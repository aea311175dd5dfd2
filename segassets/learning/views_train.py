"""The recipes of the nano networks for depth and for words: on views of generated rooms, from a trained trunk."""

from __future__ import annotations

from pathlib import Path

import torch

from segassets.learning.depth_loop import DepthLoop
from segassets.learning.experiment import Experiment
from segassets.learning.room_views import ViewPool, view_arrays
from segassets.learning.timed_loop import TimedLoop, make_optimizer
from segassets.learning.timed_train import train_timed
from segassets.learning.views_config import ViewsConfig
from segassets.learning.words_loop import WordsLoop
from segassets.models.depth.nano import NanoDepth
from segassets.models.embedding.nano import NanoClip
from segassets.models.registry import check_family, load_spec
from segassets.models.sam2.build import load_parameters
from segassets.models.sam2.conv_trunk import ConvTrunk
from segassets.models.weights import fetch_weights, read_weights, weights_sha256
from segassets.runtime.progress import Progress

TRUNK = "image_encoder.trunk."


def train_views(experiment: Experiment, folder: Path, progress: Progress, resume: bool) -> None:
    """Train the experiment's nano network for depth or words; arguments and errors as in `train_experiment`.

    Raises:
        BadConfig: the model is of another family.
    """
    config = experiment.views or ViewsConfig()
    depth = experiment.recipe == "depth_from_rooms"
    spec = check_family(load_spec(experiment.model), "depth" if depth else "embedding", "model")
    if experiment.image_size:
        spec = spec.model_copy(update={"image_size": experiment.image_size})
    start = "random values" if config.trunk_of is None else weights_sha256(load_spec(config.trunk_of))

    def make_loop(rooms: Path, check: Path) -> TimedLoop:
        network: NanoDepth | NanoClip = NanoDepth() if depth else NanoClip()
        if config.trunk_of is not None:
            load_trunk(network.trunk, config.trunk_of)
        return (DepthLoop if depth else WordsLoop)(
            config, network.train(), make_optimizer(network, config), ViewPool(rooms), ViewPool(check),
            experiment.seed, "views", size_px=spec.image_size,
        )  # fmt: skip

    train_timed(
        experiment, folder, progress, resume, config=config, spec=spec, make_loop=make_loop, render=view_arrays,
        start_sha256=start,
    )  # fmt: skip


def load_trunk(trunk: ConvTrunk, model: str) -> None:
    """Give a trunk the parameters of that of a SAM2.

    Raises:
        BadConfig: no such model, or not of that family. BadInput: its trunk is another.
    """
    path = fetch_weights(check_family(load_spec(model), "sam2", "views.trunk_of"))
    found: dict[str, torch.Tensor] = {
        name.removeprefix(TRUNK): value
        for name, value in read_weights(path).items()
        if name.startswith(TRUNK)
    }
    load_parameters(trunk, found, path)
