"""Which model is meant, and whether it was evaluated already: same weights, same data, same settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from segassets.errors import MissingInput
from segassets.evaluation.prompts import EvaluationConfig
from segassets.evaluation.scenes import TrueScene
from segassets.models.registry import load_spec
from segassets.models.spec import FileSource, ModelSpec
from segassets.models.weights import weights_sha256

VERSION = "1"  # of the figures: raised when the same inputs would give others
MODEL_FILE = "model.yaml"
CHECKPOINTS = (".pt", ".pth", ".safetensors")


def spec_of(model: str | Path | ModelSpec) -> ModelSpec:
    """The description of a model given by name, YAML file, checkpoint beside a `model.yaml`, or itself.

    Raises:
        BadConfig: no such model. MissingInput: no such checkpoint, or no `model.yaml` beside it.
    """
    if isinstance(model, ModelSpec):
        return model
    path = Path(model)
    if path.suffix not in CHECKPOINTS:
        return load_spec(str(model))
    if not path.is_file():
        raise MissingInput(f"no checkpoint at {path}")
    described = path.parent / MODEL_FILE
    if not described.is_file():
        raise MissingInput(
            f"{path}: expected a {MODEL_FILE} beside it that names its network, found none; "
            "write one as in configs/models/, or give the model's YAML instead"
        )
    spec = load_spec(str(described))
    return spec.model_copy(update={"source": FileSource(kind="file", path=str(path.resolve()))})


def evaluation_identity(
    spec: ModelSpec, scenes: Iterable[TrueScene], config: EvaluationConfig
) -> dict[str, Any]:
    """What an evaluation depends on: "model", "weights_sha256", "data", "scene_keys", "version"."""
    keys, data = [], hashlib.sha256()
    for scene in scenes:
        keys.append(scene.key)
        data.update(f"{scene.key} {scene.identity()}\n".encode())
    weights = weights_sha256(spec)
    network = spec.model_dump(include={"config", "network", "image_size", "precision"})
    parts = [VERSION, weights, network, data.hexdigest(), config.model_dump()]
    version = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return {
        "model": spec.name,
        "weights_sha256": weights,
        "data": data.hexdigest()[:16],
        "scene_keys": keys,
        "version": version,
    }


def evaluated_already(record: Path, identity: dict[str, Any]) -> bool:
    """Whether the record of an evaluation is there and of this identity."""
    if not record.is_file():
        return False
    try:
        return json.loads(record.read_text("utf-8")).get("version") == identity["version"]
    except ValueError:
        return False
