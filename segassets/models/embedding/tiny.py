"""CLIP and SigLIP, small and of random values, as folders that transformers reads: for tests without downloads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

SIZE_PX, DIM = 32, 16
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,.'"


def save_tiny(folder: Path, seed: int = 0, network: Literal["clip", "siglip"] = "clip") -> None:
    """Write the files of a small random network, its preprocessing and its tokenizer."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        (_clip() if network == "clip" else _siglip()).save_pretrained(folder)
    _processor(network).save_pretrained(folder)
    if network == "clip":
        _save_clip_tokenizer(folder)
    else:
        _siglip_tokenizer().save_pretrained(folder)


_VISION = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": SIZE_PX, "patch_size": 16,
}  # fmt: skip
_TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def _clip() -> Any:
    from transformers import CLIPConfig, CLIPModel

    words = _clip_words()
    text = _TEXT | {
        "vocab_size": len(words), "max_position_embeddings": 24, "bos_token_id": words["<|startoftext|>"],
        "eos_token_id": words["<|endoftext|>"], "pad_token_id": words["<|endoftext|>"],
    }  # fmt: skip
    return CLIPModel(CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=DIM))


def _siglip() -> Any:
    from transformers import SiglipConfig, SiglipModel

    sizes = {"hidden_size": DIM}
    text = _TEXT | sizes | {"vocab_size": len(_LETTERS) + 3, "max_position_embeddings": 24}
    return SiglipModel(SiglipConfig(text_config=text, vision_config=_VISION | sizes))


def _processor(network: str) -> Any:
    from transformers import CLIPImageProcessor, SiglipImageProcessor

    if network == "siglip":
        return SiglipImageProcessor(size={"height": SIZE_PX, "width": SIZE_PX})
    return CLIPImageProcessor(
        size={"shortest_edge": SIZE_PX}, crop_size={"height": SIZE_PX, "width": SIZE_PX}
    )


def _clip_words() -> dict[str, int]:
    """Letters alone and at the end of a word, in the order of CLIP's own vocabulary: the two marks come last."""
    words = [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS), "<|startoftext|>", "<|endoftext|>"]
    return {word: number for number, word in enumerate(words)}


def _save_clip_tokenizer(folder: Path) -> None:
    (folder / "vocab.json").write_text(json.dumps(_clip_words()), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 24}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


def _siglip_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>", *_LETTERS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
