"""A scene's embeddings compressed by codecs trained on them alone: the stage behind `language_codec`.

Two codecs, seconds each on a CPU: to `dim` numbers with the other masks of the picture as context, and LangSplat's to
3. Figures are taken of masks of objects kept back, before and after learning from the others; then the codecs learn on
from all masks, and that is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from segassets.learning.codec_config import CodecConfig
from segassets.learning.codec_figures import codec_figures
from segassets.learning.codec_masks import Masks, refuse_unfit
from segassets.learning.codec_training import CodecTraining, ContextTraining, LangSplatTraining
from segassets.learning.denormals import no_denormals

_LEARN_ON = 4  # learning from all masks takes a share of the steps of learning from some
_LEAST_OBJECTS = 5  # with fewer, nothing is kept back: figures would be of one or two masks


@dataclass(frozen=True)
class Codes:
    """What the codecs make of N masks.

    Attributes:
        codes: (N, dim) float32 unit rows.
        codes_dim3: (N, 3) float32 unit rows.
        codec, langsplat: weights by name, of ContextCodec and of LangSplatCodec.
        figures: by codec ("codec", "langsplat"), then "before" (principal axes of the embeddings learned from; an
            untrained network for LangSplat's) and "after" learning: see `codec_figures`; and "held_out": whether
            they are of masks that were kept back.
    """

    codes: np.ndarray
    codes_dim3: np.ndarray
    codec: dict[str, np.ndarray]
    langsplat: dict[str, np.ndarray]
    figures: dict[str, Any]


def encode_masks(
    masks: Masks, config: CodecConfig, progress: Callable[[int, int, str], None] = lambda *_: None
) -> Codes:
    """Train both codecs on a scene's masks and compress them.

    The same masks, config and library give the same codes; the caller's random state is left as it was.

    Raises:
        BadInput: no masks, rows that are not finite or not of unit length, or more than LangSplat's 512 numbers.
    """
    refuse_unfit(masks)
    kept_back = _kept_back(masks.object_id, config)
    training = masks if kept_back is None else masks.take(~kept_back)
    judged = np.ones(len(masks), bool) if kept_back is None else kept_back
    figures: dict[str, Any] = {"held_out": kept_back is not None}
    results: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
    with torch.random.fork_rng(devices=[]), no_denormals():
        for number, kind in enumerate((ContextTraining, LangSplatTraining)):
            progress(number, 2, f"codec to {kind.dim_of(config)} numbers")
            codec = kind(training, config)
            before = _judge(codec, masks, judged)
            codec.fit(training, codec.steps)
            figures[codec.name] = {"before": before, "after": _judge(codec, masks, judged)}
            if kept_back is not None:
                codec.fit(masks, max(1, codec.steps // _LEARN_ON))
            weights = {name: value.numpy().copy() for name, value in codec.network.state_dict().items()}
            results[codec.name] = codec.encode(masks), weights
    progress(2, 2, "")
    codes, dim3 = results[ContextTraining.name], results[LangSplatTraining.name]
    return Codes(codes[0], dim3[0], codes[1], dim3[1], figures)


def _kept_back(object_id: np.ndarray, config: CodecConfig) -> np.ndarray | None:
    """(N,) bool: masks of the objects kept back; None where there are too few objects to keep any."""
    objects = np.unique(object_id)
    count = round(config.held_out * len(objects))
    if len(objects) < _LEAST_OBJECTS or count == 0 or count == len(objects):
        return None
    chosen = np.random.default_rng(config.seed).choice(objects, count, replace=False)
    return np.isin(object_id, chosen)


def _judge(codec: CodecTraining, masks: Masks, judged: np.ndarray) -> dict[str, float | int]:
    codes = codec.encode(masks)[judged]  # all masks are context, as they are when the codec is used
    return codec_figures(masks.embeddings[judged], codes, codec.decode(codes))
