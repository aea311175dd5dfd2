"""The true scenes that trained networks are judged on, and how that is said beside the figures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from segassets.errors import BadConfig

if TYPE_CHECKING:
    from segassets.assets.checkpoint_evaluation import EvaluationChoice
    from segassets.evaluation.scenes import TrueScene
    from segassets.learning.clip_config import ClipData
    from segassets.learning.experiment import Experiment
    from segassets.orchestration.work import SceneWork
    from segassets.storage.store import ArtifactStore


def experiment_scenes(
    experiment: Experiment, choice: EvaluationChoice, store: ArtifactStore
) -> tuple[list[TrueScene], str]:
    """Scenes of the datasets that were asked for, else of the experiment's own validation (or training) clips.

    Raises:
        BadConfig: the experiment names no scenes.
    """
    from segassets.evaluation.scenes import open_true_scenes

    if choice.datasets:
        found = [
            scene for name in choice.datasets for scene in open_true_scenes(name, limit=choice.max_scenes)
        ]
        return found, f"datasets {', '.join(choice.datasets)}"
    sources = experiment.data.val or experiment.data.train
    if not sources:
        raise BadConfig(
            f"experiment {experiment.name} names no scenes to judge its checkpoint on; give datasets, e.g. "
            f"segassets evaluate {experiment.name} --dataset rooms_eval"
        )
    found = [scene for data in sources for scene in islice(_scenes_of(data, store), choice.max_scenes)]
    if experiment.data.val:
        return _once(found), "its validation scenes"
    return _once(found), "its own training scenes: a measure of fit, not of what it does elsewhere"


def own_scene(work: SceneWork, against: str) -> tuple[TrueScene, str]:
    """One scene with its annotations, or with the masks its network learned from."""
    import json

    from segassets.assets.training_clips import SOURCE_FILE
    from segassets.evaluation.scenes import TrueScene
    from segassets.masks.schemas import MASKS
    from segassets.masks.table import read_table

    truth, on = work.masks("coco_masks"), "its annotations"
    if against == "taught" or not truth.num_rows:
        source = json.loads((work.inputs["training_clips"].path / SOURCE_FILE).read_text("utf-8"))
        asset = source["data"]["masks"]
        path = work.store.open(asset, work.key).path / "masks.parquet"
        truth, on = read_table(path, MASKS), f"the masks it learned from ({asset})"
    categories, unrelated = dict(work.scene.categories), work.scene.sizes_may_change
    return TrueScene(work.key, work.source, truth, categories, unrelated), on


def _scenes_of(data: ClipData, store: ArtifactStore) -> Iterator[TrueScene]:
    """The scenes of one source of clips, whole."""
    import segassets.api as results
    from segassets.datasets.config import load_dataset
    from segassets.datasets.load import dataset_keys
    from segassets.datasets.selection import select_scenes
    from segassets.evaluation.scenes import TrueScene, open_true_scenes
    from segassets.masks.schemas import MASKS
    from segassets.masks.table import read_table

    keys = select_scenes(data.scenes, {data.dataset: dataset_keys(load_dataset(data.dataset))})
    if data.masks == "annotations":
        yield from open_true_scenes(data.dataset, keys)
        return
    place = results.open(data.root or store.root, data.tag or store.tag)
    for key in keys:
        scene = place.scene(key)
        masks = read_table(scene.artifact(data.masks).path / "masks.parquet", MASKS)
        yield TrueScene(key, scene.pictures(), masks, scene.categories())


def _once(scenes: list[TrueScene]) -> list[TrueScene]:
    return list({scene.key: scene for scene in scenes}.values())
