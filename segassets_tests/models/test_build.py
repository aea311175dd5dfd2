"""SAM2 networks: official names, shapes and sizes; checkpoints in and out; sam2's own predictors agree."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from segassets.errors import BadConfig, BadInput
from segassets.models.registry import load_spec
from segassets.models.sam2 import build
from segassets.models.sam2.instantiate import instantiate
from segassets.models.sam2.tiny import tiny_spec
from segassets.models.spec import FileSource, ModelSpec, RandomSource
from segassets.models.weights import weights_sha256

# millions, as sam2's own table of models gives them
OFFICIAL_SIZES = {"tiny": 38.9, "small": 46.0, "base-plus": 80.8, "large": 224.4}


def _from_file(spec: ModelSpec, path: Path) -> ModelSpec:
    return spec.model_copy(update={"source": FileSource(kind="file", path=str(path))})


def _without_values(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """The network on torch's meta device: shapes only, in no time whatever its size."""
    linspace = torch.linspace  # Hiera reads numbers out of one
    monkeypatch.setattr(torch, "linspace", lambda *args: linspace(*args, device="cpu"))
    with torch.device("meta"):
        return instantiate(build.network_config(spec))


@pytest.mark.parametrize(("size", "millions"), OFFICIAL_SIZES.items())
def test_official_sizes(size: str, millions: float, monkeypatch: pytest.MonkeyPatch) -> None:
    network = _without_values(load_spec(f"sam2.1-hiera-{size}"), monkeypatch)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


def test_tiny_has_the_official_names_and_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    # a sample over all modules, as they stand in the published sam2.1_hiera_tiny.pt
    network = _without_values(load_spec("sam2.1-hiera-tiny"), monkeypatch)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    expected = {
        "maskmem_tpos_enc": (7, 1, 1, 64),
        "no_obj_embed_spatial": (1, 64),
        "image_encoder.trunk.pos_embed": (1, 96, 7, 7),
        "image_encoder.trunk.blocks.11.attn.qkv.weight": (2304, 768),
        "image_encoder.neck.convs.0.conv.weight": (256, 768, 1, 1),
        "memory_attention.layers.3.cross_attn_image.k_proj.weight": (256, 64),
        "memory_encoder.fuser.layers.1.gamma": (256,),
        "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (2, 128),
        "sam_mask_decoder.pred_obj_score_head.layers.2.weight": (1, 256),
        "obj_ptr_tpos_proj.weight": (64, 256),
    }
    assert expected.items() <= shapes.items()


def test_nano_is_small() -> None:
    from segassets.models.weights import NANO_WEIGHTS

    assert NANO_WEIGHTS.stat().st_size <= 16e6
    network = build.build_sam2_network(load_spec("nano"))
    assert all(torch.isfinite(p).all() for p in network.parameters())
    assert not network.training


def test_the_card_belongs_to_the_weights() -> None:
    from segassets.models.weights import NANO_WEIGHTS

    assert weights_sha256(load_spec("nano")) in NANO_WEIGHTS.with_suffix(".md").read_text()


def test_unknown_packaged_config() -> None:
    spec = load_spec("sam2-local").model_copy(update={"config": "configs/sam2.1/sam2.1_hiera_x.yaml"})
    with pytest.raises(BadConfig, match=r"sam2.1_hiera_x.*sam2.1_hiera_t\.yaml"):
        build.network_config(spec)


def test_a_config_cannot_name_any_class() -> None:
    with pytest.raises(BadConfig, match=r"os\.system.*not allowed"):
        instantiate({"_target_": "os.system", "command": "true"})


@pytest.mark.parametrize("layout", ["pt", "safetensors"])
def test_checkpoints_load_exactly(layout: str, tmp_path: Path) -> None:
    original = build.build_sam2_network(tiny_spec(seed=3))
    path = tmp_path / f"w.{layout}"
    if layout == "pt":
        torch.save({"model": original.state_dict(), "epoch": 3}, path)
    else:
        save_file({name: value.contiguous() for name, value in original.state_dict().items()}, path)
    loaded = build.build_sam2_network(_from_file(tiny_spec(seed=0), path))
    for name, value in original.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_the_seed_makes_the_values() -> None:
    first, again, other = (build.build_sam2_network(tiny_spec(seed)).state_dict() for seed in (1, 1, 2))
    name = "sam_mask_decoder.mask_tokens.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])


def test_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    parameters = build.build_sam2_network(tiny_spec()).state_dict()
    parameters.pop("no_mem_embed")
    parameters["head.weight"] = torch.zeros(2)
    parameters["no_obj_ptr"] = torch.zeros(1, 7)
    torch.save({"model": parameters}, tmp_path / "w.pt")
    with pytest.raises(BadInput) as caught:
        build.build_sam2_network(_from_file(tiny_spec(), tmp_path / "w.pt"))
    for words in (
        "w.pt",
        "missing (1) no_mem_embed",
        "unexpected (1) head.weight",
        "no_obj_ptr (1, 7) instead of (1, 32)",
    ):
        assert words in str(caught.value)


class _Runs:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"state_dict": {}}, id="another layout"),
        pytest.param([1, 2], id="a list"),
        pytest.param(_Runs(), id="a pickle that runs code"),
        pytest.param(None, id="no checkpoint at all"),
    ],
)
def test_foreign_files_are_refused(content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pt"
    path.write_bytes(b"no zip") if content is None else torch.save(content, path)
    with pytest.raises(BadInput, match=r"w\.pt.*model"):
        build.build_sam2_network(_from_file(tiny_spec(), path))
    assert not (tmp_path / "ran").exists()


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(100)}, tmp_path / "w.safetensors")
    whole = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "w.safetensors").write_bytes(whole[:-50])
    with pytest.raises(BadInput, match=r"w\.safetensors"):
        build.build_sam2_network(_from_file(tiny_spec(), tmp_path / "w.safetensors"))


def test_cache_and_checksum(tmp_path: Path) -> None:
    spec = tiny_spec(seed=5)
    assert build.get_network(spec, "cpu") is build.get_network(
        spec, "auto" if not torch.cuda.is_available() else "cpu"
    )
    assert len(weights_sha256(spec)) == 64
    assert weights_sha256(spec) != weights_sha256(tiny_spec(seed=6))
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    first = weights_sha256(_from_file(spec, path))
    save_file({"a": torch.ones(2)}, path)
    assert weights_sha256(_from_file(spec, path)) != first


@pytest.mark.parametrize(("device", "works"), [("cpu", True), ("auto", True), ("cuda:999", False)])
def test_devices(device: str, works: bool) -> None:
    if works:
        assert build.resolve_device(device) in ("cpu", "cuda:0")
    else:
        with pytest.raises(BadConfig, match=r"cuda:999.*usable GPUs"):
            build.resolve_device(device)


def test_overrides_and_predictor() -> None:
    spec = tiny_spec()
    predictor = build.build_sam2_video_predictor(spec, overrides={"max_cond_frames_in_attn": 4})
    network = build.build_sam2_network(spec)
    assert type(predictor).__name__ == "SAM2VideoPredictor"
    assert (predictor.fill_hole_area, predictor.max_cond_frames_in_attn) == (0, 4)
    assert all(torch.equal(a, b) for a, b in zip(predictor.parameters(), network.parameters(), strict=True))
    assert isinstance(spec.source, RandomSource)


def test_image_size_reaches_every_part() -> None:
    network = build.build_sam2_network(tiny_spec(image_size=128))
    assert network.image_size == 128
    assert network.sam_prompt_encoder.image_embedding_size == (8, 8)
    assert network.memory_attention.layers[0].self_attn.freqs_cis.shape[0] == 64
    assert np.isclose(network.sam_image_embedding_size, 8)
