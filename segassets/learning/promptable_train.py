"""The from-nothing recipe: a SAM2 from random values on generated rooms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from segassets.learning.experiment import Experiment
from segassets.learning.promptable_config import FromNothingConfig
from segassets.learning.promptable_loop import Loop
from segassets.learning.promptable_start import align_prompts_with_places
from segassets.learning.render_rooms import clip_arrays
from segassets.learning.room_clips import ClipPool
from segassets.learning.timed_loop import make_optimizer
from segassets.learning.timed_train import train_timed
from segassets.models.registry import load_spec
from segassets.models.sam2.build import network_config
from segassets.models.sam2.instantiate import instantiate
from segassets.models.spec import ModelSpec
from segassets.runtime.progress import Progress

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


def train_from_nothing(experiment: Experiment, folder: Path, progress: Progress, resume: bool) -> None:
    """Train the experiment's network from random values; arguments and errors as in `train_experiment`."""
    config = experiment.from_nothing or FromNothingConfig()
    spec = load_spec(experiment.model)
    if experiment.image_size:
        spec = spec.model_copy(update={"image_size": experiment.image_size})

    def make_loop(rooms: Path, check: Path) -> Loop:
        network = _fresh_network(spec)
        return Loop(
            config, network, make_optimizer(network, config), ClipPool(rooms), ClipPool(check), experiment.seed,
            "from_nothing", size_px=network.image_size,
        )  # fmt: skip

    train_timed(
        experiment,
        folder,
        progress,
        resume,
        config=config,
        spec=spec,
        make_loop=make_loop,
        render=clip_arrays,
    )


def _fresh_network(spec: ModelSpec) -> SAM2Base:
    """The architecture of a model with random values."""
    network = instantiate(network_config(spec)).train()
    align_prompts_with_places(network)
    return network
