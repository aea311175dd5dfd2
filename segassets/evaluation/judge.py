"""Answers against the truth, frame by frame: probabilities at the frame's size, then counts and figures, then gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from segassets.errors import BadInput
from segassets.evaluation.follow import Answer, Following
from segassets.evaluation.pairs import pair_iou
from segassets.evaluation.prompts import EvaluationConfig
from segassets.evaluation.scenes import TrueScene
from segassets.evaluation.segmentation import (
    count_at_thresholds,
    dice_of_counts,
    iou_of_counts,
    mean_absolute_error,
)
from segassets.evaluation.targets import Target, decode_cached
from segassets.evaluation.video import boundary_f
from segassets.masks import rle

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Judgement:
    """One target on one frame.

    Attributes:
        row: a row of ITEMS.
        target: what was judged.
        mask: what was predicted at the evaluation's threshold, boolean (H, W).
        score: of its objects, weighted by their areas; 0 without any.
        objects: probabilities of each of its objects, float16 (H, W); kept only where they are to be saved.
    """

    row: dict[str, Any]
    target: Target
    mask: np.ndarray
    score: float
    objects: list[np.ndarray]


def judge_frame(
    scene: TrueScene, clip: int, following: Following, targets: list[Target], config: EvaluationConfig
) -> Iterator[Judgement]:
    """The targets that are judged on this frame."""
    shape = scene.source.size_hw(following.frame)
    for position, target in enumerate(targets):
        answers = [answer for (owner, _), answer in following.answers.items() if owner == position]
        here = any(answer.shown_here for answer in answers)
        if following.frame not in target.judged_frames or (here and config.prompted_frames == "skip"):
            continue
        objects = [probabilities_of(answer.logits, shape) for answer in answers]
        probabilities = merged_probability(objects, shape)
        mask = probabilities >= np.float32(config.threshold)
        row = {
            "scene": scene.key,
            "clip": clip,
            "frame": following.frame,
            "object_id": target.object_id,
            "category_id": target.category_id,
            "prompt": "+".join(sorted({answer.prompt for answer in answers})) or "none",
            "prompted_here": here,
            **figures_of(probabilities, mask, target, following.frame, shape, config),
        }
        if not np.isfinite(row["mae"]):
            raise BadInput(
                f"scene {scene.key}, frame {following.frame}, object {target.object_id} of category "
                f"{target.category_id}: expected probabilities, the network answered nan; its weights diverged in "
                "training (evaluate an earlier checkpoint) or its precision is too low (use fp32)"
            )
        kept = [item.astype(np.float16) for item in objects] if config.save_probabilities else []
        yield Judgement(row, target, mask, _score(answers), kept)


def figures_of(
    probabilities: np.ndarray,
    mask: np.ndarray,
    target: Target,
    frame: int,
    shape: tuple[int, int],
    config: EvaluationConfig,
) -> dict[str, Any]:
    """The measured columns of an ITEMS row."""
    counts = target.truth.get(frame)
    truth = np.zeros(shape, bool) if counts is None else rle.decode(counts, *shape)
    area, true_area, hit = (np.array(np.count_nonzero(found)) for found in (mask, truth, mask & truth))
    predicted_areas, hit_areas = count_at_thresholds(probabilities, truth, config.thresholds)
    both_empty = 1.0 if config.both_empty == "one" else float("nan")
    ignored = not area and not true_area and config.both_empty == "ignore"
    iou = float(iou_of_counts(area, hit, true_area, both_empty))
    dice = float(dice_of_counts(area, hit, true_area, both_empty))
    return {
        "pixels": mask.size,
        "truth_area": int(true_area),
        "iou": None if ignored else iou,
        "dice": None if ignored else dice,
        "mae": mean_absolute_error(probabilities, truth),
        "f": boundary_f(mask, truth) if config.boundary and not ignored else None,
        "iou_first_mask": _first_mask_kept(target, frame, truth, shape),
        "predicted_areas": predicted_areas,
        "hit_areas": hit_areas,
    }


def probabilities_of(logits: torch.Tensor, shape: tuple[int, int]) -> np.ndarray:
    """float32 (H, W) of low-resolution logits (h, w), resized bilinearly before the sigmoid."""
    import torch
    import torch.nn.functional as F

    with torch.inference_mode():
        full = F.interpolate(logits[None, None].float(), shape, mode="bilinear", align_corners=False)
        return full[0, 0].sigmoid().cpu().numpy()


def merged_probability(objects: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """(H, W): the largest probability of several objects; 0 where nothing was shown, or without objects."""
    return np.maximum.reduce(objects) if len(objects) else np.zeros(shape, np.float32)


def _first_mask_kept(target: Target, frame: int, truth: np.ndarray, shape: tuple[int, int]) -> float | None:
    """IoU of the trivial answer, the first true mask; None where there is none to keep."""
    if not target.truth or len(target.frames) < 2:
        return None
    return float(pair_iou(decode_cached(target.truth[min(target.truth)], *shape), truth))


def _score(answers: list[Answer]) -> float:
    areas = [int((answer.logits > 0).sum()) for answer in answers]
    if not sum(areas):
        return 0.0
    return float(np.average([answer.score for answer in answers], weights=areas))
