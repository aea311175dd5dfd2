"""A small deployment made by a test: configs, generated pictures with annotations, an output root, a Dagster home."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from segassets.models.spec import ModelSpec

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Deployment:
    """Where everything lies.

    Attributes:
        keys: scene keys of its one dataset.
    """

    folder: Path
    keys: list[str]

    @property
    def output(self) -> Path:
        """Root of the artifacts."""
        return self.folder / "artifacts"

    @property
    def home(self) -> Path:
        """The Dagster home."""
        return self.folder / "home"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a process that works with it."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SEGASSETS_", "DAGSTER_"))
        }
        return {
            **kept,
            "SEGASSETS_CONFIGS": str(self.folder / "configs"),
            "SEGASSETS_OUTPUT_ROOT": str(self.output),
            "DAGSTER_HOME": str(self.home),
            "OMP_NUM_THREADS": "1",
        }

    def picture(self, scene: int, number: int) -> Path:
        """A picture of a scene."""
        return self.folder / "pictures" / f"{scene:03d}_{number:03d}.png"


def make_deployment(
    folder: Path, scenes: int = 2, pictures: int = 2, size_hw: tuple[int, int] = (96, 128)
) -> Deployment:
    """A deployment with one COCO dataset `shapes`; each scene is a shard of `pictures` pictures with three shapes."""
    (folder / "pictures").mkdir(parents=True)
    (folder / "configs" / "datasets").mkdir(parents=True)
    (folder / "configs" / "runs").mkdir()
    (folder / "home").mkdir()
    shutil.copytree(REPOSITORY / "configs" / "models", folder / "configs" / "models")
    shutil.copy(REPOSITORY / "configs" / "dagster.yaml", folder / "home" / "dagster.yaml")
    images, annotations = [], []
    for at in range(scenes * pictures):
        scene, number = divmod(at, pictures)
        name = f"{scene:03d}_{number:03d}.png"
        rgb, polygons = draw_shapes(at, size_hw)
        Image.fromarray(rgb).save(folder / "pictures" / name)
        images.append({"id": at + 1, "file_name": name, "height": size_hw[0], "width": size_hw[1]})
        for category, polygon in enumerate(polygons):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": at + 1,
                    "category_id": category,
                    "segmentation": [polygon],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(("box", "ball", "roof"))]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "shapes.json").write_text(json.dumps(document))
    (folder / "configs" / "datasets" / "shapes.yaml").write_text(
        f"layout: coco\nroot: {folder}\noptions:\n  annotations: shapes.json\n  pictures: pictures\n"
        f"  shard_size: {pictures}\n"
    )
    keys = [f"shapes.shard-{number:04d}" for number in range(scenes)]
    return Deployment(folder, keys)


def draw_shapes(seed: int, size_hw: tuple[int, int]) -> tuple[np.ndarray, list[list[float]]]:
    """A picture (H, W, 3) uint8 of a rectangle, an ellipse and a triangle, and their polygons in pixels."""
    height, width = size_hw
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    ground = np.stack([90 + rows * 60 // height, 110 + columns * 50 // width, 130 + 0 * rows], -1).astype(
        np.uint8
    )
    picture = Image.fromarray(ground)
    pen = ImageDraw.Draw(picture)
    polygons = []
    for slot, corners in enumerate((4, 24, 3)):
        centre_x, centre_y = width * (slot + 0.5) / 3, height * rng.uniform(0.35, 0.65)
        radius = min(height, width) * rng.uniform(0.12, 0.16)
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 1)
        points = np.stack([centre_x + radius * np.cos(angles), centre_y + radius * np.sin(angles)], 1)
        colour = tuple(int(value) for value in rng.integers(40, 255, 3))
        pen.polygon([tuple(point) for point in points], fill=colour)
        polygons.append([round(float(value), 2) for value in points.reshape(-1)])
    return np.asarray(picture), polygons


def add_tiny_model(deployment: Deployment) -> dict[str, str]:
    """Adds random networks, `tiny` and `tiny-depth`; the environment under which they propose and are quick."""
    import yaml

    from segassets.models.sam2.tiny import tiny_spec

    spec = tiny_spec().model_dump(mode="json") | {"name": "tiny"}
    embedding = tiny_embedding_spec().model_dump(mode="json", exclude_none=True)
    depth = {"name": "tiny-depth", "family": "depth", "description": "", "licence": "", "image_size": 64}
    depth |= {"source": {"kind": "random", "seed": 0}, "depth": {"network": "nano", "kind": "metric"}}
    for name, written in (("tiny", spec), ("tiny-clip", embedding), ("tiny-depth", depth)):
        (deployment.folder / "configs" / "models" / f"{name}.yaml").write_text(yaml.safe_dump(written))
    return {
        "SEGASSETS_MODEL": "tiny",
        "SEGASSETS_EMBEDDING_MODEL": "tiny-clip",
        "SEGASSETS_DEPTH_MODEL": "tiny-depth",
        "SEGASSETS_DEVICE": "cpu",
        "SEGASSETS_LEVELS": "2",
        "SEGASSETS_KEYFRAME_STRIDE": "1",
        "SEGASSETS_MIN_AREA": "0",
        "SEGASSETS_STABILITY": "0",
        "SEGASSETS_CANDIDATES__POINTS_PER_SIDE": "3",
        "SEGASSETS_CANDIDATES__PREDICTED_IOU_THRESHOLD": "0",
        "SEGASSETS_CANDIDATES__STABILITY_THRESHOLD": "0",
    }


def tiny_embedding_spec() -> ModelSpec:
    """The nano embedder with random values."""
    from segassets.models.spec import ModelSpec

    return ModelSpec.model_validate(
        {
            "name": "tiny-clip",
            "family": "embedding",
            "description": "Random values.",
            "licence": "none",
            "source": {"kind": "random", "seed": 0},
            "embedding": {"network": "nano", "dim": 512},
            "image_size": 32,
            "device": "cpu",
        }
    )


def run_assets(
    instance,
    assets,
    keys: list[str],
    deployment: Deployment,
    *,
    checks=(),
    tag: str = "main",
    wait_s: float = 0.0,
):
    """Materialize scene assets (and quality checks) for neighbouring scenes in one run; the run's result."""
    import dagster as dg

    from segassets.orchestration.partitions import register_scenes
    from segassets.orchestration.resources import FootageResource, GpuResource, StoreResource
    from segassets.orchestration.tags import settings_of_tags

    settings = settings_of_tags([tag])[tag]
    register_scenes(instance, deployment.keys)
    return dg.materialize(
        [asset.build(tag, settings) for asset in assets] + [check.build(tag) for check in checks],
        instance=instance,
        resources={
            "store": StoreResource(root=str(deployment.output), wait_s=wait_s),
            "footage": FootageResource(datasets=[]),
            "gpu": GpuResource(lock_dir=None, wait_s=0.0),
        },
        tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
        raise_on_error=False,
    )
