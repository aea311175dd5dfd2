"""`vis_checkpoint`: a segmenter trained by an experiment, and how good it is beside its start and its tubes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segassets.assets.checkpoints import (
    UNRECORDED,
    ExperimentChoice,
    start_weights,
    train,
    versions_of_data,
)
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.experiment_assets import experiment_asset
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.work import Made, Work

if TYPE_CHECKING:
    from segassets.learning.clip_config import ClipData
    from segassets.learning.experiment import Experiment

FIGURES_FILE = "vis_figures.json"
# what a plot over experiments is worth: of whom, how it is called
SHOWN = (
    *(("trained", "", name) for name in ("ap", "ap50", "ar10", "recall50", "mean_best_iou")),
    ("start", "start_", "ap50"),
)
TEACHERS = ("pseudo_tubes", "sam2_tracks")  # tubes nobody drew


def settle_vis(key: str, choice: ExperimentChoice) -> Experiment:
    """The experiment of a partition, where it trains a segmenter.

    Raises:
        BadConfig: it trains a network that follows prompts.
    """
    from segassets.errors import BadConfig
    from segassets.learning.experiment import load_experiment

    experiment = load_experiment(key, choice.overrides)
    if not experiment.finds_instances:
        raise BadConfig(
            f"experiment {key!r}: recipe {experiment.recipe} trains a SAM2; that is sam2_checkpoint"
        )
    return experiment


def _fits(work: Work) -> Figures:
    """The files are those of the record, and the checkpoint fits its network."""
    from segassets.learning.checkpoint_folder import open_checkpoint
    from segassets.models.registry import read_spec
    from segassets.models.seqformer.build import build_seqformer

    checkpoint = open_checkpoint(work.out)
    network = build_seqformer(read_spec(checkpoint.model_file))
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "other_versions": len(checkpoint.other_versions),
    }


LOADS = Check("loads", "The files are those the training recorded, and the segmenter can load them.", _fits)


@experiment_asset(
    config=ExperimentChoice,
    settle=settle_vis,
    data=versions_of_data,
    start=start_weights,
    unrecorded=UNRECORDED,
    kinds={"pytorch", "transformers"},
    experiments_per_run=1,
    gpu=GpuNeed(cpus=8, memory_gb=48, hours=48),
    checks=(LOADS,),
)
def vis_checkpoint(work: Work, experiment: Experiment) -> Made:
    """A SeqFormer trained as a file of `configs/experiments/` with recipe `vis` or `vis_from_rooms` says.

    The folder is that of `sam2_checkpoint`; `vis_figures.json` holds AP and AR on the experiment's validation scenes,
    of the trained network and of the one it started from, and those of the tubes it learned from. A killed training
    goes on from its last checkpoint.
    """
    from segassets.storage.atomic import write_text

    made = train(work, experiment)
    figures = _judged(work, experiment)
    write_text(work.out / FIGURES_FILE, json.dumps(figures, indent=1))
    shown = {
        f"{prefix}{name}": _rounded(figures[what][name]["value"])
        for what, prefix, name in SHOWN
        if what in figures
    }
    return Made({**made.numbers, **shown}, made.preview, {**made.details, "judged": figures}, made.plots)


def _judged(work: Work, experiment: Experiment) -> dict[str, Any]:
    """Figures on the validation scenes of the trained network and its start, and of the tubes it learned from on their
    own scenes, by the name of their asset; {} without validation scenes."""
    from segassets.evaluation.segmenter import evaluate_segmenter, evaluate_tubes
    from segassets.models.registry import load_spec, read_spec
    from segassets.storage.store import ArtifactStore

    if not experiment.data.val:
        return {}
    places = _places(experiment.data.val)
    specs = {"trained": read_spec(work.out / "model.yaml"), "start": load_spec(experiment.model, work.store)}
    told: dict[str, Any] = {what: evaluate_segmenter(spec, places) for what, spec in specs.items()}
    for asset in dict.fromkeys(source.masks for source in experiment.data.train if source.masks in TEACHERS):
        sources = [source for source in experiment.data.train if source.masks == asset]
        place = ArtifactStore(sources[0].root or work.store.root, sources[0].tag or work.store.tag)
        told[asset] = evaluate_tubes(asset, _places(sources), place)
    return {what: found for what, found in told.items() if found is not None}


def _places(sources: Sequence[ClipData]) -> dict[str, list[str]]:
    """The scenes of some sources of clips, by dataset."""
    from segassets.datasets.config import load_dataset
    from segassets.datasets.load import dataset_keys
    from segassets.datasets.selection import select_scenes

    found: dict[str, list[str]] = {}
    for source in sources:
        known = {source.dataset: dataset_keys(load_dataset(source.dataset))}
        named = found.setdefault(source.dataset, [])
        named += [key for key in select_scenes(source.scenes, known) if key not in named]
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
