"""Experiments made of every combination of dataset, prompt, loss and trainable modules. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from segassets.errors import BadConfig, did_you_mean
from segassets.learning.experiment import Experiment, experiments_dir, load_experiment, override
from segassets.learning.presets import LOSS_PRESETS, PROMPT_PRESETS
from segassets.learning.training_config import MODULES
from segassets.storage.atomic import write_text
from segassets.strict import parse
from segassets.yaml_files import read_yaml

MODULE_SETS: dict[str, list[str]] = {
    "memory": ["memory_attention", "memory_encoder"],
    "memory-decoder": ["memory_attention", "memory_encoder", "mask_decoder"],
    "decoder": ["mask_decoder", "prompt_encoder"],
    "all": list(MODULES),
}


def generate_experiments(
    datasets: Sequence[str],
    prompts: Sequence[str] = ("point", "box", "mask"),
    losses: Sequence[str] = ("focal-main",),
    modules: Sequence[str] = ("memory",),
    *,
    overrides: Sequence[str] = (),
    folder: Path | None = None,
    replace: bool = False,
) -> list[Path]:
    """Write one experiment per combination, `<dataset>-<prompt>-<loss>-<modules>.yaml`.

    Args:
        datasets: experiments to vary, by name or path: those of the datasets are called like these.
        prompts, losses: names of presets.
        modules: names of `MODULE_SETS`, or names of modules joined by `+`.
        overrides: `key.path=value` texts for all of them.
        folder: where to; `configs/experiments/` by default.
        replace: overwrite files that are there; else files that say the same are kept, others refused.

    Returns:
        The files, in the order of the arguments.

    Raises:
        BadConfig: an unknown name, or a file of that name with other content.
    """
    for title, names, known in (("prompt", prompts, PROMPT_PRESETS), ("loss", losses, LOSS_PRESETS)):
        for name in names:
            if name not in known:
                raise BadConfig(f"{title}: there is no preset {name!r}.{did_you_mean(name, known)}")
    sets = {name: _modules(name) for name in modules}
    made: dict[str, dict[str, Any]] = {}
    for dataset, prompt, loss, chosen in product(datasets, prompts, losses, modules):
        base = load_experiment(dataset)
        name = f"{base.name}-{prompt}-{loss}-{chosen.replace('+', '.')}"
        made[name] = _vary(base, dataset, name, prompt, loss, sets[chosen], overrides)
    target = folder or experiments_dir()
    texts = {target / f"{name}.yaml": yaml.safe_dump(data, sort_keys=False) for name, data in made.items()}
    other = [path.name for path, text in texts.items() if path.is_file() and path.read_text() != text]
    if other and not replace:
        raise BadConfig(
            f"{target}: {', '.join(other)} exist with other content; replace them, or choose another folder"
        )
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def _vary(
    base: Experiment,
    source: str,
    name: str,
    prompt: str,
    loss: str,
    modules: list[str],
    overrides: Sequence[str],
) -> dict[str, Any]:
    """The base's own file with the combination over it."""
    path = Path(source) if source.endswith((".yaml", ".yml")) else experiments_dir() / f"{source}.yaml"
    data = override(read_yaml(path), overrides)
    data["name"] = name
    data["description"] = f"{base.name}: prompted by {prompt}, loss {loss}, training {', '.join(modules)}."
    data["prompts"] = {**data.get("prompts", {}), "type": prompt}
    data["loss"] = {**data.get("loss", {}), "preset": loss}
    data["modules"] = {**data.get("modules", {}), "trainable": modules}
    evaluation = data.get("evaluation", {})
    data["evaluation"] = {**evaluation, "type": prompt}
    parse(Experiment, data, f"combination {name}")
    return data


def _modules(name: str) -> list[str]:
    if name in MODULE_SETS:
        return MODULE_SETS[name]
    parts = name.split("+")
    for part in parts:
        if part not in MODULES:
            raise BadConfig(f"modules: there is no {part!r}.{did_you_mean(part, [*MODULE_SETS, *MODULES])}")
    return parts
