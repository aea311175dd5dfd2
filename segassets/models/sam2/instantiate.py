"""From the terms of sam2's YAML files (`_target_: package.module.Class`) to objects, without Hydra."""

from __future__ import annotations

import importlib
from typing import Any

from segassets.errors import BadConfig

ALLOWED = (
    "sam2.modeling.",
    "sam2.sam2_video_predictor.",
    "training.model.",
    "segassets.models.sam2.conv_trunk.",
)


def prepare_sam2() -> None:
    """Make `import sam2` work beside Hydra 1.4.

    sam2's `__init__` asks for a version base that Hydra 1.4 refuses, but only where nobody has initialised
    Hydra before.
    """
    from hydra import initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    if not GlobalHydra.instance().is_initialized():
        initialize_config_module("sam2")


def instantiate(node: Any) -> Any:
    """Build the objects a nested config describes; only the classes networks are made of are allowed.

    Raises:
        BadConfig: a `_target_` outside `ALLOWED`, or arguments its class does not take.
    """
    if isinstance(node, list):
        return [instantiate(item) for item in node]
    if not isinstance(node, dict):
        return node
    arguments = {key: instantiate(value) for key, value in node.items() if key != "_target_"}
    if "_target_" not in node:
        return arguments
    target = str(node["_target_"])
    if not target.startswith(ALLOWED):
        raise BadConfig(f"network: _target_ {target!r} is not allowed; expected one of {', '.join(ALLOWED)}*")
    module_name, _, class_name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module_name), class_name)(**arguments)
    except (ImportError, AttributeError) as error:
        raise BadConfig(f"network: _target_ {target!r} does not exist: {error}") from error
    except TypeError as error:
        raise BadConfig(f"network: {target}: {error}") from error
