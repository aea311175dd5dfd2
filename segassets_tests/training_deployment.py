"""A small deployment whose experiments train a tiny network for a few steps on pictures of shapes."""

from __future__ import annotations

from pathlib import Path

import yaml

from segassets_tests.deployment import Deployment, add_tiny_model, make_deployment
from segassets_tests.models.seqformer.tiny import tiny_model

EXPERIMENT = """name: {name}
description: Shapes, for tests.
model: tiny
image_size: 64
data:
  train: [{{dataset: shapes, scenes: [shard-0000], frames: 1, batch_size: 2}}]
  val: [{{dataset: shapes, scenes: [shard-0001], frames: 1}}]
prompts: {{type: box}}
trainer: {{accelerator: cpu, max_steps: {steps}, validate_every: 2, validation_batches: 1}}
checkpoints: {{best_k: 1, every_steps: 1}}
logging: {{examples: 1, tensorboard: false}}
evaluation: {{type: box, boundary: false}}
"""


def make_training_deployment(folder: Path) -> Deployment:
    """Two scenes of two pictures, the model `tiny`, the experiments `shapes` and `scene_adapt`."""
    made = make_deployment(folder, scenes=2, size_hw=(48, 64))
    add_tiny_model(made)
    (made.folder / "configs" / "experiments").mkdir()
    add_experiment(made, "shapes")
    add_experiment(made, "scene_adapt")
    return made


def add_segmenter(deployment: Deployment, *names: str, masks: str = "annotations") -> None:
    """The model `tiny-seqformer`, and experiments that train it for two steps on masks of that asset."""
    configs = deployment.folder / "configs"
    (configs / "experiments").mkdir(exist_ok=True)
    (configs / "models" / "tiny-seqformer.yaml").write_text(yaml.safe_dump(tiny_model(device="cpu")))
    for name in names:
        values = yaml.safe_load(EXPERIMENT.format(name=name, steps=2))
        values |= {"recipe": "vis", "model": "tiny-seqformer", "augment": {"affine": None}}
        values["data"]["train"][0]["masks"] = masks
        (configs / "experiments" / f"{name}.yaml").write_text(yaml.safe_dump(values))


def add_experiment(deployment: Deployment, name: str, steps: int = 4) -> Path:
    """Write an experiment of a name."""
    path = deployment.folder / "configs" / "experiments" / f"{name}.yaml"
    path.write_text(EXPERIMENT.format(name=name, steps=steps))
    return path
