"""Answers: instances ranked by how well they look, measure and stand as a question asks.

The score of an instance is the product of its parts, each in [0, 1]:

* look: its relevancy over that of the best instance, to the power of `sharpness`;
* size and other degrees: the share of the others, weighted by how much they look as asked, that it exceeds;
* relations: the best, over the other instances, of how well that one fits the words and the relation holds;
* places: likewise by geometry alone;
* confidence: the square root of the instance's own, relative to the best;
* thing: what spans the whole room is floor or wall, and no thing unless the words ask for such.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from segassets.lifting.places import Places
from segassets.lifting.query_config import QueryConfig
from segassets.lifting.question import Phrase, Question

Look = Callable[[str], np.ndarray]  # from words to the relevancy (N,) of all instances

_OPPOSITE = {"small": "large", "short": "tall", "low": "high", "farthest": "nearest", "rightmost": "leftmost"}
_FLOOR_M = 0.12
_STRUCTURE = {"floor", "ground", "wall", "walls", "ceiling", "room", "background"}
_NO_THING = 0.05
_AXES = {
    "right_of": (0, 1),
    "left_of": (0, -1),
    "above": (1, 1),
    "below": (1, -1),
    "behind": (2, 1),
    "in_front_of": (2, -1),
}


@dataclass(frozen=True)
class Ranked:
    """An instance in an answer.

    Attributes:
        position: in the list of instances.
        score: product of the parts.
        parts: by name, e.g. "look", "largest", "left_of table".
        relevancy: of its look, where looks are asked for and known.
        beside: positions of the other things that its relations were found with, by relation.
    """

    position: int
    score: float
    parts: dict[str, float]
    relevancy: float | None = None
    beside: dict[str, int] = field(default_factory=dict)


@dataclass
class _Scores:
    """Scores (N,) of all instances so far."""

    count: int
    notes: list[str]

    def __post_init__(self) -> None:
        self.parts: dict[str, np.ndarray] = {}
        self.beside: dict[str, np.ndarray] = {}

    @property
    def total(self) -> np.ndarray:
        return np.prod([np.ones(self.count), *self.parts.values()], axis=0)


def rank(
    question: Question, look: Look | None, places: Places, confidence: np.ndarray, config: QueryConfig
) -> tuple[list[Ranked], list[str]]:
    """All instances, best first, and notes on what could not be judged.

    Args:
        look: relevancy of all instances to words; None where there are no embeddings.
        places: of the instances.
        confidence: (N,) of each that it is a thing at all.
    """
    notes: list[str] = []
    count = len(confidence)
    scores = _Scores(count, notes)
    if count == 0:
        return [], ["there are no instances in this scene"]
    things = np.where(places.spans_all(), _NO_THING, 1.0)
    if not _STRUCTURE & set(question.thing.look.split()) and (things < 1).any():
        scores.parts["thing"] = things
    scores.parts["confidence"] = np.sqrt(confidence / max(float(confidence.max()), 1e-12))
    seen = _look_of(question.thing, look, count, config, notes)
    if question.thing.look and look is not None:
        scores.parts["look"] = seen
    for what, most in question.thing.degrees:
        _put(scores, what, _degree(what, most, places, seen * things), notes)
    for relation, other in question.relations:
        fits = _phrase_score(other, look, places, count, config, notes)
        value, with_whom = _related(relation, fits, places, config)
        name = f"{relation} {other.look or 'it'}"
        _put(scores, name, value, notes)
        scores.beside[name] = with_whom
    for place in question.places:
        _put(scores, place, _placed(place, places, seen * things), notes)
    relevant = look(question.thing.look) if look is not None and question.thing.look else None
    total = scores.total
    found = [
        Ranked(
            at,
            float(total[at]),
            {name: float(values[at]) for name, values in scores.parts.items() if _says(name, values[at])},
            None if relevant is None else float(relevant[at]),
            {name: int(whom[at]) for name, whom in scores.beside.items() if whom[at] >= 0},
        )
        for at in np.argsort(-total, kind="stable").tolist()
    ]
    return found, list(dict.fromkeys(notes))


def _says(name: str, value: float) -> bool:
    """Whether a part is worth telling: being a thing is not."""
    return name != "thing" or value < 1


def _put(scores: _Scores, name: str, values: np.ndarray | None, notes: list[str]) -> None:
    if values is None:
        notes.append(f"'{name.replace('_', ' ')}' cannot be judged without a common space; it is left aside")
    else:
        scores.parts[name] = values


def _look_of(
    phrase: Phrase, look: Look | None, count: int, config: QueryConfig, notes: list[str]
) -> np.ndarray:
    """(N,) looks relative to the best, in [0, 1]; ones where any look will do or none is known."""
    if not phrase.look:
        return np.ones(count)
    if look is None:
        notes.append(f"'{phrase.look}' cannot be judged: the scene has no embeddings (make mask_embeddings)")
        return np.ones(count)
    values = look(phrase.look)
    return (values / max(float(values.max()), 1e-12)) ** config.sharpness


def _phrase_score(
    phrase: Phrase, look: Look | None, places: Places, count: int, config: QueryConfig, notes: list[str]
) -> np.ndarray:
    """(N,) how well each instance is the thing of a phrase, the best being 1."""
    seen = _look_of(phrase, look, count, config, notes)
    if not _STRUCTURE & set(phrase.look.split()):
        seen = seen * np.where(places.spans_all(), _NO_THING, 1.0)
    total = seen.copy()
    for what, most in phrase.degrees:
        values = _degree(what, most, places, seen)
        if values is not None:
            total = total * values
    return total / max(float(total.max()), 1e-12)


def _degree(what: str, most: bool, places: Places, weight: np.ndarray) -> np.ndarray | None:
    """Share of the others' weight that an instance exceeds; much of it suffices where it is no superlative."""
    values = places.measure(_OPPOSITE.get(what, what))
    if values is None:
        return None
    if what in _OPPOSITE:
        values = -values
    share = np.ones(len(values))
    for at in range(len(values)):
        others = np.delete(np.arange(len(values)), at)
        if weight[others].sum() > 0:
            share[at] = float(weight[others][values[others] <= values[at]].sum() / weight[others].sum())
    return share**3 if most else 0.3 + 0.7 * share


def _placed(place: str, places: Places, weight: np.ndarray) -> np.ndarray | None:
    if place == "on_floor":
        gap = places.floor_gap()
        return None if gap is None else np.exp(-np.maximum(gap - _FLOOR_M, 0) / _FLOOR_M)
    return _degree(place, False, places, weight)


def _related(
    relation: str, fits: np.ndarray, places: Places, config: QueryConfig
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) how well a relation to the best fitting other instance holds, and which that is (-1: none)."""
    value, whom = np.zeros(len(fits)), np.full(len(fits), -1)
    for one in range(len(fits)):
        for other in np.flatnonzero(fits > 0.02).tolist():
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
