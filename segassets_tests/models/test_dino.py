"""DINO's keys as tokens, from tiny transformers of random values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segassets.errors import BadConfig, MissingInput
from segassets.models.dino import DinoKeys, load_dino


def tiny(kind: str):
    import transformers

    values = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    values |= {"image_size": 32, "patch_size": 8}
    config = {"vit": transformers.ViTConfig, "dinov2": transformers.Dinov2Config}[kind](**values)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {"vit": transformers.ViTModel, "dinov2": transformers.Dinov2Model}[kind](config).eval()


PICTURE = np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)


@pytest.mark.parametrize("kind", ["vit", "dinov2"])
def test_keys_of_the_last_block(kind):
    network = tiny(kind)
    found = DinoKeys(network, 100).features(PICTURE)
    assert found.shape == (12, 12, 24) and np.isfinite(found).all()
    layers = [layer for name, layer in network.named_modules() if name.endswith((".k_proj", ".key"))]
    seen = []
    layers[-1].register_forward_pre_hook(lambda layer, given: seen.append(given[0]))
    again = DinoKeys(network, 100).features(PICTURE)
    with torch.inference_mode():
        wanted = layers[-1](seen[0])[0, 1:].reshape(12, 12, 24)  # the first token is no patch
    assert np.allclose(again, wanted.numpy(), atol=1e-5) and np.allclose(found, again)


def test_a_folder_is_read(tmp_path):
    tiny("vit").save_pretrained(tmp_path / "dino")
    keys = load_dino(str(tmp_path / "dino"), 64)
    assert keys.features(PICTURE).shape == (8, 8, 24) and "self-supervised" in keys.description


def test_what_is_no_such_network(tmp_path):
    with pytest.raises(MissingInput, match="features=encoder"):
        load_dino(str(tmp_path / "nothing"), 64)
    network = torch.nn.Linear(2, 2)
    network.config = type("Config", (), {"patch_size": 8})()
    with pytest.raises(BadConfig, match="projection of keys"):
        DinoKeys(network, 64)
    with pytest.raises(BadConfig, match="at least one patch"):
        DinoKeys(network, 4)
