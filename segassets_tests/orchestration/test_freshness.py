"""What needs making, told from the stored records."""

from __future__ import annotations

import dataclasses

import pytest

from segassets.assets.graph import SCENE_ASSETS
from segassets.orchestration.freshness import Survey
from segassets.storage.provenance import Provenance
from segassets.storage.store import ArtifactStore
from segassets.storage.survey import provenances

CHAIN = [asset for asset in SCENE_ASSETS if asset.name in ("frames", "mask_candidates", "filtered_masks")]


def store_chain(store: ArtifactStore, scene: str, footage: str = "f1") -> None:
    """frames, mask_candidates and filtered_masks of a scene, each made from the one before."""
    versions: dict[str, str] = {}
    for asset in CHAIN:
        inputs = {name: versions[name] for name in asset.inputs} or {"footage": footage}
        record = Provenance(asset.name, scene, store.tag, asset.code_version, inputs)
        with store.create(record):
            pass
        versions[asset.name] = record.version


@pytest.fixture
def store(tmp_path) -> ArtifactStore:
    return ArtifactStore(tmp_path)


def test_nothing_is_there_so_everything_is_missing(store):
    survey = Survey(CHAIN, store)
    assert survey.needing("frames", ["a", "b"]) == {"a": "missing", "b": "missing"}
    assert survey.work_of("a") == ["frames", "mask_candidates", "filtered_masks"]


def test_a_whole_chain_needs_nothing(store):
    store_chain(store, "a")
    survey = Survey(CHAIN, store)
    assert [survey.reason(asset.name, "a") for asset in CHAIN] == [None, None, None]
    assert survey.work_of("a") == [] and survey.needing("frames", ["a", "b"]) == {"b": "missing"}


def test_an_input_made_anew_makes_what_used_it_stale(store):
    store_chain(store, "a")
    record = Provenance("frames", "a", store.tag, "1", {"footage": "f2"})
    with store.create(record):
        pass
    survey = Survey(CHAIN, store)
    reason = survey.reason("mask_candidates", "a")
    assert reason.startswith("frames changed: stored=") and f"expected={record.version}" in reason
    assert survey.reason("filtered_masks", "a").startswith("frames changed")
    assert survey.work_of("a") == ["mask_candidates", "filtered_masks"]


def test_newer_code_makes_an_artifact_and_all_after_it_work_to_do(store):
    store_chain(store, "a")
    newer = [
        dataclasses.replace(asset, code_version="2") if asset.name == "mask_candidates" else asset
        for asset in CHAIN
    ]
    survey = Survey(newer, store)
    assert survey.reason("mask_candidates", "a") == "code version: stored=1, expected=2"
    assert survey.reason("filtered_masks", "a") is None
    assert survey.work_of("a") == ["mask_candidates", "filtered_masks"]
    assert survey.work_of("a", among=["frames"]) == []


def test_other_settings_alone_do_not_make_an_artifact_stale(store):
    store_chain(store, "a")
    with store.create(
        dataclasses.replace(Provenance("frames", "b", inputs={"footage": "f"}), config={"frames": "::2"})
    ):
        pass
    assert Survey(CHAIN, store).reason("frames", "b") is None


def test_a_damaged_record_counts_as_missing(store):
    store_chain(store, "a")
    (store.local / "main" / "frames" / "a" / "provenance.json").write_text("{")
    assert Survey(CHAIN, store).reason("frames", "a") == "missing"


class Footage:
    """Footage whose fingerprint a test decides."""

    def __init__(self, monkeypatch, fingerprints: dict[str, str]) -> None:
        self.looked: list[str] = []
        monkeypatch.setattr("segassets.datasets.scene.scene_fingerprint", lambda scene: fingerprints[scene])

    def open(self, key: str, frames: str | None = None) -> str:
        self.looked.append(key)
        return key


def test_footage_that_changed_is_found_and_every_scene_has_its_turn(store, monkeypatch):
    for scene in ("a", "b", "c"):
        store_chain(store, scene)
    footage = Footage(monkeypatch, {"a": "f1", "b": "f2", "c": "f1"})
    survey = Survey(CHAIN, store)
    assert survey.look_at_footage("frames", ["a", "b", "c", "new"], footage, "a", budget_s=10) == "a"
    assert footage.looked == ["b", "c", "a"]  # goes on behind where the last look ended
    assert survey.reason("frames", "b") == "footage changed: stored=f1, expected=f2"
    assert survey.reason("frames", "a") is None
    assert survey.work_of("b") == ["frames", "mask_candidates", "filtered_masks"]
    footage.looked.clear()
    assert survey.look_at_footage("frames", ["a", "b", "c"], footage, "b", budget_s=-1) == "b"
    assert footage.looked == []


def test_records_of_a_remote_root_are_read_in_bulk(tmp_path):
    remote = ArtifactStore(f"memory://{tmp_path.name}")
    assert provenances(remote, "frames") == {}
    store_chain(remote, "a")
    assert list(provenances(remote, "frames")) == ["a"]
    store_chain(remote, "b")
    found = provenances(remote, "mask_candidates")
    assert (
        sorted(found) == ["a", "b"]
        and found["a"].inputs["frames"] == provenances(remote, "frames")["a"].version
    )
