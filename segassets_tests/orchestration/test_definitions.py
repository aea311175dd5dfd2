"""The assembled graph: its shape, what its assets carry, how light it loads, two tags side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from segassets.definitions import build_definitions
from segassets_tests.deployment import REPOSITORY

# asset: inputs, group, scenes in a run, pool, blocking checks. Neighbours differ in their scenes per run.
GRAPH = {
    "frames": (set(), "footage", 500, None, {"whole"}),
    "coco_masks": (
        {"frames"},
        "footage",
        200,
        None,
        {"schema", "masks_inside_frames", "ids_unique", "coverage"},
    ),
    "mask_candidates": (
        {"frames"},
        "segmentation",
        32,
        "gpu",
        {"schema", "masks_inside_frames", "ids_unique", "coverage"},
    ),
    "filtered_masks": (
        {"frames", "mask_candidates"},
        "segmentation",
        100,
        None,
        {"schema", "masks_inside_frames", "ids_unique", "coverage"},
    ),
    "sam2_tracks": (
        {"frames", "filtered_masks"},
        "segmentation",
        16,
        "gpu",
        {"schema", "masks_inside_frames", "ids_unique", "coverage"},
    ),
    "mask_embeddings": (
        {"frames", "coco_masks", "filtered_masks", "sam2_tracks"},
        "lifting",
        28,
        "gpu",
        {"schema", "unit_vectors"},
    ),
    "scene_instances": (
        {"frames", "coco_masks", "sam2_tracks", "depth_maps", "mask_embeddings"},
        "lifting",
        48,
        None,
        {"schema", "ids_unique", "points_in_boxes"},
    ),
    "depth_maps": ({"frames"}, "lifting", 36, "gpu", {"maps_whole"}),
    "depth_lifts": (
        {"frames", "coco_masks", "sam2_tracks", "depth_maps"},
        "lifting",
        44,
        None,
        {"points_whole", "masks_counted"},
    ),
    "gaussians": ({"frames", "depth_lifts"}, "lifting", 52, None, {"gaussians_whole"}),
    "render_sets": ({"frames", "depth_lifts", "gaussians"}, "lifting", 60, None, {"sets_whole"}),
    "novel_views": ({"frames", "depth_lifts", "gaussians"}, "lifting", 68, None, {"views_whole"}),
    "track_comparison": (
        {"frames", "coco_masks", "filtered_masks", "sam2_tracks"},
        "reports",
        64,
        None,
        {"coverage"},
    ),
    "scene_report": (
        {
            "frames",
            "coco_masks",
            "mask_candidates",
            "filtered_masks",
            "sam2_tracks",
            "depth_maps",
            "depth_lifts",
            "novel_views",
            "scene_instances",
            "track_comparison",
        },
        "reports",
        50,
        None,
        {"coverage"},
    ),
}
# Made when asked for: as above, and what they are partitioned by.
ASKED = {
    "training_clips": ({"frames", "coco_masks", "sam2_tracks"}, "training", 40, None, {"coverage"}, "scene"),
    "sam2_scene_checkpoint": ({"training_clips"}, "training", 4, "gpu", {"loads"}, "scene"),
    "sam2_evaluation": (
        {"frames", "coco_masks", "training_clips", "sam2_scene_checkpoint"},
        "training",
        6,
        "gpu",
        set(),
        "scene",
    ),
    "threshold_search": ({"sam2_evaluation"}, "training", 60, None, set(), "scene"),
    "language_codec": ({"frames", "mask_embeddings"}, "lifting", 64, None, {"codes"}, "scene"),
    "langsplat_export": (
        {"frames", "mask_embeddings", "language_codec", "depth_lifts", "gaussians"},
        "lifting",
        68,
        None,
        {"features_fit"},
        "scene",
    ),
    "pseudo_masks": (
        {"frames"},
        "pseudo_tubes",
        24,
        "gpu",
        {"schema", "masks_inside_frames", "ids_unique", "coverage"},
        "scene",
    ),
    "pseudo_tubes": (
        {"frames", "pseudo_masks", "sam2_tracks"},
        "pseudo_tubes",
        12,
        "gpu",
        {"schema", "masks_inside_frames", "ids_unique", "coverage"},
        "scene",
    ),
    "vis_scene_checkpoint": (
        {"frames", "coco_masks", "sam2_tracks", "pseudo_tubes"},
        "pseudo_tubes",
        6,
        "gpu",
        {"loads"},
        "scene",
    ),
    "vis_evaluation": (
        {"frames", "coco_masks", "pseudo_tubes", "sam2_tracks", "vis_scene_checkpoint"},
        "pseudo_tubes",
        80,
        None,
        {"coverage"},
        "scene",
    ),
    "sam2_checkpoint": (set(), "experiments", 1, "gpu", {"loads"}, "experiment"),
    "sam2_checkpoint_evaluation": ({"sam2_checkpoint"}, "experiments", 5, "gpu", set(), "experiment"),
    "vis_checkpoint": (set(), "experiments", 1, "gpu", {"loads"}, "experiment"),
    "sam2_threshold_search": ({"sam2_checkpoint_evaluation"}, "experiments", 20, None, set(), "experiment"),
    "experiment_report": (
        {"sam2_checkpoint", "sam2_checkpoint_evaluation", "sam2_threshold_search", "vis_checkpoint"},
        "experiments",
        15,
        None,
        {"coverage"},
        "experiment",
    ),
}
WHOLE = {name: (*facts, "scene") for name, facts in GRAPH.items()} | ASKED
ENGINES = {"dagster-k8s/config", "segassets/slurm", "dagster-ray/config", "dagster-celery/queue"}
HEAVY = (
    "torch",
    "torchvision",
    "transformers",
    "sam2",
    "pandas",
    "matplotlib",
    "cv2",
    "lightning",
    "av",
    "hydra",
)


@pytest.fixture
def defs(deployment) -> dg.Definitions:
    return build_definitions()


def definition(defs: dg.Definitions, name: str) -> dg.AssetsDefinition:
    return defs.get_assets_def(dg.AssetKey(name))


def test_the_shape_of_the_graph(defs):
    graph = defs.resolve_asset_graph()
    assert {key.path[-1] for key in graph.get_all_asset_keys()} == set(WHOLE)
    for name, (inputs, group, scenes_per_run, pool, checks, kind) in WHOLE.items():
        asset = definition(defs, name)
        node = graph.get(dg.AssetKey(name))
        assert {key.path[-1] for key in node.parent_keys} == inputs, name
        assert asset.partitions_def == dg.DynamicPartitionsDefinition(name=kind)
        assert node.group_name == group
        assert asset.backfill_policy == dg.BackfillPolicy.multi_run(scenes_per_run)
        assert asset.op.pool == pool
        specs = {spec.name: spec for spec in asset.check_specs}
        assert set(specs) == checks
        assert all(spec.blocking and spec.partitions_def == asset.partitions_def for spec in specs.values())
        for upstream in inputs:
            assert WHOLE[upstream][2] != scenes_per_run, "neighbours would share runs, and their failures"


@pytest.mark.parametrize("name", WHOLE)
def test_what_every_asset_carries(defs, name):
    asset = definition(defs, name)
    spec = asset.get_asset_spec(dg.AssetKey(name))
    assert spec.description and spec.code_version and spec.owners == ["team:vision"] and spec.kinds
    assert (spec.automation_condition is not None) == (name in GRAPH)  # training is never made by night
    assert spec.tags["segassets/tag"] == "main"
    if WHOLE[name][3] == "gpu":
        assert set(asset.op.tags) >= ENGINES
        assert json.loads(asset.op.tags["segassets/slurm"])["gres"] == "gpu:1"
    else:
        assert not ENGINES & set(asset.op.tags)


def test_quality_checks_are_partitioned_and_do_not_block(defs):
    found = {}
    for check in defs.asset_checks:
        for spec in check.check_specs:
            found[spec.name] = (spec.asset_key.path[-1], spec.blocking, spec.partitions_def is not None)
            assert spec.description
    assert found == {
        "candidate_recall": ("mask_candidates", False, True),
        "track_quality": ("sam2_tracks", False, True),
        "instance_quality": ("scene_instances", False, True),
        "lift_agreement": ("depth_lifts", False, True),
        "novel_view_quality": ("novel_views", False, True),
        "foreground_quality": ("pseudo_masks", False, True),
        "tube_quality": ("pseudo_tubes", False, True),
    }


def test_a_job_for_each_use_and_all_automation_starts_stopped(defs):
    jobs = {job.name: job for job in defs.jobs}
    by_night = {"track_scenes", "prepare_footage", "segment_scenes", "lift_scenes", "report_scenes"}
    assert set(jobs) == by_night | {
        "train_scenes",
        "make_pseudo_tubes",
        "export_language",
        "train_segmenters",
        "run_experiments",
        "evaluate_experiments",
    }
    assert all(job.description for job in jobs.values())
    for instigator in (*defs.sensors, *defs.schedules):
        assert instigator.default_status.value == "STOPPED" and instigator.description
    assert {sensor.name for sensor in defs.sensors} == {"new_scenes", "new_experiments", "nightly_backfill"}
    assert defs.resolve_job_def("prepare_footage").asset_layer.selected_asset_keys == {
        dg.AssetKey("frames"),
        dg.AssetKey("coco_masks"),
    }


def test_every_field_of_every_resource_is_described(defs):
    for name, resource in defs.resources.items():
        fields = type(resource).model_fields
        assert fields and all(field.description for field in fields.values()), name


def test_two_tags_stand_side_by_side(deployment):
    defs = build_definitions(tags=["main", "fine"])
    keys = defs.resolve_asset_graph().get_all_asset_keys()
    assert keys == {dg.AssetKey(name) for name in WHOLE} | {dg.AssetKey(["fine", name]) for name in WHOLE}
    tracks = definition(defs, "sam2_tracks").get_asset_spec(dg.AssetKey("sam2_tracks"))
    fine = defs.get_assets_def(dg.AssetKey(["fine", "sam2_tracks"])).get_asset_spec()
    assert {dep.asset_key for dep in fine.deps} == {
        dg.AssetKey(["fine", *dep.asset_key.path]) for dep in tracks.deps
    }
    assert {job.name for job in defs.jobs} >= {"track_scenes", "track_scenes__fine"}
    assert fine.group_name == "segmentation_fine"


def test_parts_can_be_replaced_by_the_caller(deployment, tmp_path):
    from segassets.orchestration.resources import StoreResource

    store = StoreResource(root=str(tmp_path), wait_s=3.0)
    defs = build_definitions(resources={"store": store}, executor=dg.multiprocess_executor)
    assert defs.resources["store"] is store and set(defs.resources) == {"store", "footage", "gpu"}


def test_definitions_load_without_heavy_libraries():
    code = f"""
import sys
from segassets.definitions import defs
defs.get_repository_def()
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    assert done.stdout.strip() == "[]"


def test_loading_touches_no_instance(deployment, tmp_path):
    environ = {**deployment.environ, "DAGSTER_HOME": str(tmp_path / "home")}
    code = "from segassets.definitions import defs; defs.get_repository_def()"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, **environ}, check=True)
    assert list(tmp_path.iterdir()) == [deployment.folder]


def test_the_workspace_and_the_instance_template_are_sound(tmp_path):
    workspace = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())
    assert workspace == {"load_from": [{"python_module": "segassets.definitions"}]}
    template = Path(REPOSITORY / "configs" / "dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(template)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
