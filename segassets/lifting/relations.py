"""How well one instance stands to another as a question asks: left of it, on it, near it."""

from __future__ import annotations

import numpy as np

from segassets.lifting.places import Places
from segassets.lifting.query_config import QueryConfig

_AXES = {
    "right_of": (0, 1),
    "left_of": (0, -1),
    "above": (1, 1),
    "below": (1, -1),
    "behind": (2, 1),
    "in_front_of": (2, -1),
}
_LEAST_FIT = 0.02  # what fits less is not what was meant


def related(
    relation: str, fits: np.ndarray, places: Places, config: QueryConfig
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) how well a relation to the best fitting other instance holds, and which that is (-1: none)."""
    value, whom = np.zeros(len(fits)), np.full(len(fits), -1)
    best_first = [at for at in np.argsort(-fits, kind="stable").tolist() if fits[at] > _LEAST_FIT]
    for one in range(len(fits)):
        for other in best_first:
            if fits[other] <= value[one]:
                break  # no relation holds more than wholly
            if other == one:
                continue
            score = float(fits[other]) * holds(relation, one, other, places, config)
            if score > value[one]:
                value[one], whom[one] = score, other
    return value, whom


def holds(relation: str, one: int, other: int, places: Places, config: QueryConfig) -> float:
    """How well a relation holds from the first to the other, in [0, 1]; 0 where no frame shows both of them."""
    offset = places.offset(one, other)
    if not np.isfinite(offset).all():
        return 0.0
    unit = config.near_m if places.space == "world" else 0.15  # shares of the picture's diagonal
    if relation in ("near", "far_from"):
        closeness = float(np.exp(-places.gap(one, other) / unit))
        return closeness if relation == "near" else 1 - closeness
    reach = places.reach(one) + places.reach(other)
    if relation == "inside":
        return float(np.exp(-np.maximum(np.abs(offset) - places.reach(other), 0).sum() / (unit / 2)))
    if relation == "on":
        beside = np.maximum(np.abs(offset[[0, 2]]) - places.reach(other)[[0, 2]], 0).sum()
        lift = abs(float(offset[1]) - float(reach[1]))
        return float(np.exp(-beside / (unit / 4)) * np.exp(-lift / (unit / 2))) * float(offset[1] > 0)
    axis, sign = _AXES[relation]
    along = sign * float(offset[axis])
    if along <= 0:
        return 0.0
    rest = np.delete(offset, axis)
    if axis == 0:
        rest = rest[1:]  # higher or lower does not make it less left of
    elif axis == 2:
        rest = rest[:1]
    direction = along / float(np.hypot(along, np.linalg.norm(rest)))
    clear = min(1.0, along / max(float(reach[axis]), 1e-6))
    return direction * (0.5 + 0.5 * clear) * float(np.exp(-places.gap(one, other) / (6 * unit)))
