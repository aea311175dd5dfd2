"""Codecs of embeddings: what they keep is measured on masks they never saw; one mask suffices; seeds decide."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segassets.errors import BadInput
from segassets.learning.codec import encode_masks
from segassets.learning.codec_config import CodecConfig
from segassets.learning.codec_figures import codec_figures
from segassets.learning.codec_files import AUTOENCODER, CODES, CODES_DIM3, load_codec, save_codes
from segassets.learning.codec_masks import Masks, padded_to
from segassets.learning.codec_network import (
    LANGSPLAT_DECODER,
    LANGSPLAT_ENCODER,
    ContextCodec,
    LangSplatCodec,
)

QUICK = CodecConfig(dim=16, steps=10, langsplat_steps=30)


def make(objects: int, frames: int, dim: int = 48, seed: int = 0, spread: float = 0.2) -> Masks:
    """Objects of three kinds, each seen on every frame a little differently."""
    rng = np.random.default_rng(seed)
    kinds = rng.normal(size=(3, dim))
    own = kinds[np.arange(objects) % 3] + 0.5 * rng.normal(size=(objects, dim))
    rows = own[None] + spread * rng.normal(size=(frames, objects, dim))
    rows = rows.reshape(-1, dim)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Masks(
        rows.astype(np.float32), np.repeat(np.arange(frames), objects), np.tile(np.arange(objects), frames)
    )


def test_what_is_kept_of_masks_kept_back() -> None:
    found = encode_masks(make(15, 4), CodecConfig(dim=16, steps=30, langsplat_steps=80))
    assert found.figures["held_out"]
    codec, langsplat = found.figures["codec"], found.figures["langsplat"]
    assert codec["after"]["masks"] == 3 * 4
    assert codec["after"]["reconstruction"] > 0.8
    assert codec["after"]["similarity_correlation"] > 0.9
    assert langsplat["after"]["reconstruction"] > langsplat["before"]["reconstruction"] + 0.3
    for codes in (found.codes, found.codes_dim3):
        np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("objects", "frames"), [(1, 1), (2, 1), (1, 5), (4, 1)], ids=["one mask", "two", "one a picture", "few"]
)
def test_few_masks(objects: int, frames: int) -> None:
    found = encode_masks(make(objects, frames), QUICK)
    assert found.codes.shape == (objects * frames, 16) and np.isfinite(found.codes).all()
    assert found.codes_dim3.shape == (objects * frames, 3) and np.isfinite(found.codes_dim3).all()
    assert not found.figures["held_out"]
    assert found.figures["codec"]["after"]["reconstruction"] > 0.9


def test_all_masks_alike() -> None:
    one = make(1, 1).embeddings
    found = encode_masks(Masks(np.repeat(one, 12, 0), np.zeros(12, int), np.arange(12)), QUICK)
    assert np.isfinite(found.codes).all() and np.isfinite(found.codes_dim3).all()
    assert found.figures["codec"]["after"]["reconstruction"] > 0.99


def test_the_seed_decides_and_the_callers_state_stays() -> None:
    masks = make(7, 2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again = encode_masks(masks, QUICK), encode_masks(masks, QUICK)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(first.codes, again.codes)
    np.testing.assert_array_equal(first.codes_dim3, again.codes_dim3)
    other = encode_masks(masks, QUICK.model_copy(update={"seed": 1}))
    assert not np.array_equal(first.codes_dim3, other.codes_dim3)


def test_rows_keep_their_order_whatever_the_order_of_pictures() -> None:
    masks = make(6, 4)
    order = np.random.default_rng(0).permutation(len(masks))
    codec = ContextCodec(48, 16)
    codec.start_at(torch.linalg.qr(torch.randn(48, 16))[0].T)
    found = encode_masks(masks.take(order), QUICK)
    similar = found.codes @ found.codes.T
    wanted = masks.embeddings[order] @ masks.embeddings[order].T
    assert np.corrcoef(similar.ravel(), wanted.ravel())[0, 1] > 0.95


def codec_with_context() -> ContextCodec:
    torch.manual_seed(0)
    codec = ContextCodec(48, 16)
    for layer in (codec.squeeze[-1], codec.attention.out_proj):
        torch.nn.init.normal_(layer.weight)
    return codec.eval()


@torch.no_grad()
def test_a_mask_sees_the_others_of_its_picture_alone() -> None:
    codec = codec_with_context()
    pictures = torch.from_numpy(make(5, 2).embeddings.reshape(2, 5, 48))
    there = torch.tensor([[True, True, True, False, False], [True] * 5])
    codes = codec.encode(pictures, there)
    alone = codec.encode(pictures[:1, :3], there[:1, :3])
    torch.testing.assert_close(codes[:1, :3], alone)  # padding changes nothing
    other = pictures.clone()
    other[0, 2] = other[1, 4]
    changed = codec.encode(other, there)
    assert not torch.allclose(changed[0, 0], codes[0, 0], atol=1e-3)  # a neighbour does
    torch.testing.assert_close(changed[1], codes[1])  # another picture does not
    assert torch.isfinite(codec.encode(pictures[:1, :1], there[:1, :1])).all()  # nor does being alone hurt


@torch.no_grad()
def test_the_codec_starts_as_a_projection() -> None:
    codec = ContextCodec(48, 48)
    codec.start_at(torch.eye(48))
    masks = torch.from_numpy(make(5, 1).embeddings)[None]
    codes = codec.encode(masks, torch.ones(1, 5, dtype=torch.bool))
    torch.testing.assert_close(codes, masks)
    torch.testing.assert_close(codec.decode(codes), masks)


def test_langsplats_layers_and_names() -> None:
    codec = LangSplatCodec()
    widths = [layer.out_features for layer in codec.encoder if isinstance(layer, torch.nn.Linear)]
    assert tuple(widths) == LANGSPLAT_ENCODER
    assert (
        tuple(layer.out_features for layer in codec.decoder if isinstance(layer, torch.nn.Linear))
        == LANGSPLAT_DECODER
    )
    names = set(codec.state_dict())
    assert {"encoder.0.weight", "encoder.1.running_var", "encoder.12.bias", "decoder.12.weight"} <= names
    assert not codec.train().training


def test_stored_codes_are_those_of_the_stored_network(tmp_path) -> None:
    masks = make(6, 2)
    found = encode_masks(masks, QUICK)
    record = save_codes(tmp_path, found, masks, QUICK)
    assert (record["masks"], record["pictures"], record["dim_in"], record["dim"]) == (12, 2, 48, 16)
    codec = load_codec(tmp_path)
    codes = codec.encode(
        torch.from_numpy(masks.embeddings.reshape(2, 6, 48)), torch.ones(2, 6, dtype=torch.bool)
    )
    np.testing.assert_allclose(codes.reshape(12, 16).numpy(), np.load(tmp_path / CODES), atol=1e-5)
    from safetensors.torch import load_file

    langsplat = LangSplatCodec()
    langsplat.load_state_dict(load_file(tmp_path / AUTOENCODER))
    wide = torch.from_numpy(padded_to(masks.embeddings, 512))
    with torch.no_grad():
        np.testing.assert_allclose(langsplat.encode(wide).numpy(), np.load(tmp_path / CODES_DIM3), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e[:0], "at least one mask"),
        (
            lambda e: np.where(np.arange(len(e))[:, None] == 2, np.nan, e),
            r"found 1 others, the first is row 2 with nan",
        ),
        (lambda e: e * 3, "expected embeddings of length 1, found 4 others"),
        (lambda e: np.pad(e, ((0, 0), (0, 600))), "at most 512 numbers.*found 648"),
    ],
    ids=["none", "nan", "long", "wide"],
)
def test_embeddings_that_cannot_be(change, message: str) -> None:
    embeddings = change(make(4, 1).embeddings).astype(np.float32)
    count = len(embeddings)
    with pytest.raises(BadInput, match=message):
        encode_masks(Masks(embeddings, np.zeros(count, int), np.arange(count)), QUICK)


def test_figures() -> None:
    rows = make(9, 1).embeddings
    same = codec_figures(rows, rows, rows)
    assert same["reconstruction"] == pytest.approx(1) and same["similarity_error"] == pytest.approx(
        0, abs=1e-6
    )
    assert same["similarity_correlation"] == pytest.approx(1) and same["same_nearest"] == 1
    assert codec_figures(rows[:1], rows[:1], None) == {"masks": 1}
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(9, 3))
    found = codec_figures(rows, codes / np.linalg.norm(codes, axis=1, keepdims=True), None)
    assert found["similarity_error"] > 0.2 and "reconstruction" not in found
