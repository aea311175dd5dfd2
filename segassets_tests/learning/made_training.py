"""A deployment small enough to train in seconds: two videos of moving squares, a tiny network, experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from segassets.learning.experiment import Experiment, load_experiment
from segassets.models.sam2.tiny import tiny_spec
from segassets_tests.models.seqformer.tiny import tiny_model

SIZE = 64
SEGMENTER = {"recipe": "vis", "model": "tiny-seqformer"}  # sections of an experiment that trains one


def make_deployment(root: Path, **experiment: Any) -> Path:
    """configs/ with dataset `squares`, models `tiny` and `tiny-seqformer`, and experiment `small` of given sections."""
    configs = root / "configs"
    for name in ("datasets", "models", "experiments"):
        (configs / name).mkdir(parents=True, exist_ok=True)
    # the tiny network is made from nano's
    nano = Path(__file__).parents[2] / "configs" / "models" / "nano.yaml"
    (configs / "models" / "nano.yaml").write_text(nano.read_text())
    spec = tiny_spec().model_dump(mode="json", exclude_none=True) | {"name": "tiny"}
    (configs / "models" / "tiny.yaml").write_text(yaml.safe_dump(spec))
    (configs / "models" / "tiny-seqformer.yaml").write_text(yaml.safe_dump(tiny_model()))
    write_squares(root / "squares")
    dataset = {"name": "squares", "layout": "davis", "root": str(root / "squares")}
    (configs / "datasets" / "squares.yaml").write_text(yaml.safe_dump(dataset))
    (configs / "experiments" / "small.yaml").write_text(yaml.safe_dump(small_experiment(**experiment)))
    return configs


def small_experiment(**sections: Any) -> dict[str, Any]:
    """Eight optimizer steps on clips of three frames."""
    clips = {"dataset": "squares", "scenes": ["a"], "frames": 3, "clip_stride": 1, "batch_size": 1}
    found: dict[str, Any] = {
        "name": "small",
        "model": "tiny",
        "seed": 3,
        "data": {"train": [clips], "val": [{**clips, "scenes": ["b"], "clip_stride": 3}], "workers": 0},
        "loss": {"presence": 1.0},
        "optimizer": {"learning_rate": 1e-3},
        "schedule": {"warmup_fraction": 0.25},
        "trainer": {
            "accelerator": "cpu", "max_steps": 8, "accumulate": 2, "validate_every": 4, "validation_batches": 2,
        },
        "checkpoints": {"best_k": 1, "every_steps": 1},
        "logging": {"examples": 1},
    }  # fmt: skip
    for name, values in sections.items():
        found[name] = {**found[name], **values} if isinstance(found.get(name), dict) else values
    return found


def small(root: Path, *overrides: str, **sections: Any) -> Experiment:
    """The experiment of a deployment at `root`, which is made where it is not there."""
    configs = make_deployment(root, **sections)
    return load_experiment(str(configs / "experiments" / "small.yaml"), overrides)


def write_squares(root: Path) -> None:
    """Videos a and b in the layout of DAVIS: a square that moves, another that appears on the third frame."""
    rng = np.random.default_rng(0)
    for video, frames in (("a", 8), ("b", 6)):
        pictures, labels = root / "JPEGImages" / "480p" / video, root / "Annotations" / "480p" / video
        pictures.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        background = rng.integers(0, 120, (SIZE, SIZE, 3), dtype=np.uint8)
        for frame in range(frames):
            label = np.zeros((SIZE, SIZE), np.uint8)
            label[8:28, 4 + 3 * frame : 24 + 3 * frame] = 1
            if frame >= 2:
                label[36:56, 40 - 2 * frame : 60 - 2 * frame] = 2
            rgb = background.copy()
            rgb[label == 1] = (240, 60, 60)
            rgb[label == 2] = (60, 240, 60)
            Image.fromarray(rgb).save(pictures / f"{frame:05d}.jpg", quality=95)
            picture = Image.fromarray(label, mode="P")
            picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0] + [0] * 759)
            picture.save(labels / f"{frame:05d}.png")
