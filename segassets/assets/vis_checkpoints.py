"""`vis_checkpoint` and `vis_scene_checkpoint`: segmenters that learned, of an experiment or on one scene's tubes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

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
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import MASKS_FILE, TUBES_FILE, Made, SceneWork, Work
from segassets.strict import StrictModel

if TYPE_CHECKING:
    from segassets.learning.clip_config import ClipData
    from segassets.learning.experiment import Experiment

FIGURES_FILE = "vis_figures.json"
TEACHERS = ("pseudo_tubes", "sam2_tracks")  # tubes nobody drew


class SceneSegmenter(StrictModel):
    """How a segmenter learns on one scene."""

    masks: Literal["pseudo_tubes", "sam2_tracks", "annotations"] = Field(
        "pseudo_tubes", description="What teaches: tubes nobody drew, the scene's tracks, or its annotations."
    )
    experiment: str = Field(
        "vis_scene", description="Experiment whose recipe is used; its data are replaced."
    )
    frames: int = Field(3, ge=1, description="Frames of a clip.")
    steps: int | None = Field(60, description="Optimizer steps; empty for the experiment's own.")
    overrides: list[str] = Field([], description="key.path=value texts over the experiment's file.")


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


def settle_vis_scene(key: str, choice: SceneSegmenter) -> Experiment:
    """The recipe for one scene; its data are set when it is made."""
    from segassets.learning.experiment import load_experiment

    steps = [] if choice.steps is None else [f"trainer.max_steps={choice.steps}"]
    experiment = load_experiment(choice.experiment, [*steps, *choice.overrides])
    return experiment.model_copy(
        update={"data": experiment.data.model_copy(update={"train": [_clips(key, choice)]})}
    )


def _clips(key: str, choice: SceneSegmenter) -> ClipData:
    from segassets.datasets.load import dataset_of
    from segassets.learning.clip_config import ClipData
    from segassets.learning.experiment import ALL_OBJECTS

    return ClipData(
        dataset=dataset_of(key), scenes=[key], masks=choice.masks, frames=choice.frames, clip_stride=1,
        max_objects=ALL_OBJECTS, short_videos="shorten", empty_categories="allow",
    )  # fmt: skip


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
    shown = {name: figures["trained"][name]["value"] for name in ("ap", "ap50", "ar10")} if figures else {}
    if figures.get("start"):
        shown["start_ap50"] = figures["start"]["ap50"]["value"]
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


@scene_asset(
    inputs=("frames", "coco_masks", "sam2_tracks", "pseudo_tubes"),
    config=SceneSegmenter,
    settle=settle_vis_scene,
    reads_of=lambda experiment: ("frames", _teacher_of(experiment)),
    start=start_weights,
    unrecorded=UNRECORDED,
    own_network=True,
    group="pseudo_tubes",
    kinds={"pytorch", "transformers", "parquet"},
    scenes_per_run=6,
    gpu=GpuNeed(memory_gb=24, hours=12),
    checks=(LOADS,),
    columns="MASKS",
)
def vis_scene_checkpoint(work: SceneWork, experiment: Experiment) -> Made:
    """A SeqFormer that learned on one scene's pseudo tubes (or tracks, or annotations), and the tubes it then finds.

    `masks.parquet` and `tubes.parquet` are what it finds on the scene's frames, for `vis_evaluation` to judge beside
    the tubes it learned from. A killed training goes on from its last checkpoint.
    """
    from segassets.assets.previews import masks_preview
    from segassets.evaluation.segmenter import segment_scene
    from segassets.masks.schemas import MASKS, TUBES
    from segassets.masks.table import write_table
    from segassets.models.registry import read_spec
    from segassets.models.sam2.build import resolve_device
    from segassets.models.seqformer.build import load_segmenter

    made = train(work, experiment)
    spec = read_spec(work.out / "model.yaml")
    with work.gpu_slot(spec.device) as device:
        segmenter = load_segmenter(spec, resolve_device(device))
        masks, tubes = segment_scene(segmenter, work.key, work.source)
    write_table(masks, MASKS, work.out / MASKS_FILE)
    write_table(tubes, TUBES, work.out / TUBES_FILE)
    preview = masks_preview(work.source, masks, by_track=True)
    return Made({**made.numbers, "num_tubes": tubes.num_rows}, preview, made.details, made.plots)


def _teacher_of(experiment: Experiment) -> str:
    named = experiment.data.train[0].masks
    return "coco_masks" if named == "annotations" else named
