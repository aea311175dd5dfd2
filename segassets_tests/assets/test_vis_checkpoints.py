"""Segmenters as assets: an experiment and a scene through the graph, and what each kind of training refuses."""

from __future__ import annotations

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from segassets.assets.checkpoints import ExperimentChoice, settle_experiment
from segassets.assets.vis_checkpoints import settle_vis
from segassets.datasets.config import load_dataset
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.load import open_scene_of
from segassets.definitions import build_definitions
from segassets.errors import BadConfig
from segassets.evaluation.segmenter import segment_scene
from segassets.masks.schemas import MASKS, TUBES
from segassets.masks.table import read_table
from segassets.models.registry import read_spec
from segassets.models.seqformer.build import load_segmenter
from segassets.models.seqformer.config import WindowConfig
from segassets.orchestration.partitions import EXPERIMENT, register, register_scenes
from segassets.storage.store import ArtifactStore
from segassets_tests.assets.test_training import SCENE, execute, metadata_of
from segassets_tests.mask_pictures import write_mask_pictures
from segassets_tests.training_deployment import add_segmenter, make_training_deployment

pytestmark = pytest.mark.filterwarnings("ignore:Asset job")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    made = make_training_deployment(tmp_path_factory.mktemp("vis") / "deployment")
    add_segmenter(made, "segments", "named", "vis_scene")
    add_segmenter(made, "taught", masks="pseudo_tubes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGASSETS_CONFIGS", made.environ["SEGASSETS_CONFIGS"])
        patch.setenv("SEGASSETS_OUTPUT_ROOT", made.environ["SEGASSETS_OUTPUT_ROOT"])
        patch.setenv("SEGASSETS_MODEL", "tiny")
        patch.delenv("SEGASSETS_TAGS", raising=False)
        patch.delenv("DAGSTER_HOME", raising=False)
        yield made


@pytest.fixture(scope="module")
def instance(deployment):
    with dg.DagsterInstance.ephemeral() as found:
        register(found, EXPERIMENT, ["segments", "named", "shapes", "taught"])
        register_scenes(found, deployment.keys)
        yield found


def test_an_experiment_trains_a_segmenter_and_judges_it(instance, deployment):
    result = execute(instance, "train_segmenters", "segments")
    assert result.success
    shown = metadata_of(result)["vis_checkpoint"]
    assert shown["steps"].value == 2 and 0 <= shown["ap50"].value <= 1 and "start_ap50" in shown
    folder = ArtifactStore(deployment.output).peek("vis_checkpoint", "segments").path
    judged = yaml.safe_load((folder / "vis_figures.json").read_text())
    assert judged["trained"]["scenes"] == 1 and judged["trained"]["objects"] > 0
    report = ArtifactStore(deployment.output).peek("experiment_report", "segments")
    assert set(report.provenance.inputs) == {"vis_checkpoint"}  # and nothing of networks that follow prompts
    shown = metadata_of(result)["experiment_report"]
    assert shown["rank"].value == 1 and 0 <= shown["ap50"].value <= 1 and "preview" in shown
    assert "the network it started from" in (report.path / "report.html").read_text()


def test_an_experiment_on_tubes_is_judged_beside_them(instance, deployment):
    assert execute(instance, "prepare_footage", SCENE).success
    root = deployment.folder / "videocutler"
    write_mask_pictures(root / "shard-0000", (48, 64))
    pictures = {"source": "videocutler_png", "masks": {"root": str(root)}}
    values = {"pseudo_masks": pictures, "pseudo_tubes": {"min_masks": 0}}
    assert execute(instance, "make_pseudo_tubes", SCENE, values, ["pseudo_masks", "pseudo_tubes"]).success
    assert execute(instance, "train_segmenters", "taught", None, ["vis_checkpoint"]).success
    folder = ArtifactStore(deployment.output).peek("vis_checkpoint", "taught").path
    judged = yaml.safe_load((folder / "vis_figures.json").read_text())
    assert set(judged) == {"trained", "start", "pseudo_tubes"}
    assert judged["pseudo_tubes"]["ap50"]["value"] == pytest.approx(1)


def test_named_categories_are_judged_by_category(instance, deployment):
    """Ids 0, 1, 2 of the shapes, told apart in another order."""
    values = {"vis_checkpoint": {"overrides": ["vis.categories=[2, 0, 1]"]}}
    assert execute(instance, "train_segmenters", "named", values, ["vis_checkpoint"]).success
    folder = ArtifactStore(deployment.output).peek("vis_checkpoint", "named").path
    judged = yaml.safe_load((folder / "vis_figures.json").read_text())
    assert 0 <= judged["trained"]["per_class"]["ap50"]["value"] <= 1
    segmenter = load_segmenter(read_spec(folder / "model.yaml"), windows=WindowConfig(score=0))
    _, found = segment_scene(segmenter, SCENE, source_of(SCENE))
    assert found.num_rows and set(found.column("category_id").to_pylist()) <= {0, 1, 2}


def source_of(key: str) -> FrameSource:
    scene = open_scene_of(load_dataset("shapes"), key)
    return FrameSource(frames_table(scene), scene.root)


def test_what_is_not_read_outdates_nothing(instance, deployment):
    """The UI calls no artifact unsynced for an upstream asset that its settings leave aside."""
    graph = build_definitions().resolve_asset_graph()

    def status(asset: str, key: str) -> StaleStatus:
        return CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance)).get_status(
            dg.AssetKey(asset), key
        )

    assert status("pseudo_tubes", SCENE) == StaleStatus.FRESH  # of pseudo_masks; there are no tracks
    assert status("experiment_report", "segments") == StaleStatus.FRESH
    for name in ("sam2_tracks", "pseudo_masks"):
        event = dg.AssetMaterialization(name, partition=SCENE, tags={"dagster/data_version": "another"})
        instance.report_runless_asset_event(event)
        expected = StaleStatus.FRESH if name == "sam2_tracks" else StaleStatus.STALE
        assert status("pseudo_tubes", SCENE) == expected


def test_a_scene_trains_a_segmenter_that_finds_its_tubes(instance, deployment):
    assert execute(instance, "prepare_footage", SCENE).success
    values = {"vis_scene_checkpoint": {"masks": "annotations", "frames": 1, "steps": 1}}
    result = execute(instance, "make_pseudo_tubes", SCENE, values, ["vis_scene_checkpoint"])
    assert result.success
    assert metadata_of(result)["vis_scene_checkpoint"]["num_tubes"].value >= 0
    folder = ArtifactStore(deployment.output).peek("vis_scene_checkpoint", SCENE).path
    masks, tubes = (
        read_table(folder / f"{name}.parquet", s) for name, s in (("masks", MASKS), ("tubes", TUBES))
    )
    assert set(masks.column("track_id").to_pylist()) == set(tubes.column("track_id").to_pylist())


def test_each_training_names_the_asset_of_the_other(deployment):
    with pytest.raises(BadConfig, match="that is the asset vis_checkpoint"):
        settle_experiment("segments", ExperimentChoice())
    with pytest.raises(BadConfig, match="recipe sam2 trains a SAM2"):
        settle_vis("shapes", ExperimentChoice())
