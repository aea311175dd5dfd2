"""Predicted tubes against true tubes of one video: who found whom, at every threshold and area range at once.

The rules of YTVIS's evaluator: from the highest score down, a prediction takes the free true tube of largest IoU that
reaches the threshold; one that must not be judged (a crowd, or outside the area range) only when no other does. A crowd
may be taken again and again. A prediction without a true tube is not judged where it is outside the area range itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_FAR = float(10**10)
AREA_RANGES = {  # mean pixels over the frames a tube is on, both ends included
    "all": (0.0, _FAR),
    "s": (0.0, 128.0**2),
    "m": (128.0**2, 256.0**2),
    "l": (256.0**2, _FAR),
}
MAX_DETECTIONS = (1, 10, 100)


@dataclass(frozen=True)
class Matches:
    """What became of the predictions of one video (of one category), best score first.

    Attributes:
        scores: float64 (D,).
        matched, ignored: bool (areas, thresholds, D); one that is ignored is neither right nor wrong.
        expected: int64 (areas,), true tubes that count.
    """

    scores: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray
    expected: np.ndarray


def match(
    iou: np.ndarray, scores: np.ndarray, areas: np.ndarray, true_areas: np.ndarray, true_crowd: np.ndarray
) -> Matches:
    """Match the MAX_DETECTIONS best predictions.

    Args:
        iou: float64 (D, G).
        scores, areas: (D,) of the predictions, `areas` in mean pixels over the frames a tube is on.
        true_areas, true_crowd: (G,).
    """
    order = np.argsort(-scores, kind="mergesort")[: MAX_DETECTIONS[-1]]
    iou, areas = iou[order], areas[order]
    unjudged = _outside(true_areas) | true_crowd  # (A, G)
    needed = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)
    shape = (len(AREA_RANGES), len(needed))
    taken = np.zeros((*shape, len(true_areas)), bool)
    matched = np.zeros((*shape, len(order)), bool)
    ignored = np.zeros((*shape, len(order)), bool)
    near = iou >= needed[0]
    for at in np.flatnonzero(near.any(1)):
        columns = np.flatnonzero(near[at])
        free = ~taken[..., columns] | true_crowd[columns]
        usable = free & (iou[at, columns] >= needed[:, None])
        partner, hit, unjudged_hit = _partner(usable, iou[at, columns], unjudged[:, columns])
        area, threshold = np.nonzero(hit)
        taken[area, threshold, columns[partner[area, threshold]]] = True
        matched[..., at] = hit
        ignored[..., at] = unjudged_hit
    ignored |= ~matched & _outside(areas)[:, None, :]
    return Matches(scores[order], matched, ignored, (~unjudged).sum(1))


def _partner(
    usable: np.ndarray, iou: np.ndarray, unjudged: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The true tube a prediction takes.

    Args:
        usable: bool (A, T, c); iou: (c,); unjudged: bool (A, c).

    Returns:
        Its position (A, T), whether there is one, and whether it is one that is not judged. Of equal IoU the last.
    """
    value = np.where(usable, iou, -1.0) - 2.0 * unjudged[:, None, :]  # judged ones first, then by IoU
    value = np.where(usable, value, -9.0)
    last = value.shape[-1] - 1 - np.argmax(value[..., ::-1], axis=-1)
    best = np.take_along_axis(value, last[..., None], -1)[..., 0]
    return last, best > -9.0, (best > -9.0) & (best < 0)


def _outside(areas: np.ndarray) -> np.ndarray:
    """Which areas lie outside each range: bool (areas, N)."""
    low, high = np.array(list(AREA_RANGES.values())).T
    return (areas < low[:, None]) | (areas > high[:, None])
