"""How well an embedder finds the object a caption is about, among the objects of its scene.

Captions that are true of exactly one instance, in scenes where at least two others share its colour or its category.
An instance is what its crops of all frames say together (`top1`), or its largest crop alone (`top1_one_view`). Beside
them: chance, and a histogram of colours that knows the caption's colour alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segassets.datasets.config import load_dataset
from segassets.datasets.load import dataset_keys, open_scene_of
from segassets.datasets.rooms.textures import COLOURS, PATTERNS
from segassets.datasets.scene import OBJECT_LEVEL
from segassets.errors import BadInput
from segassets.evaluation.models import MIN_AREA_FRACTION
from segassets.evaluation.scenes import open_true_scenes
from segassets.masks import rle
from segassets.models.embedding.crops import masked_crop
from segassets.models.load import load_model
from segassets.models.protocols import Embedder
from segassets.models.spec import ModelSpec

LEAST_DISTRACTORS = 2
COLOUR_WORDS = (*COLOURS, "colourful")


@dataclass(frozen=True)
class Claim:
    """What a caption says that a crop can show; empty where it is silent."""

    colour: str
    pattern: str
    category: str

    def true_of(self, other: Claim) -> bool:
        """Whether all it says also holds of the instance that another caption describes."""
        return (
            self.category == other.category
            and self.colour in ("", other.colour)
            and self.pattern in ("", other.pattern)
        )


@dataclass
class Instance:
    """An object of a scene: its caption, its crops and their areas in pixels."""

    caption: str
    claim: Claim
    crops: list[np.ndarray] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)


def evaluate_embedder(
    spec: ModelSpec, dataset: str, *, device: str | None = None, max_scenes: int | None = None
) -> dict[str, Any]:
    """Measure a model of the embedding family on scenes whose objects have captions.

    Returns:
        "model", "dataset", "scenes", "captions", "seconds" and the figures, each {"value": ..., baselines...}.

    Raises:
        BadConfig: unknown dataset. MissingInput: no weights. BadInput: no caption to judge by.
    """
    began = time.perf_counter()
    embedder: Embedder = load_model(spec, device or spec.device)
    hits: dict[str, list[float]] = defaultdict(list)
    keys = dataset_keys(load_dataset(dataset))[:max_scenes]
    for key in keys:
        instances = instances_of(dataset, key)
        judge_scene(instances, embedder, hits)
    if not hits["value"]:
        raise BadInput(
            f"dataset {dataset!r}: expected captions true of one instance among others, found none"
        )
    means = {name: round(float(np.mean(found)), 4) for name, found in hits.items()}
    beside = {"chance": means["chance"], "colour_histogram": means["colour_histogram"]}
    return {
        "model": spec.name,
        "dataset": dataset,
        "scenes": len(keys),
        "captions": len(hits["value"]),
        "top1": {"value": means["value"], **beside},
        "top1_one_view": {"value": means["one_view"], **beside},
        "seconds": round(time.perf_counter() - began, 1),
    }


def instances_of(dataset: str, key: str) -> list[Instance]:
    """The captioned objects of a scene that cover over .5 % of some frame, with their crops of those frames.

    Raises:
        BadInput: the scene has no captions.
    """
    captions = open_scene_of(load_dataset(dataset), key).extras.get("captions")
    if not captions:
        raise BadInput(
            f"scene {key}: expected captions of its objects, found none; generated rooms have them"
        )
    found: dict[int, Instance] = {}
    for scene in open_true_scenes(dataset, [key]):
        rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in scene.truth.to_pylist():
            if row["track_id"] and str(row["track_id"]) in captions and row["level"] <= OBJECT_LEVEL:
                rows[row["frame"]].append(row)
        with scene.source as source:
            for frame, rgb in source.iterate(sorted(rows)):
                for row in rows[frame]:
                    if row["area"] <= MIN_AREA_FRACTION * rgb.shape[0] * rgb.shape[1]:
                        continue
                    text = captions[str(row["track_id"])]
                    claim = claim_of(text, scene.category_name(row["category_id"]))
                    instance = found.setdefault(row["track_id"], Instance(text, claim))
                    mask = rle.decode(row["rle_counts"], *rgb.shape[:2]).astype(bool)
                    instance.crops.append(masked_crop(rgb, mask))
                    instance.areas.append(row["area"])
    return list(found.values())


def claim_of(caption: str, category: str) -> Claim:
    """What a room's caption says of an instance of a category."""
    words = caption.split()
    colour = next((word for word in words if word in COLOUR_WORDS), "")
    return Claim(colour, next((word for word in words if word in PATTERNS), ""), category)


def judged(instances: Sequence[Instance]) -> list[int]:
    """Numbers of the instances whose caption is true of them alone, with enough that share colour or category."""
    chosen = []
    for number, instance in enumerate(instances):
        others = [other.claim for k, other in enumerate(instances) if k != number]
        claim = instance.claim
        alike = sum(other.category == claim.category or other.colour == claim.colour for other in others)
        if alike >= LEAST_DISTRACTORS and not any(claim.true_of(other) for other in others):
            chosen.append(number)
    return chosen


def judge_scene(instances: Sequence[Instance], embedder: Embedder, hits: dict[str, list[float]]) -> None:
    """Add a scene's captions: 1 where the right instance comes first, by figure and by guess."""
    numbers = judged(instances)
    if not numbers:
        return
    rows = embedder.embed_pictures([crop for instance in instances for crop in instance.crops])
    ends = np.cumsum([len(instance.crops) for instance in instances])[:-1]
    views = np.split(rows, ends)
    pooled = np.stack([view.mean(axis=0) for view in views])
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    largest = np.stack([view[int(np.argmax(one.areas))] for view, one in zip(views, instances, strict=True)])
    texts = embedder.embed_texts([instances[number].caption for number in numbers])
    for number, text in zip(numbers, texts, strict=True):
        hits["value"].append(float(np.argmax(pooled @ text) == number))
        hits["one_view"].append(float(np.argmax(largest @ text) == number))
        shares = [
            _share_of_colour(one.crops[int(np.argmax(one.areas))], instances[number].claim)
            for one in instances
        ]
        best = np.flatnonzero(np.array(shares) == max(shares))
        hits["colour_histogram"].append(float(number in best) / len(best))
        hits["chance"].append(1 / len(instances))


def _share_of_colour(crop: np.ndarray, claim: Claim) -> float:
    """Share of an object's pixels whose nearest named colour is the caption's."""
    if claim.colour not in COLOURS:
        return 0.0
    pixels = crop[crop.any(axis=-1)].astype(np.float32)
    centres = np.array([np.mean(corners, axis=0) for corners in COLOURS.values()], np.float32)
    nearest = ((pixels[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    return float((nearest == list(COLOURS).index(claim.colour)).mean()) if len(pixels) else 0.0
