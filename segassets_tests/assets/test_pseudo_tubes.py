"""Pseudo masks and pseudo tubes as assets: cut by a tiny network, read from mask pictures, skipped with a reason."""

from __future__ import annotations

import json

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from segassets.assets.frames import frames
from segassets.assets.pseudo_masks import pseudo_masks
from segassets.assets.pseudo_tubes import pseudo_tubes
from segassets.datasets.ytvis_tubes import read_tube_file
from segassets.masks.schemas import MASKS, TUBES
from segassets.masks.table import read_table
from segassets.storage.store import ArtifactStore
from segassets_tests.deployment import add_tiny_model, draw_shapes, run_assets
from segassets_tests.mask_pictures import write_mask_pictures

pytestmark = pytest.mark.filterwarnings("ignore")
ASSETS = (frames, pseudo_masks, pseudo_tubes)
SIZE = (96, 128)


@pytest.fixture
def tiny_model(deployment, monkeypatch):
    """The deployment works with a tiny network, and cuts every frame."""
    more = {
        "SEGASSETS_PSEUDO_MASKS__MIN_TOKENS": "4",
        "SEGASSETS_PSEUDO_MASKS__FRAME_STRIDE": "1",
        "SEGASSETS_PSEUDO_TUBES__MIN_MASKS": "0",
    }
    for name, value in {**add_tiny_model(deployment), **more}.items():
        monkeypatch.setenv(name, value)


def opened(deployment, asset: str, key: str):
    folder = ArtifactStore(deployment.output).open(asset, key).path
    return folder, read_table(folder / "masks.parquet", MASKS)


def test_cut_linked_and_written(deployment, tiny_model):
    keys = deployment.keys[:2]
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, ASSETS, keys, deployment)
        assert result.success, [event.message for event in result.all_events if event.is_failure]
        shown = instance.fetch_materializations(dg.AssetKey("pseudo_tubes"), limit=1).records[0]
        metadata = shown.asset_materialization.metadata
        assert {"num_tubes", "mean_score", "mean_coverage", "skipped", "preview"} <= set(metadata)
    folder, masks = opened(deployment, "pseudo_masks", keys[0])
    stats = json.loads((folder / "stats.json").read_text())
    assert stats["frames"] == [0, 1] and "learned with supervision" in stats["features"]
    folder, tubes = opened(deployment, "pseudo_tubes", keys[0])
    summary = read_table(folder / "tubes.parquet", TUBES)
    assert json.loads((folder / "stats.json").read_text())["linked_by"] == (
        "track" if masks.num_rows else "ids"
    )
    file = read_tube_file(folder / "tubes.json")
    assert len(file.annotations[1]) == summary.num_rows
    assert [item["score"] for item in file.annotations[1]] == pytest.approx(
        summary.column("score").to_pylist()
    )
    assert file.videos[1]["length"] == 2 and set(tubes.column("source").to_pylist()) <= {"tube"}


def test_mask_pictures_become_tubes_by_their_ids(deployment, monkeypatch):
    """One scene is whole, one has a picture that is none, one has no masks: each is published, with its reason."""
    root = deployment.folder / "videocutler"
    monkeypatch.setenv("SEGASSETS_PSEUDO_MASKS__SOURCE", "videocutler_png")
    monkeypatch.setenv("SEGASSETS_PSEUDO_MASKS__MASKS__ROOT", str(root))
    monkeypatch.setenv("SEGASSETS_PSEUDO_TUBES__MIN_MASKS", "2")
    for scene in range(2):
        folder = root / f"shard-{scene:04d}"
        folder.mkdir(parents=True)
        for number in range(2):
            ids = Image.new("L", SIZE[::-1])
            ids.paste(3, (10 + number, 20, 60 + number, 70))
            ids.paste(9, (80, 10, 120, 60))
            ids.save(folder / f"mask_{number:03d}.png")
    (root / "shard-0001" / "mask_001.png").write_bytes(b"nothing")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, ASSETS, deployment.keys, deployment)
        assert result.success, [event.message for event in result.all_events if event.is_failure]
    folder, masks = opened(deployment, "pseudo_tubes", deployment.keys[0])
    assert sorted(masks.column("track_id").to_pylist()) == [3, 3, 9, 9]
    assert read_table(folder / "tubes.parquet", TUBES).column("score").to_pylist() == [1, 1]
    reasons = []
    for key in deployment.keys[1:]:
        folder, masks = opened(deployment, "pseudo_tubes", key)
        assert masks.num_rows == 0
        reasons.append(json.loads((folder / "skipped.json").read_text()))
    assert [record["reason"] for record in reasons] == ["unreadable", "no_masks"]
    assert "mask_001.png" in reasons[0]["problem"]


def test_new_mask_pictures_make_the_masks_stale(deployment, monkeypatch):
    from segassets.config import load_settings
    from segassets.orchestration.plan import Planner
    from segassets.orchestration.resources import FootageResource

    root = deployment.folder / "videocutler"
    (root / "shard-0000").mkdir(parents=True)
    monkeypatch.setenv("SEGASSETS_PSEUDO_MASKS__SOURCE", "videocutler_png")
    monkeypatch.setenv("SEGASSETS_PSEUDO_MASKS__MASKS__ROOT", str(root))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_assets(instance, ASSETS[:2], deployment.keys[:1], deployment).success
    plan = Planner(
        ASSETS[:2], load_settings(), ArtifactStore(deployment.output), FootageResource(datasets=[])
    )
    key = deployment.keys[0]
    assert [item.state for item in plan.scene_items(key)] == ["present", "present"]
    rgb, _ = draw_shapes(0, SIZE)
    Image.fromarray((rgb[..., 0] > np.median(rgb)).astype(np.uint8)).save(
        root / "shard-0000" / "mask_000.png"
    )
    [_, item] = plan.scene_items(key)
    assert item.state == "stale" and "mask pictures" in item.why


def test_tubes_are_judged(deployment, monkeypatch):
    """Mask pictures drawn from the annotations get full marks, and figures by quality checks."""
    from segassets.assets.coco_masks import coco_masks
    from segassets.assets.tube_quality import foreground_quality, tube_quality
    from segassets.assets.vis_evaluation import vis_evaluation
    from segassets.masks.schemas import METRICS

    root = deployment.folder / "videocutler"
    monkeypatch.setenv("SEGASSETS_PSEUDO_MASKS__SOURCE", "videocutler_png")
    monkeypatch.setenv("SEGASSETS_PSEUDO_MASKS__MASKS__ROOT", str(root))
    monkeypatch.setenv("SEGASSETS_PSEUDO_TUBES__MIN_MASKS", "0")
    key = deployment.keys[0]
    write_mask_pictures(root / "shard-0000")
    assets = (*ASSETS, coco_masks, vis_evaluation)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, assets, [key], deployment, checks=(foreground_quality, tube_quality))
        assert result.success, [event.message for event in result.all_events if event.is_failure]
        shown = instance.fetch_materializations(dg.AssetKey("vis_evaluation"), limit=1).records[0]
        metadata = shown.asset_materialization.metadata
        assert metadata["ap50"].value == 1 and metadata["true_tubes"].value == 6
        assert metadata["baseline_mean_best_iou"].value < 0.5
        judged = {item.check_name: item for item in result.get_asset_check_evaluations()}
        assert judged["foreground_quality"].passed
        assert judged["foreground_quality"].metadata["foreground_iou"].value > 0.9
        assert judged["tube_quality"].passed and judged["tube_quality"].metadata["ap50"].value == 1
    folder = ArtifactStore(deployment.output).open("vis_evaluation", key).path
    rows = read_table(folder / "metrics.parquet", METRICS).to_pylist()
    assert {row["asset"] for row in rows} == {"pseudo_tubes"}
    assert {row["metric"]: row["value"] for row in rows}["ap75"] == 1
