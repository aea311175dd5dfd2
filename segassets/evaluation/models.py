"""How good a model is on scenes with true masks, each figure beside its trivial baselines.

Judged are objects of more than .5 % of the frame. `iou_point`: the single mask for a click on the object's
centre-most pixel; `iou_box`: the mask for its box; `j_track`: followed over eight frames from its first mask;
`candidate_recall`: objects that automatic masks find with an IoU of at least .5.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from segassets.datasets.frames import FrameSource
from segassets.datasets.scene import OBJECT_LEVEL
from segassets.errors import BadInput
from segassets.evaluation import trivial
from segassets.evaluation.pairs import pair_iou
from segassets.evaluation.scenes import open_true_scenes
from segassets.masks import rle
from segassets.models.registry import load_spec

if TYPE_CHECKING:
    from segassets.models.protocols import ImageSegmenter, VideoTracker

MIN_AREA_FRACTION = 0.005
PICTURE_STRIDE = 4
CANDIDATE_STRIDE = 8
DISC_RADII = np.arange(0.01, 0.5, 0.01)  # of the frame's shorter side


@dataclass
class Figures:
    """Values per judged object and frame, by figure and by guess."""

    point: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    box: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    track: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    recall: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))


class EvaluationScene:
    """A scene opened for evaluation: its frames and its true objects.

    Args:
        truth: mask table; parts of objects and crowds are not judged.
    """

    def __init__(self, key: str, source: FrameSource, truth: pa.Table) -> None:
        self.key, self.source, self.truth = key, source, truth
        self._rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
        names = ["frame", "track_id", "mask_id", "level", "area", "rle_counts", "source"]
        for row in truth.select(names).to_pylist():
            if row["level"] <= OBJECT_LEVEL and row["source"] != "annotation_crowd":
                self._rows[row["frame"]].append(row)

    def objects(self, frame: int) -> dict[int, np.ndarray]:
        """True objects of a frame that are large enough: track id (negative: no track) -> mask (H, W)."""
        height, width = self.source.size_hw(frame)
        return {
            row["track_id"] or -row["mask_id"]: rle.decode(row["rle_counts"], height, width)
            for row in self._rows.get(frame, [])
            if row["area"] > MIN_AREA_FRACTION * height * width
        }

    def mask(self, frame: int, track_id: int) -> np.ndarray:
        """An object's mask on a frame, of any size; empty where it is not seen."""
        height, width = self.source.size_hw(frame)
        texts = [row["rle_counts"] for row in self._rows.get(frame, []) if row["track_id"] == track_id]
        return rle.decode(rle.union(texts, height, width), height, width)


def evaluate_model(
    name: str,
    dataset: str = "rooms_eval",
    *,
    device: str | None = None,
    max_scenes: int | None = None,
    track_frames: int = 8,
) -> dict[str, Any]:
    """Measure a model of `configs/models/` on a dataset with true masks.

    Args:
        name: the model, or the path of its YAML file.
        dataset: name of a dataset whose scenes have annotated objects.
        device: auto, cpu, cuda or cuda:<i>; the model's own when not given.
        max_scenes: only the first so many scenes.
        track_frames: frames an object is followed over, the first included.

    Returns:
        "model", "dataset", "scenes", "objects", "seconds" and four figures, each {"value": ...,
        baselines...}.

    Raises:
        BadConfig: unknown model or dataset. MissingInput: no weights. BadInput: no annotated objects.
    """
    from segassets.models.sam2.build import get_network
    from segassets.models.sam2.images import Sam2ImageSegmenter
    from segassets.models.sam2.video import Sam2Tracker

    began = time.perf_counter()
    spec = load_spec(name)
    if spec.family == "seqformer":
        from segassets.evaluation.segmenter import evaluate_segmenter

        return evaluate_segmenter(spec, {dataset: None}, device=device, max_scenes=max_scenes)
    network = get_network(spec, device or spec.device, spec.precision)
    segmenter = Sam2ImageSegmenter(network, spec.precision)
    figures, scenes = Figures(), 0
    for scene in _scenes(dataset, max_scenes):
        scenes += 1
        add_pictures(figures, scene, segmenter)
        add_tracks(figures, scene, Sam2Tracker(network, len(scene.source), spec.precision), track_frames)
        add_candidates(figures, scene, segmenter, spec.settings.get("candidates", {}))
    if not figures.box["value"]:
        raise BadInput(f"dataset {dataset!r}: expected annotated objects over .5 % of the frame, found none")
    result = summarise(figures)
    return {
        "model": spec.name,
        "dataset": dataset,
        "scenes": scenes,
        "objects": int(sum(map(len, figures.box["value"]))),
        **result,
        "seconds": round(time.perf_counter() - began, 1),
    }


def _scenes(dataset: str, limit: int | None) -> Iterator[EvaluationScene]:
    from tqdm import tqdm

    opened = open_true_scenes(dataset, limit=limit)
    for scene in tqdm(opened, desc=f"evaluating on {dataset}", unit="scene", leave=False):
        yield EvaluationScene(scene.key, scene.source, scene.truth)


def add_pictures(figures: Figures, scene: EvaluationScene, segmenter: ImageSegmenter) -> None:
    """Clicks and boxes on every fourth frame."""
    wanted = range(0, len(scene.source), PICTURE_STRIDE)
    for frame, rgb in scene.source.iterate(wanted):
        truth = scene.objects(frame)
        if not truth:
            continue
        masks, shape = np.stack(list(truth.values())), rgb.shape[:2]
        encoded = segmenter.encode(rgb)
        points = [trivial.centre_most(mask) for mask in masks]
        boxes = [trivial.box_xyxy(mask) for mask in masks]
        clicks, labels = np.array(points, np.float32)[:, None], np.ones((len(points), 1), np.int32)
        logits, _ = segmenter.predict(encoded, clicks, labels, multimask=False)
        figures.point["value"].append(pair_iou(_full_size(logits, shape)[:, 0], masks))
        logits, _ = segmenter.predict(encoded, clicks, labels, multimask=True)
        three = _full_size(logits, shape)
        best = pair_iou(three, np.broadcast_to(masks[:, None], three.shape)).max(axis=1)
        figures.point["best_of_three"].append(best)
        radii = DISC_RADII * min(shape)
        discs = [trivial.disc_ious(mask, point, radii) for mask, point in zip(masks, points, strict=True)]
        figures.point["discs"].append(np.array(discs))
        logits, _ = segmenter.predict(encoded, boxes_xyxy=np.array(boxes, np.float32), multimask=False)
        figures.box["value"].append(pair_iou(_full_size(logits, shape)[:, 0], masks))
        for guess, make in (
            ("filled_box", trivial.filled_box),
            ("inscribed_ellipse", trivial.inscribed_ellipse),
        ):
            figures.box[guess].append(pair_iou(np.stack([make(box, shape) for box in boxes]), masks))


def add_tracks(figures: Figures, scene: EvaluationScene, tracker: VideoTracker, frames: int) -> None:
    """Objects followed from their mask on the first frame of every window of `frames` frames."""
    for start in range(0, len(scene.source) - frames + 1, frames):
        first = scene.objects(start)
        first = {name: mask for name, mask in first.items() if name > 0}
        if not first:
            continue
        masks, memory = np.stack(list(first.values())), None
        followed: list[np.ndarray] = []
        kept: list[np.ndarray] = []
        for frame, rgb in scene.source.iterate(range(start, start + frames)):
            features = tracker.encode(rgb, frame)
            if memory is None:
                memory, _ = tracker.found(features, masks=masks)
                continue
            predicted = _full_size(tracker.step(features, memory).logits[:, None], rgb.shape[:2])[:, 0]
            truth = np.stack([scene.mask(frame, name) for name in first])
            followed.append(pair_iou(predicted, truth))
            kept.append(pair_iou(masks, truth))
        figures.track["value"].append(np.mean(followed, axis=0))
        figures.track["first_mask_kept"].append(np.mean(kept, axis=0))


def add_candidates(
    figures: Figures, scene: EvaluationScene, segmenter: ImageSegmenter, suited: dict[str, Any]
) -> None:
    """Automatic masks of every eighth frame, with the stage's own settings."""
    from segassets.proposals.config import CandidateConfig
    from segassets.proposals.recall import candidate_recall
    from segassets.proposals.sam2_engine import Sam2CandidateEngine
    from segassets.proposals.scene import keyframes, propose_scene

    config = CandidateConfig(**{**suited, "keyframe_stride": CANDIDATE_STRIDE})
    found = propose_scene(scene.source, scene.key, Sam2CandidateEngine(segmenter, config), config)
    wanted = keyframes(len(scene.source), CANDIDATE_STRIDE)
    by_level = candidate_recall(found, scene.truth, min_area_fraction=MIN_AREA_FRACTION, frames=wanted)
    for level, recall in by_level.items():
        what = "value" if level == OBJECT_LEVEL else "parts"
        figures.recall[what].append((recall.recall, recall.truths))
        guess = "boxes_of_grids" if level == OBJECT_LEVEL else "parts_boxes_of_grids"
        figures.recall[guess].append((recall.baseline, recall.truths))
    figures.recall["candidates_per_frame"].append((found.num_rows / len(wanted), len(wanted)))


def summarise(figures: Figures) -> dict[str, dict[str, float]]:
    """Means over all judged objects, by figure."""
    discs = np.concatenate(figures.point.pop("discs")).mean(axis=0)
    result = {
        "iou_point": _means(figures.point) | {"best_disc_of_one_size": round(float(discs.max()), 4)},
        "iou_box": _means(figures.box),
        "j_track": _means(figures.track),
        "candidate_recall": {
            name: round(float(np.average([v for v, _ in values], weights=[n for _, n in values])), 4)
            for name, values in figures.recall.items()
        },
    }
    return result


def _means(values: dict[str, list[np.ndarray]]) -> dict[str, float]:
    return {name: round(float(np.concatenate(found).mean()), 4) for name, found in values.items() if found}


def _full_size(logits: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Boolean masks (B, M, H, W) of logits (B, M, h, w)."""
    import torch.nn.functional as F

    full = F.interpolate(logits, (shape[0], shape[1]), mode="bilinear", align_corners=False)
    return (full > 0).cpu().numpy()
