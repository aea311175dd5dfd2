"""What every depth estimator and every embedder promises, whoever's network it is; each small and of random values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segassets.errors import BadConfig, BadInput
from segassets.models.depth import tiny as tiny_depth
from segassets.models.embedding import tiny as tiny_embedding
from segassets.models.load import load_model
from segassets.models.spec import ModelSpec

RANDOM = {"kind": "random", "seed": 3}
rng = np.random.default_rng(5)
PICTURE = rng.integers(0, 256, (48, 80, 3), dtype=np.uint8)


def spec_of(family: str, section: dict, source: dict) -> ModelSpec:
    size = {"image_size": 96 if family == "embedding" else 64}
    values = {"name": "tiny", "family": family, "licence": "none", "source": source, family: section, **size}
    return ModelSpec.model_validate(values)


def folder_with(save: Callable[..., None], folder: Path, network: str) -> dict:
    save(folder, 3, network)
    return {"kind": "folder", "path": str(folder)}


DEPTH = {
    "nano": ("nano", "metric", None),
    "dpt": ("transformers", "relative_inverse", "dpt"),
    "depth_anything": ("transformers", "relative_inverse", "depth_anything"),
}
EMBEDDING = {
    "nano": ("nano", 512, None),
    "clip": ("transformers", 16, "clip"),
    "siglip": ("transformers", 16, "siglip"),
}


@pytest.fixture(scope="module", params=DEPTH)
def estimator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    network, kind, saved = DEPTH[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    source = RANDOM if saved is None else folder_with(tiny_depth.save_tiny, folder, saved)
    return load_model(spec_of("depth", {"network": network, "kind": kind}, source), "cpu")


@pytest.fixture(scope="module", params=EMBEDDING)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    network, dim, saved = EMBEDDING[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    source = RANDOM if saved is None else folder_with(tiny_embedding.save_tiny, folder, saved)
    return load_model(spec_of("embedding", {"network": network, "dim": dim}, source), "cpu")


@pytest.mark.parametrize(
    "size_hw",
    [
        pytest.param((48, 80), id="wide"),
        pytest.param((200, 64), id="tall"),
        pytest.param((1, 1), id="one pixel"),
        pytest.param((9, 40), id="few rows"),
    ],
)
def test_depth_is_of_the_pictures_size(estimator: Any, size_hw: tuple[int, int]) -> None:
    rgb = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    depth = estimator.estimate(rgb)
    assert depth.shape == size_hw and depth.dtype == np.float32 and np.isfinite(depth).all()
    assert np.array_equal(depth, estimator.estimate(rgb)), "the same picture, the same depth"
    if estimator.kind == "metric":
        assert (depth > 0).all()


@pytest.mark.parametrize(
    "rgb",
    [
        pytest.param(np.zeros((0, 4, 3), np.uint8), id="empty"),
        pytest.param(np.zeros((4, 4), np.uint8), id="grey"),
        pytest.param(np.zeros((4, 4, 3), np.float32), id="not bytes"),
    ],
)
def test_what_is_no_picture_is_refused(estimator: Any, embedder: Any, rgb: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"\(H, W, 3\) uint8"):
        estimator.estimate(rgb)
    with pytest.raises(BadInput, match="picture 1"):
        embedder.embed_pictures([PICTURE, rgb])


def test_a_longer_lens_sees_the_same_picture_farther_away() -> None:
    spec = spec_of("depth", {"network": "nano", "kind": "metric"}, RANDOM)
    estimator = load_model(spec, "cpu")
    near, far = (estimator.estimate(PICTURE, focal_px=focal) for focal in (60.0, 240.0))
    assert np.median(far / near) > 2
    with pytest.raises(BadInput, match="focal_px"):
        estimator.estimate(PICTURE, focal_px=float("nan"))


@pytest.mark.parametrize("network", ["dpt", "depth_anything"])
def test_depth_is_that_of_transformers_own_pipeline(network: str, tmp_path: Path) -> None:
    from PIL import Image
    from transformers import pipeline

    source = folder_with(tiny_depth.save_tiny, tmp_path, network)
    spec = spec_of("depth", {"network": "transformers", "kind": "relative_inverse"}, source)
    # transformers itself runs a plain DPT on squares alone
    rgb = PICTURE if network == "depth_anything" else PICTURE[:, :48]
    wanted = pipeline("depth-estimation", model=str(tmp_path), device="cpu")(Image.fromarray(rgb))
    found = load_model(spec, "cpu").estimate(rgb)
    np.testing.assert_allclose(found, wanted["predicted_depth"].numpy(), rtol=1e-4, atol=1e-5)


def test_nothing_guesses_what_depth_is(tmp_path: Path) -> None:
    source = folder_with(tiny_depth.save_tiny, tmp_path, "depth_anything")
    with pytest.raises(BadConfig, match=r"'depth.kind' is metric.*depth_estimation_type: relative"):
        load_model(spec_of("depth", {"network": "transformers", "kind": "metric"}, source), "cpu")


def test_rows_are_of_length_one_and_do_not_depend_on_their_batch(embedder: Any) -> None:
    pictures = [
        rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((1, 1), (30, 30), (7, 90), (64, 20))
    ]
    texts = ["a red sphere", "", "zyzzyva", "the large plant in a blue pot " * 20]
    for embed, items in ((embedder.embed_pictures, pictures), (embedder.embed_texts, texts)):
        rows = embed(items)
        assert rows.shape == (4, embedder.dim) and rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
        alone = np.concatenate([embed([item]) for item in items])
        np.testing.assert_allclose(rows, alone, atol=1e-5)
        assert embed([]).shape == (0, embedder.dim)


@pytest.mark.parametrize("network", ["clip", "siglip"])
def test_likeness_is_that_of_transformers_own_model(network: str, tmp_path: Path) -> None:
    from PIL import Image
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    source = folder_with(tiny_embedding.save_tiny, tmp_path, network)
    embedder = load_model(spec_of("embedding", {"network": "transformers", "dim": 16}, source), "cpu")
    pictures, texts = [PICTURE, PICTURE[:, ::-1].copy()], ["a red box", "lamp"]
    model = AutoModel.from_pretrained(tmp_path).eval()
    pixels = AutoImageProcessor.from_pretrained(tmp_path)(
        [Image.fromarray(p) for p in pictures], return_tensors="pt"
    )
    padding: Any = True if network == "clip" else "max_length"
    words = AutoTokenizer.from_pretrained(tmp_path)(
        texts, padding=padding, max_length=24, return_tensors="pt"
    )
    with torch.no_grad():
        out = model(
            **pixels,
            input_ids=words["input_ids"],
            attention_mask=words["attention_mask"] if network == "clip" else None,
        )
    wanted = (
        out.logits_per_image - (model.logit_bias if network == "siglip" else 0)
    ) / model.logit_scale.exp()
    found = embedder.embed_pictures(pictures) @ embedder.embed_texts(texts).T
    np.testing.assert_allclose(found, wanted.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("family", ["depth", "embedding"])
def test_a_checkpoint_that_is_not_whole_is_refused(family: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    module = tiny_depth if family == "depth" else tiny_embedding
    source = folder_with(module.save_tiny, tmp_path, "dpt" if family == "depth" else "clip")
    section = {"network": "transformers"} | ({"kind": "disparity"} if family == "depth" else {"dim": 16})
    weights = load_file(tmp_path / "model.safetensors")
    taken = sorted(weights)[0]
    save_file(
        {name: value for name, value in weights.items() if name != taken}, tmp_path / "model.safetensors"
    )
    with pytest.raises(BadInput, match=r"'tiny'.*not whole: missing"):
        load_model(spec_of(family, section, source), "cpu")
    torch.save(weights, tmp_path / "pytorch_model.bin")  # tensors alone: read without running anything
    (tmp_path / "model.safetensors").unlink()
    assert load_model(spec_of(family, section, source).model_copy(update={"name": "pickled"}), "cpu")


def test_vectors_of_another_length_than_said(tmp_path: Path) -> None:
    source = folder_with(tiny_embedding.save_tiny, tmp_path, "clip")
    with pytest.raises(BadConfig, match=r"'embedding.dim' is 512.*have 16"):
        load_model(spec_of("embedding", {"network": "transformers", "dim": 512}, source), "cpu")
