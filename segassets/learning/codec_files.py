"""What `language_codec` stores: codes in the order of the embeddings, both codecs' weights, the figures.

codes.npy  codes_dim3.npy  context_codec.safetensors  langsplat_autoencoder.safetensors  codec.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from segassets.errors import BadInput
from segassets.learning.codec import Codes
from segassets.learning.codec_config import CodecConfig
from segassets.learning.codec_masks import Masks
from segassets.storage import atomic

CODES, CODES_DIM3 = "codes.npy", "codes_dim3.npy"
CODEC, AUTOENCODER = "context_codec.safetensors", "langsplat_autoencoder.safetensors"
RECORD = "codec.json"


def save_codes(folder: Path, codes: Codes, masks: Masks, config: CodecConfig) -> dict[str, Any]:
    """Write all files; returns what `codec.json` holds.

    Raises:
        BadInput: a code is not finite.
    """
    from safetensors.numpy import save

    for name, array in ((CODES, codes.codes), (CODES_DIM3, codes.codes_dim3)):
        if not np.isfinite(array).all():
            raise BadInput(f"{name}: expected finite codes, found nan or infinity; lower codec.learning_rate")
        np.save(folder / name, array.astype(np.float32), allow_pickle=False)
    for name, weights in ((CODEC, codes.codec), (AUTOENCODER, codes.langsplat)):
        atomic.write_bytes(
            folder / name, save({key: np.ascontiguousarray(value) for key, value in weights.items()})
        )
    record = {
        "masks": len(masks),
        "pictures": len(np.unique(masks.frame)),
        "dim_in": masks.embeddings.shape[1],
        "dim": config.dim,
        "figures": codes.figures,
    }
    atomic.write_text(folder / RECORD, json.dumps(record, indent=1))
    return record


def load_codec(folder: Path) -> Any:
    """The ContextCodec of a folder, ready to encode.

    Raises:
        BadInput: the files do not belong together.
    """
    from safetensors.torch import load_file

    from segassets.learning.codec_network import ContextCodec

    record = json.loads((folder / RECORD).read_text("utf-8"))
    network = ContextCodec(record["dim_in"], record["dim"])
    try:
        network.load_state_dict(load_file(folder / CODEC))
    except RuntimeError as error:
        raise BadInput(
            f"{folder / CODEC}: expected weights of the codec of {RECORD}, found others: {error}"
        ) from error
    return network.eval().requires_grad_(False)
