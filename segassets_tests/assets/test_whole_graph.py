"""All assets of a scene on generated pictures, with a tiny network of random values: what is tested is the wiring."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from segassets.assets.graph import QUALITY_CHECKS, SCENE_ASSETS
from segassets.config import load_settings
from segassets.storage.store import ArtifactStore
from segassets_tests.deployment import add_tiny_model, run_assets

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def tiny_model(deployment, monkeypatch):
    """The deployment works with a tiny network."""
    for name, value in add_tiny_model(deployment).items():
        monkeypatch.setenv(name, value)


def test_the_whole_graph_in_one_run_of_two_scenes(deployment, tiny_model, monkeypatch):
    from segassets.models.sam2 import build

    loaded: list[str] = []
    original = build.build_sam2_network
    monkeypatch.setattr(
        build, "build_sam2_network", lambda *given, **named: loaded.append("") or original(*given, **named)
    )
    monkeypatch.setattr(build, "_cache", {})
    keys = deployment.keys[:2]
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(instance, SCENE_ASSETS, keys, deployment, checks=QUALITY_CHECKS)
        failures = [event.message for event in result.all_events if event.is_failure]
        assert result.success, failures
        assert len(loaded) == 1  # for two steps of two scenes
        store = ArtifactStore(deployment.output)
        for asset in SCENE_ASSETS:
            assert instance.get_materialized_partitions(dg.AssetKey(asset.name)) == set(keys)
            origin = store.open(asset.name, keys[0]).provenance  # open: every input still fits
            read = asset.reads_there(asset.defaults(load_settings()), lambda name: store.has(name, keys[0]))
            assert set(origin.inputs) == (set(read) or {"footage"})
            assert bool(origin.model.get("sha256")) == (asset.gpu is not None)
        judged = {
            item.check_name: item
            for item in result.get_asset_check_evaluations()
            if item.partition == keys[0]
        }
        assert {"candidate_recall", "track_quality", "novel_view_quality"} <= set(judged)
        assert "recall_level_2" in judged["candidate_recall"].metadata
        tracks = instance.fetch_materializations(dg.AssetKey("sam2_tracks"), limit=1).records[0]
        metadata = tracks.asset_materialization.metadata
        assert {"num_tracks", "num_masks", "mean_area", "seconds", "peak_cpu_mb", "preview"} <= set(metadata)
        assert metadata["provenance"].value["model"]["name"] == "tiny"
        assert metadata["provenance"].value["config"]["prompt"] == "mask"
    depth = json.loads((store.peek("depth_maps", keys[0]).path / "depth.json").read_text())
    assert depth == {"source": "tiny-depth", "frames": 2, "excluded": {}}
    assert json.loads((store.peek("novel_views", keys[0]).path / "views.json").read_text())["unit"] == "m"
    page = store.peek("scene_report", keys[0]).path
    assert (page / "report.html").is_file() and (page / "report.md").is_file()
    assert json.loads((page / "run.json").read_text())["seconds"] > 0
    assert not (store.local / ".work" / "main" / "sam2_tracks" / keys[0]).exists()
