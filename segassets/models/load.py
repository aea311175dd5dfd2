"""A network from its description, whichever family it is of; read from disk once per process."""

from __future__ import annotations

import threading
from typing import Any

from segassets.errors import BadConfig
from segassets.models.spec import ModelSpec, Precision

_cache: dict[tuple[str, str, str], Any] = {}
_cache_lock = threading.Lock()


def load_model(spec: ModelSpec, device: str = "auto", precision: Precision | None = None) -> Any:
    """The network on a device.

    Args:
        device: auto, cpu, cuda or cuda:<i>.
        precision: the model's own when None.

    Returns:
        sam2: a `SAM2Base`; seqformer: a `VideoSegmenter`; depth: a `DepthEstimator`; embedding: an `Embedder`; the
        latter two as segassets.models.protocols describes them.

    Raises:
        BadConfig: a GPU that is not there. MissingInput: the weights are not there.
        BadInput: they are of another architecture.
    """
    if spec.family == "sam2":
        from segassets.models.sam2.build import get_network

        return get_network(spec, device, precision or spec.precision)
    from segassets.models.sam2.build import resolve_device

    key = (spec.model_dump_json(), resolve_device(device), precision or spec.precision)
    if spec.family not in _LOADERS:
        raise BadConfig(f"model {spec.name!r}: a {spec.family} is not loaded here")
    with _cache_lock:
        if key not in _cache:
            _cache[key] = _LOADERS[spec.family](spec, key[1], key[2])
        return _cache[key]


def _load_depth(spec: ModelSpec, device: str, precision: Precision) -> Any:
    from segassets.models.depth import load_depth_estimator

    return load_depth_estimator(spec, device, precision)


def _load_seqformer(spec: ModelSpec, device: str, precision: Precision) -> Any:
    from segassets.models.seqformer.build import load_segmenter

    return load_segmenter(spec, device)


def _load_embedder(spec: ModelSpec, device: str, precision: Precision) -> Any:
    from segassets.models.embedding import load_embedder

    return load_embedder(spec, device, precision)


_LOADERS = {"seqformer": _load_seqformer, "depth": _load_depth, "embedding": _load_embedder}
