"""Answers: instances ranked by how well they look, measure and stand as a question asks.

The score of an instance is the product of its parts, each in [0, 1]:

* look: its relevancy over that of the best instance, to the power of `sharpness`; beside a superlative all that
  look as asked count alike, since it chooses among them;
* relations: the best, over the other instances, of how well that one fits the words and the relation holds;
* places: likewise by geometry alone;
* size and other degrees: the share of all, weighted by how much they look and stand as asked, that is no larger;
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
from segassets.lifting.relations import related

Look = Callable[[str], np.ndarray]  # from words to the relevancy (N,) of all instances

_OPPOSITE = {"small": "large", "short": "tall", "low": "high", "farthest": "nearest", "rightmost": "leftmost"}
_FLOOR_M = 0.12
_STRUCTURE = {"floor", "ground", "wall", "walls", "ceiling", "room", "background"}
_NO_THING = 0.05
_NOT_MEANT = 0.05
_LEAST = 0.1  # what is meant but not largest comes before what is largest but not meant
_HALF = 0.5


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
    things = _things(question.thing, places)
    if (things < 1).any():
        scores.parts["thing"] = things
    seen = _looks(question.thing, look, things, config, notes)
    if question.thing.look and look is not None:
        scores.parts["look"] = seen
    for relation, other in question.relations:
        fits = _phrase_score(other, look, places, config, notes)
        name = f"{relation} {other.look or 'it'}"
        scores.parts[name], scores.beside[name] = related(relation, fits, places, config)
    for place in question.places:
        _put(scores, place, _placed(place, places, scores.total), notes)
    asked = scores.total
    for what, most in question.thing.degrees:
        _put(scores, what, _degree(what, most, places, asked), notes)
    scores.parts["confidence"] = np.sqrt(confidence / max(float(confidence.max()), 1e-12))
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


def _things(phrase: Phrase, places: Places) -> np.ndarray:
    """(N,) 1, less for floor and walls where the words do not ask for such."""
    if _STRUCTURE & set(phrase.look.split()):
        return np.ones(len(places.spans_all()))
    return np.where(places.spans_all(), _NO_THING, 1.0)


def _looks(
    phrase: Phrase, look: Look | None, things: np.ndarray, config: QueryConfig, notes: list[str]
) -> np.ndarray:
    """(N,) how much each looks as asked, in [0, 1]; ones where any look will do or none is known."""
    if not phrase.look:
        return np.ones(len(things))
    if look is None:
        notes.append(f"'{phrase.look}' cannot be judged: the scene has no embeddings (make mask_embeddings)")
        return np.ones(len(things))
    values = look(phrase.look)
    relative = (values / max(float(values.max()), 1e-12)) ** config.sharpness
    if any(most for _, most in phrase.degrees):
        return np.where(meant(values * things), 1.0, _NOT_MEANT * relative)
    return relative


def meant(relevancy: np.ndarray) -> np.ndarray:
    """(N,) bool: the instances that words mean: those above the widest gap in relevancy, that below the last counted.

    The gap is looked for among those at least half as relevant as the best.
    """
    order = np.argsort(-relevancy, kind="stable")
    values = relevancy[order]
    gaps = values - np.append(values[1:], 0.0)
    count = int(np.argmax(np.where(values >= _HALF * values[:1], gaps, -1.0))) + 1
    return np.isin(np.arange(len(values)), order[:count])


def _phrase_score(
    phrase: Phrase, look: Look | None, places: Places, config: QueryConfig, notes: list[str]
) -> np.ndarray:
    """(N,) how well each instance is the thing of a phrase, the best being 1."""
    things = _things(phrase, places)
    seen = _looks(phrase, look, things, config, notes) * things
    total = seen.copy()
    for what, most in phrase.degrees:
        values = _degree(what, most, places, seen)
        if values is not None:
            total = total * values
    return total / max(float(total.max()), 1e-12)


def _degree(what: str, most: bool, places: Places, weight: np.ndarray) -> np.ndarray | None:
    """Share of the weight that does not exceed an instance; much of it suffices where it is no superlative."""
    values = places.measure(_OPPOSITE.get(what, what))
    if values is None:
        return None
    if what in _OPPOSITE:
        values = -values
    share = np.array([weight[values <= value].sum() for value in values]) / max(float(weight.sum()), 1e-12)
    return _LEAST + (1 - _LEAST) * share**3 if most else 0.3 + 0.7 * share


def _placed(place: str, places: Places, weight: np.ndarray) -> np.ndarray | None:
    if place == "on_floor":
        gap = places.floor_gap()
        return None if gap is None else np.exp(-np.maximum(gap - _FLOOR_M, 0) / _FLOOR_M)
    return _degree(place, False, places, weight)
