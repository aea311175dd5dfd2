"""Trained models by reference: what is absent, changed or of another tag is refused with what to do."""

from __future__ import annotations

import json

import pytest
import yaml

from segassets.config import load_settings
from segassets.errors import BadConfig, MissingInput, StaleInput
from segassets.models.registry import identity, load_spec
from segassets.models.sam2.tiny import tiny_spec
from segassets.models.spec import FileSource
from segassets.models.trained import is_reference, parse_reference
from segassets.models.weights import weights_sha256
from segassets.storage.provenance import Provenance
from segassets.storage.store import ArtifactStore


def publish(
    store: ArtifactStore, asset: str, inputs: dict[str, str], files: dict[str, bytes], mark: str = "a"
) -> str:
    """An artifact of experiment `e`; its version."""
    provenance = Provenance(asset, "e", store.tag, inputs=inputs, config={"mark": mark})
    with store.create(provenance) as out:
        for name, content in files.items():
            (out / name).write_bytes(content)
    return provenance.version


def publish_checkpoint(store: ArtifactStore, weights: bytes = b"weights") -> str:
    """A checkpoint as a training leaves it, as far as a reference looks at it."""
    source = FileSource(kind="file", path="./best-1.pt")
    suited = {"candidates": {"refine": False}, "tracking": {"mask_threshold": 0.7}}
    spec = tiny_spec().model_copy(update={"name": "model", "source": source, "settings": suited})
    files = {
        "best-1.pt": weights,
        "model.yaml": yaml.safe_dump(spec.model_dump(mode="json")).encode(),
    }
    store.local.mkdir(parents=True, exist_ok=True)
    (store.local / "x.pt").write_bytes(weights)
    sha256 = weights_sha256(
        spec.model_copy(update={"source": FileSource(kind="file", path=str(store.local / "x.pt"))})
    )
    files["record.json"] = json.dumps({"files": {"best-1.pt": sha256}}).encode()
    return publish(store, "sam2_checkpoint", {}, files, weights.decode())


def publish_threshold(store: ArtifactStore, checkpoint: str, value: float) -> None:
    evaluation = publish(store, "sam2_checkpoint_evaluation", {"sam2_checkpoint": checkpoint}, {})
    found = json.dumps({"best_threshold": value}).encode()
    publish(
        store,
        "sam2_threshold_search",
        {"sam2_checkpoint_evaluation": evaluation},
        {"best_threshold.json": found},
    )


@pytest.fixture
def store(tmp_path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nano", False),
        ("experiment", False),
        ("models/x.yaml", False),
        ("experiment:a", True),
        ("scene:a.b", True),
    ],
)
def test_what_a_reference_is(name, found):
    assert is_reference(name) == found


@pytest.mark.parametrize(
    "name", ["experiment:", "experiment:../x", "scene:a@", "scene:a@b/c", "experiment:a b"]
)
def test_a_reference_that_can_be_none_is_refused(name):
    with pytest.raises(BadConfig, match=r"expected (experiment|scene):<name>"):
        parse_reference(name)


def test_a_checkpoint_without_threshold_cuts_in_the_middle(store):
    publish_checkpoint(store)
    spec = load_spec("experiment:e", store)
    assert spec.threshold == 0.5 and spec.name == "experiment:e"
    assert spec.settings == {
        "candidates": {"refine": False},
        "tracking": {},
    }  # not the threshold of its start
    assert set(identity(spec, "experiment:e")) == {"name", "sha256"}


def test_the_threshold_comes_along_and_is_part_of_the_identity(store):
    publish_threshold(store, publish_checkpoint(store), 0.35)
    spec = load_spec("experiment:e", store)
    assert spec.threshold == 0.35 and identity(spec, "experiment:e")["threshold"] == "0.35"


def test_a_threshold_of_an_earlier_checkpoint_is_refused(store):
    publish_threshold(store, publish_checkpoint(store), 0.35)
    publish_checkpoint(store, b"trained again")
    with pytest.raises(StaleInput, match=r"another checkpoint.*segassets thresholds e"):
        load_spec("experiment:e", store)


def test_a_checkpoint_that_was_changed_is_refused(store):
    publish_checkpoint(store)
    (store.peek("sam2_checkpoint", "e").path / "best-1.pt").write_bytes(b"something else")
    with pytest.raises(
        StaleInput, match=r"best-1.pt was changed after its training: stored=.*found=.*train again"
    ):
        load_spec("experiment:e", store)


def test_what_is_not_trained_names_the_command_and_other_tags(store):
    with pytest.raises(MissingInput, match="train it with: segassets train e"):
        load_spec("experiment:e", store)
    with pytest.raises(MissingInput, match=r"train it with: segassets train scene:a\.b"):
        load_spec("scene:a.b", store)
    publish_checkpoint(store)
    other = ArtifactStore(store.root, "fine")
    with pytest.raises(MissingInput, match="there is one under tag main: experiment:e@main"):
        load_spec("experiment:e", other)
    assert load_spec("experiment:e@main", other).name == "experiment:e@main"


def test_settings_that_suit_its_start_suit_the_trained_model(store):
    overrides = [f"output_root={store.root}", "model=experiment:e"]
    assert (
        load_settings(None, overrides, environ={}).candidates.refine is True
    )  # not trained: said when it is loaded
    publish_checkpoint(store)
    assert load_settings(None, overrides, environ={}).candidates.refine is False
