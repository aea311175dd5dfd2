"""Families of models: what a description must hold, several files as one model, and which setting takes which."""

from __future__ import annotations

from pathlib import Path

import pytest

from segassets.errors import BadConfig, MissingInput
from segassets.models import sources
from segassets.models.checksums import file_sha256
from segassets.models.load import load_model
from segassets.models.registry import check_family, list_models, load_spec, models_of, weights_state
from segassets.models.spec import FolderSource, HubFolderSource, ModelSpec
from segassets.models.weights import fetch_weights, find_weights
from segassets.orchestration.model_choice import FAMILIES, ModelChoice
from segassets.storage.store import ArtifactStore
from segassets.strict import parse

BASE = {"name": "mine", "licence": "none", "source": {"kind": "random"}}
DEPTH = {"family": "depth", "depth": {"network": "nano", "kind": "metric"}}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param({"family": "depth"}, ["'depth'", "expected"], id="its section is missing"),
        pytest.param(DEPTH | {"embedding": {}}, ["'embedding'", "unexpected"], id="another's section"),
        pytest.param(DEPTH | {"network": {}}, ["'network'"], id="a network of sam2"),
        pytest.param(DEPTH | {"config": "a.yaml"}, ["'config'"], id="a configuration of sam2"),
        pytest.param({"family": "depth", "depth": {}}, ["depth", "kind"], id="nothing guesses its kind"),
        pytest.param({"family": "sam2", "config": "a", "depth": DEPTH["depth"]}, ["'depth'"], id="of sam2"),
        pytest.param({"family": "seqformer"}, ["'network'"], id="sizes are missing"),
        pytest.param({"family": "words"}, ["family"], id="no such family"),
    ],
)
def test_sections_belong_to_families(values: dict, words: list[str]) -> None:
    with pytest.raises(BadConfig) as caught:
        parse(ModelSpec, BASE | values, "here")
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("setting", FAMILIES)
def test_a_setting_takes_models_of_its_family(setting: str, tmp_path: Path) -> None:
    for name in list_models():
        spec = load_spec(name)
        if spec.family == FAMILIES[setting]:
            assert check_family(spec, FAMILIES[setting], setting) is spec
            continue
        with pytest.raises(BadConfig, match=rf"'{setting}'.*family {FAMILIES[setting]}.*'{name}'"):
            ModelChoice(model=name).spec(ArtifactStore(str(tmp_path)), setting)
    assert models_of(FAMILIES[setting])


def folder_model(path: Path) -> ModelSpec:
    source = FolderSource(kind="folder", path=str(path))
    return load_spec("nano-depth").model_copy(update={"source": source})


def test_a_folder_as_transformers_saves_it(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"hf download <repository>"):
        find_weights(folder_model(tmp_path))
    (tmp_path / "pytorch_model.bin").write_bytes(b"1")
    assert fetch_weights(folder_model(tmp_path)) == tmp_path / "pytorch_model.bin"
    (tmp_path / "model.safetensors").write_bytes(b"1")
    assert fetch_weights(folder_model(tmp_path)) == tmp_path / "model.safetensors"


def test_files_of_the_hub_are_one_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGASSETS_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    source = HubFolderSource(kind="hub_folder", repo="a/b", files=("w.safetensors", "config.json"))
    spec = load_spec("nano-depth").model_copy(update={"source": source})
    assert weights_state(spec) == "download"
    first, second = (sources.cache_path(part) for part in sources._parts(source))
    first.parent.mkdir(parents=True)
    first.write_bytes(b"weights")
    assert find_weights(spec) is None, "one of two files is no model"
    second.write_bytes(b"{}")
    assert find_weights(spec) == first and first.parent == second.parent
    with pytest.raises(BadConfig, match="first level"):
        parse(HubFolderSource, {"kind": "hub_folder", "repo": "a/b", "files": ["../x"]}, "here")


@pytest.mark.parametrize("name", ["nano", "nano-depth", "nano-clip"])
def test_shipped_weights_are_those_of_their_card(name: str) -> None:
    path = fetch_weights(load_spec(name))
    assert file_sha256(path) in path.with_suffix(".md").read_text("utf-8")
    assert path.stat().st_size <= (8e6 if name != "nano" else 12e6)
    assert load_model(load_spec(name), "cpu") is not None
