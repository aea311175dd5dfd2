"""YTVIS's AP and AR as plainly as they can be written: one pair, one frame, one threshold at a time.

What `segassets.evaluation.vis` is held to (equal to 1e-9) and measured against. Written from the rules of the evaluator
that YouTube-VIS published: dictionaries per tube, pycocotools for the union and the intersection of two masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco

from segassets.masks.tubes import Tubes

THRESHOLDS = [0.5 + 0.05 * step for step in range(10)]
RECALLS = [0.01 * step for step in range(101)]
LIMITS = [1, 10, 100]
AREAS = {"all": (0, 1e10), "s": (0, 128**2), "m": (128**2, 256**2), "l": (256**2, 1e10)}

Tube = dict[str, Any]
Video = tuple[list[Tube], list[Tube]]  # true, predicted


def tubes_of(tubes: Tubes, frames: int) -> list[Tube]:
    """Each tube as in the JSON: a list of run lengths with None where it is absent."""
    size = [tubes.height, tubes.width]
    made = []
    for at, masks in enumerate(tubes.masks):
        rles = [{"size": size, "counts": masks[f].encode()} if f in masks else None for f in range(frames)]
        areas = [int(coco.area(rle)) for rle in rles if rle]
        areas = [area for area in areas if area]
        made.append(
            {
                "rles": rles,
                "area": sum(areas) / len(areas) if areas else 0.0,
                "category": int(tubes.categories[at]),
                "score": float(tubes.scores[at]),
                "crowd": bool(tubes.crowd[at]),
            }
        )
    return made


def tube_iou(one: Tube, other: Tube) -> float:
    """Shared over united pixels of all frames."""
    shared = united = 0
    for a, b in zip(one["rles"], other["rles"], strict=True):
        if a and b:
            shared += int(coco.area(coco.merge([a, b], True)))
            united += int(coco.area(coco.merge([a, b], False)))
        elif a or b:
            united += int(coco.area(a or b))
    return shared / united if united else 0.0


def evaluate_video(
    true: list[Tube], predicted: list[Tube], area: tuple[float, float], ious: list[list[float]]
) -> dict[str, Any] | None:
    """Matches of one video in one area range; `predicted` is in order of score."""
    if not true and not predicted:
        return None
    ignore = [tube["crowd"] or not area[0] <= tube["area"] <= area[1] for tube in true]
    order = sorted(range(len(true)), key=lambda at: ignore[at])
    matched = [[-1] * len(predicted) for _ in THRESHOLDS]
    ignored = [[False] * len(predicted) for _ in THRESHOLDS]
    for row, threshold in enumerate(THRESHOLDS):
        taken: set[int] = set()
        for number, tube in enumerate(predicted):
            best, partner = min(threshold, 1 - 1e-10), -1
            for candidate in order:
                if candidate in taken and not true[candidate]["crowd"]:
                    continue
                if partner > -1 and not ignore[partner] and ignore[candidate]:
                    break
                if ious[number][candidate] < best:
                    continue
                best, partner = ious[number][candidate], candidate
            if partner == -1:
                ignored[row][number] = not area[0] <= tube["area"] <= area[1]
            else:
                taken.add(partner)
                matched[row][number] = partner
                ignored[row][number] = ignore[partner]
    return {
        "scores": [tube["score"] for tube in predicted],
        "matched": matched,
        "ignored": ignored,
        "expected": ignore.count(False),
    }


def accumulate(
    found: Sequence[dict[str, Any] | None], limit: int
) -> tuple[list[list[float]], list[float]] | None:
    """Precision by threshold and recall level, and recall by threshold; None without true tubes."""
    known = [item for item in found if item is not None]
    expected = sum(item["expected"] for item in known)
    if not expected:
        return None
    entries = [
        (item["scores"][number], item, number)
        for item in known
        for number in range(min(limit, len(item["scores"])))
    ]
    entries.sort(key=lambda entry: -entry[0])
    precisions, recalls = [], []
    for row in range(len(THRESHOLDS)):
        right = wrong = 0
        precision, recall = [], []
        for _, item, number in entries:
            if not item["ignored"][row][number]:
                if item["matched"][row][number] > -1:
                    right += 1
                else:
                    wrong += 1
            recall.append(right / expected)
            precision.append(right / (right + wrong + np.spacing(1)))
        recalls.append(recall[-1] if recall else 0.0)
        for at in range(len(precision) - 1, 0, -1):
            precision[at - 1] = max(precision[at - 1], precision[at])
        precisions.append([0.0] * len(RECALLS))
        for column, level in enumerate(np.linspace(0, 1, 101)):
            at = int(np.searchsorted(recall, level, side="left"))
            if at < len(precision):
                precisions[-1][column] = precision[at]
    return precisions, recalls


def evaluate(videos: Sequence[Video], *, by_category: bool) -> dict[str, float]:
    """AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl under segassets' names; -1 without true tubes."""
    categories = sorted({tube["category"] for true, _ in videos for tube in true}) if by_category else [None]
    made: dict[tuple, list] = {}
    for category in categories:
        for true, predicted in videos:
            mine = [t for t in _sorted(true) if category is None or t["category"] == category]
            theirs = [t for t in _sorted(predicted) if category is None or t["category"] == category]
            theirs = sorted(theirs, key=lambda tube: -tube["score"])[: LIMITS[-1]]
            ious = [[tube_iou(a, b) for b in mine] for a in theirs]
            for name, area in AREAS.items():
                made.setdefault((category, name), []).append(evaluate_video(mine, theirs, area, ious))
    return _summary(categories, made)


def _sorted(tubes: list[Tube]) -> list[Tube]:
    return sorted(tubes, key=lambda tube: tube["category"])


def _summary(categories: Sequence[int | None], made: dict[tuple, list]) -> dict[str, float]:
    def all_of(area: str, limit: int) -> list:
        found = [accumulate(made[category, area], limit) for category in categories]
        return [item for item in found if item is not None]

    def precision(area: str = "all", rows: Sequence[int] = range(10)) -> float:
        values = [value for item in all_of(area, 100) for row in rows for value in item[0][row]]
        return sum(values) / len(values) if values else -1.0

    def recall(area: str = "all", limit: int = 100) -> float:
        values = [value for item in all_of(area, limit) for value in item[1]]
        return sum(values) / len(values) if values else -1.0

    figures = {"ap": precision(), "ap50": precision(rows=[0]), "ap75": precision(rows=[5])}
    figures |= {f"ap_{area}": precision(area) for area in "sml"}
    figures |= {f"ar{limit}": recall(limit=limit) for limit in LIMITS}
    return figures | {f"ar_{area}": recall(area) for area in "sml"}
