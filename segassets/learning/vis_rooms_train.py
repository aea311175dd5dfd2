"""The recipe `vis_from_rooms`: a small SeqFormer, its backbone from a file, on generated rooms."""

from __future__ import annotations

from pathlib import Path

from segassets.learning.experiment import Experiment
from segassets.learning.render_rooms import clip_arrays
from segassets.learning.room_clips import ClipPool
from segassets.learning.timed_train import train_timed
from segassets.learning.vis_rooms_config import VisRoomsConfig
from segassets.learning.vis_rooms_loop import VisLoop, make_optimizer
from segassets.learning.vis_start import QuerySets, spread_queries
from segassets.models.registry import load_spec
from segassets.models.seqformer.build import build_seqformer
from segassets.models.spec import RandomSource
from segassets.runtime.allocator import keep_freed_memory
from segassets.runtime.progress import Progress


def train_from_rooms(experiment: Experiment, folder: Path, progress: Progress, resume: bool) -> None:
    """Train the experiment's network from its `backbone_weights`; arguments and errors as in `train_experiment`."""
    config = experiment.vis_from_rooms or VisRoomsConfig()
    spec = load_spec(experiment.model)
    if experiment.image_size:
        spec = spec.model_copy(update={"image_size": experiment.image_size})
    begun = spec.model_copy(update={"source": RandomSource(kind="random", seed=experiment.seed)})
    keep_freed_memory()

    def make_loop(rooms: Path, check: Path) -> VisLoop:
        network = build_seqformer(begun).train()
        spread_queries(network)
        sets = QuerySets(network, config.query_sets - 1)
        pool, checked = (ClipPool(where, with_parts=False) for where in (rooms, check))
        return VisLoop(
            config, network, make_optimizer(network, sets, config), pool, checked, experiment.seed, "vis_from_rooms",
            sets=sets, size_px=spec.image_size,
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
