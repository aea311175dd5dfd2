"""A chosen threshold into a trained model's own `model.yaml`, from where every run with that model takes it."""

from __future__ import annotations

import copy
from pathlib import Path

import yaml

from segassets.errors import BadInput
from segassets.evaluation.thresholds import ThresholdSearch
from segassets.models.registry import load_spec
from segassets.storage.atomic import write_text


def apply_threshold(model_file: Path, chosen: ThresholdSearch | float) -> None:
    """Set `settings: {tracking: {mask_threshold: ...}}` in a model's YAML file; nothing else in it changes its value.

    Raises:
        BadConfig: it is not the file of a model. BadInput: the threshold is not between 0 and 1.
    """
    threshold = chosen.best_threshold if isinstance(chosen, ThresholdSearch) else float(chosen)
    if not 0 < threshold < 1:
        raise BadInput(f"{model_file}: expected a threshold between 0 and 1, found {threshold}")
    load_spec(str(model_file))
    data = copy.deepcopy(yaml.safe_load(model_file.read_text("utf-8")))
    data["settings"] = data.get("settings") or {}
    data["settings"].setdefault("tracking", {})["mask_threshold"] = threshold
    write_text(model_file, yaml.safe_dump(data, sort_keys=False))
