"""`vis_scene_checkpoint`: a segmenter that learned on one scene's tubes, and the tubes it then finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from segassets.assets.checkpoints import UNRECORDED, start_weights, train
from segassets.assets.vis_checkpoints import LOADS
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import MASKS_FILE, TUBES_FILE, Made, SceneWork
from segassets.strict import StrictModel

if TYPE_CHECKING:
    import pyarrow as pa

    from segassets.learning.clip_config import ClipData
    from segassets.learning.experiment import Experiment

SHOWN_TUBES = 6


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
    preview = masks_preview(work.source, _best(masks, tubes), by_track=True)
    return Made({**made.numbers, "num_tubes": tubes.num_rows}, preview, made.details, made.plots)


def _best(masks: pa.Table, tubes: pa.Table) -> pa.Table:
    """The masks of the tubes of the highest scores, few enough to be told apart in a picture."""
    import pyarrow.compute as pc

    best = tubes.sort_by([("score", "descending")]).slice(0, SHOWN_TUBES)
    return masks.filter(pc.is_in(masks.column("track_id"), best.column("track_id").combine_chunks()))


def _teacher_of(experiment: Experiment) -> str:
    named = experiment.data.train[0].masks
    return "coco_masks" if named == "annotations" else named
