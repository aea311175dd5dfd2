"""Models by name: every file of configs/models/ loads, and a wrong one says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, MissingInput
from segassets.models.registry import list_models, load_spec, weights_state
from segassets.models.weights import fetch_weights


@pytest.mark.parametrize("name", list_models())
def test_every_model_file_loads(name: str) -> None:
    spec = load_spec(name)
    assert spec.name == name
    assert spec.licence
    assert spec.description


def test_the_models_that_must_be_there() -> None:
    assert {
        "nano",
        "sam2-local",
        *(f"sam2.1-hiera-{s}" for s in ("tiny", "small", "base-plus", "large")),
    } <= set(list_models())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("nanno", ["nanno", "'nano'"], id="near a known name"),
        pytest.param("zzzzzzzz", ["zzzzzzzz", "nano", "sam2.1-hiera-tiny"], id="near none: all are named"),
        pytest.param("", ["nano"], id="empty"),
        pytest.param("../datasets/x", ["../datasets/x"], id="a path is no name"),
        pytest.param("nowhere.yaml", ["nowhere.yaml"], id="a file that is not there"),
    ],
)
def test_unknown_model(name: str, words: list[str]) -> None:
    with pytest.raises(BadConfig) as caught:
        load_spec(name)
    assert all(word in str(caught.value) for word in words)


def _changed(tmp_path: Path, **changes: object) -> str:
    data = (
        yaml.safe_load((configs_dir() / "models" / "sam2-local.yaml").read_text())
        | {"name": "mine"}
        | changes
    )
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}))
    return str(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"devise": "cpu"}, ["devise", "device"], id="misspelled key"),
        pytest.param({"device": "tpu"}, ["device", "cuda:<i>", "tpu"], id="unknown device"),
        pytest.param({"precision": "fp8"}, ["precision", "fp8"], id="unknown precision"),
        pytest.param({"image_size": 1000}, ["image_size", "32"], id="size that is no multiple"),
        pytest.param({"config": None}, ["config", "network"], id="no network"),
        pytest.param({"name": "other"}, ["name", "mine", "other"], id="name differs from the file's"),
        pytest.param({"licence": None}, ["licence"], id="no licence"),
    ],
)
def test_wrong_model_file(changes: dict, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as caught:
        load_spec(_changed(tmp_path, **changes))
    assert all(word in str(caught.value) for word in words)


def test_missing_local_checkpoint_says_what_is_there_and_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").touch()
    spec = load_spec(
        _changed(tmp_path, source={"kind": "file", "path": str(tmp_path / "sam2.1_hiera_tiny.pt")})
    )
    with pytest.raises(MissingInput) as caught:
        fetch_weights(spec)
    text = str(caught.value)
    assert "other.safetensors" in text
    assert f"hf download facebook/sam2.1-hiera-tiny sam2.1_hiera_tiny.pt --local-dir {tmp_path}" in text
    assert weights_state(spec) == text


def test_state_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGASSETS_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert weights_state(load_spec("sam2.1-hiera-tiny")) == "download"
    random = load_spec("nano").model_copy(update={"source": load_spec("nano").source})
    assert weights_state(random) == "here"
