"""Probabilities that an evaluation stored, one file a frame, and the threshold counts made from them in one pass."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segassets.errors import BadInput, MissingInput
from segassets.evaluation.segmentation import count_at_thresholds

Counter = Callable[[np.ndarray, np.ndarray, Sequence[float]], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class StoredFrame:
    """The probabilities of one frame.

    Attributes:
        image_id: `<scene>/<frame>` where this platform wrote it.
        probs: float16 (N, H, W).
        categories: category of each object (N,), -1 = none.
    """

    image_id: str
    probs: np.ndarray
    categories: np.ndarray

    def of_category(self, category: int) -> np.ndarray:
        """float32 (H, W): the largest probability of the category's objects, 0 where it has none."""
        planes = self.probs[self.categories == category]
        if not len(planes):
            return np.zeros(self.probs.shape[1:], np.float32)
        return planes.max(axis=0).astype(np.float32)


def stored_frames(folder: Path) -> Iterator[StoredFrame]:
    """The frames of a folder of probabilities, one in memory at a time, in the order they were judged.

    Args:
        folder: `meta.json` {mod, image_ids} and `<image_id>.npz` {probs float16 (N, H, W), obj_ids, height, width}
            with obj_id = count x mod + category.

    Raises:
        MissingInput: no such folder or file. BadInput: a file does not hold that; names it.
    """
    meta = _meta(folder)
    mod = int(meta["mod"])
    for image_id in meta["image_ids"]:
        path = folder / f"{image_id}.npz"
        if not path.is_file():
            raise MissingInput(f"{folder}: meta.json lists {image_id!r}, but there is no {path.name}")
        try:
            with np.load(path, allow_pickle=False) as stored:
                probs, ids = stored["probs"], stored["obj_ids"]
                size = int(stored["height"]), int(stored["width"])
        except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
            raise BadInput(f"{path}: expected probs, obj_ids, height and width, found {error}") from error
        if probs.shape != (len(ids), *size):
            raise BadInput(
                f"{path}: expected probs of shape {(len(ids), *size)} (objects, height, width), found {probs.shape}"
            )
        categories = ids.astype(np.int64) % mod
        yield StoredFrame(str(image_id), probs, np.where(categories == mod - 1, -1, categories))


def count_stored(
    folder: Path,
    truth_of: Callable[[str], dict[int, np.ndarray]],
    thresholds: Sequence[float],
    counter: Counter = count_at_thresholds,
) -> Iterator[dict[str, Any]]:
    """Counts of each category on each stored frame: "image_id", "category_id", "truth", "predicted", "hit".

    Args:
        truth_of: image id -> category -> boolean (H, W); a category without an entry is absent.
        counter: `count_at_thresholds`, or its brute-force reference.
    """
    for frame in stored_frames(folder):
        truth = truth_of(frame.image_id)
        for category in sorted({*truth, *frame.categories.tolist()}):
            probabilities = frame.of_category(category)
            mask = truth.get(category)
            mask = np.zeros(probabilities.shape, bool) if mask is None else mask
            predicted, hit = counter(probabilities, mask, thresholds)
            yield {
                "image_id": frame.image_id,
                "category_id": category,
                "truth": int(np.count_nonzero(mask)),
                "predicted": predicted,
                "hit": hit,
            }


def _meta(folder: Path) -> dict[str, Any]:
    path = folder / "meta.json"
    if not path.is_file():
        raise MissingInput(f"no probabilities in {folder}; evaluate with save_probabilities: true")
    try:
        meta = json.loads(path.read_text("utf-8"))
        if int(meta["mod"]) < 1 or not isinstance(meta["image_ids"], list):
            raise ValueError(f"mod {meta['mod']}, image_ids {type(meta['image_ids']).__name__}")
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: expected mod and image_ids, found {error!r}") from error
    return meta
