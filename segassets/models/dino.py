"""DINO's features for MaskCut: the keys of the last attention block, from a vision transformer of transformers.

Any of its vision transformers will do whose last block has a projection of keys (`k_proj` or `key`): DINO, DINOv2, ViT.
(Wang et al., Cut and Learn for Unsupervised Object Detection and Instance Segmentation, 2023.)
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from segassets.errors import BadConfig, MissingInput

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_KEYS = (".k_proj", ".key")


class DinoKeys:
    """Keys as a grid of tokens, one for each patch.

    Args:
        network: a vision transformer in eval mode; `config.patch_size` and, in its last block, a linear layer of keys.
        side: of the square picture it sees, in pixels; rounded down to whole patches.
        name: how the network is called.
    """

    def __init__(self, network: Any, side: int = 480, name: str = "DINO") -> None:
        self.network, self.patch = network, int(network.config.patch_size)
        self.side = side // self.patch * self.patch
        if self.side == 0:
            raise BadConfig(
                f"{name}: expected a picture of at least one patch of {self.patch} px, found {side} px"
            )
        self.description = f"keys of the last block of {name} (self-supervised where its weights are)"
        self._keys = _last_keys(network, name)

    def features(self, rgb: np.ndarray) -> np.ndarray:
        """Float32 (side / patch, side / patch, C) of a picture uint8 (H, W, 3)."""
        import torch
        import torch.nn.functional as F

        parameter = next(self.network.parameters())
        picture = torch.from_numpy(np.ascontiguousarray(rgb)).to(parameter.device).permute(2, 0, 1)[None]
        size = (self.side, self.side)
        picture = F.interpolate(picture.float() / 255, size, mode="bicubic", antialias=True).clamp(0, 1)
        mean, std = (torch.tensor(values, device=parameter.device).view(3, 1, 1) for values in (_MEAN, _STD))
        found: list[torch.Tensor] = []
        hook = self._keys.register_forward_hook(lambda layer, given, out: found.append(out))
        try:
            with torch.inference_mode():
                self.network(pixel_values=(picture - mean) / std, interpolate_pos_encoding=True)
        finally:
            hook.remove()
        tokens = self.side // self.patch
        keys = (
            found[-1].float().reshape(1, -1, found[-1].shape[-1])[0, -tokens * tokens :]
        )  # patches come last
        return keys.reshape(tokens, tokens, -1).cpu().numpy()


@lru_cache(maxsize=1)
def load_dino(model: str, side: int, device: str = "cpu") -> DinoKeys:
    """A network by hub id or folder, read once per process.

    Raises:
        MissingInput: it is not there and cannot be had.
        BadConfig: it is no vision transformer with keys.
    """
    from transformers import AutoModel

    try:
        network = AutoModel.from_pretrained(str(Path(model).expanduser()) if Path(model).exists() else model)
    except (OSError, ValueError) as error:
        raise MissingInput(
            f"'pseudo_masks.dino_model': expected a hub id or the folder of a model, {model!r} cannot be read: "
            f"{str(error).splitlines()[0]}; without one use features=encoder"
        ) from None
    return DinoKeys(network.to(device).eval().requires_grad_(False), side, model)


def _last_keys(network: Any, name: str) -> Any:
    found = [layer for path, layer in network.named_modules() if path.endswith(_KEYS)]
    if not found:
        raise BadConfig(
            f"{name}: expected a vision transformer with a projection of keys ({', '.join(_KEYS)})"
        )
    return found[-1]
