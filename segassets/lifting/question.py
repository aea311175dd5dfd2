"""A question taken apart: looks, sizes, places. Small on purpose; docs/query.md lists what it understands.

    the largest red sphere left of the table on the floor
        look "red sphere"; superlative size +1; left_of look "table"; on_floor

Words are looked for from left to right, the longest phrase first. What is no word of size or place is look, and goes
to the embedder as it was asked, its noun with it ("red thing"). A relation takes the words behind it, up to the next
relation; all relations are of the thing asked for, not of one another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from segassets.errors import BadInput

# phrase -> relation to another thing
RELATIONS: dict[str, str] = {
    "to the left of": "left_of",
    "on the left of": "left_of",
    "left of": "left_of",
    "to the right of": "right_of",
    "on the right of": "right_of",
    "right of": "right_of",
    "in front of": "in_front_of",
    "before": "in_front_of",
    "behind": "behind",
    "close to": "near",
    "next to": "near",
    "near to": "near",
    "nearest to": "near",
    "closest to": "near",
    "near": "near",
    "beside": "near",
    "by": "near",
    "far from": "far_from",
    "far away from": "far_from",
    "on top of": "on",
    "on": "on",
    "above": "above",
    "over": "above",
    "below": "below",
    "beneath": "below",
    "underneath": "below",
    "under": "below",
    "inside": "inside",
    "in": "inside",
}
# phrase -> place in the room, or in the picture
PLACES: dict[str, str] = {
    "on the floor": "on_floor",
    "on the ground": "on_floor",
    "on the left": "leftmost",
    "on the right": "rightmost",
    "near the camera": "nearest",
    "close to the camera": "nearest",
    "near the viewer": "nearest",
    "far away": "farthest",
    "in the back": "farthest",
    "in the background": "farthest",
    "in the foreground": "nearest",
}
# word -> what is compared, and whether it is asked for most of it (superlative) or much of it
DEGREES: dict[str, tuple[str, bool]] = {
    **dict.fromkeys(("largest", "biggest", "hugest"), ("large", True)),
    **dict.fromkeys(("large", "big", "huge"), ("large", False)),
    **dict.fromkeys(("smallest", "tiniest", "littlest"), ("small", True)),
    **dict.fromkeys(("small", "tiny", "little"), ("small", False)),
    "tallest": ("tall", True),
    "tall": ("tall", False),
    "shortest": ("short", True),
    "short": ("short", False),
    **dict.fromkeys(("highest", "topmost", "uppermost"), ("high", True)),
    "high": ("high", False),
    "lowest": ("low", True),
    "low": ("low", False),
    **dict.fromkeys(("nearest", "closest"), ("nearest", True)),
    **dict.fromkeys(("farthest", "furthest"), ("farthest", True)),
    "leftmost": ("leftmost", True),
    "rightmost": ("rightmost", True),
}
# words that say nothing of a look
_SILENT = {
    "the", "a", "an", "that", "which", "is", "are", "it", "where", "what", "find", "show", "me", "of", "and", "stands",
    "lies", "s", "please", "located", "to", "this", "most",
}  # fmt: skip
# nouns that any look fits; beside words of look they stay, since embedders know "red thing" better than "red"
_ANYTHING = {
    "thing", "things", "object", "objects", "one", "something", "anything", "instance",
}  # fmt: skip


@dataclass(frozen=True)
class Phrase:
    """A thing by its look and its degrees.

    Attributes:
        look: words for the embedder, "" when any look will do.
        degrees: (what is compared, superlative) in order.
    """

    look: str
    degrees: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True)
class Question:
    """What was asked.

    Attributes:
        text: as it was asked.
        thing: the thing asked for.
        relations: (relation, the other thing), all of which hold for the thing.
        places: places in the room or the picture.
    """

    text: str
    thing: Phrase
    relations: tuple[tuple[str, Phrase], ...] = ()
    places: tuple[str, ...] = field(default=())


def parse_question(text: str) -> Question:
    """Take a question apart.

    Raises:
        BadInput: nothing is asked, or a relation has nothing behind it.
    """
    words = re.findall(r"[\w-]+", text.lower())
    if not words:
        raise BadInput("expected a question in words, e.g. 'the red sphere left of the table', found none")
    parts: list[tuple[str, list[str]]] = [("", [])]
    places, at = [], 0
    while at < len(words):
        place = _phrase_at(words, at, PLACES)
        relation = _phrase_at(words, at, RELATIONS)
        if place and len(place.split()) >= len(relation.split()) and not _goes_on(words, at, place):
            places.append(PLACES[place])
            at += len(place.split())
        elif relation:
            parts.append((RELATIONS[relation], []))
            at += len(relation.split())
        else:
            parts[-1][1].append(words[at])
            at += 1
    (_, thing), *others = parts
    for relation, behind in others:
        if not set(behind) - {"the", "a", "an"}:
            raise BadInput(
                f"question {text!r}: expected a thing behind '{relation.replace('_', ' ')}', found nothing"
            )
    relations = tuple((relation, _phrase(behind)) for relation, behind in others)
    return Question(text.strip(), _phrase(thing), relations, tuple(dict.fromkeys(places)))


def _phrase_at(words: list[str], at: int, known: dict[str, str]) -> str:
    """The longest known phrase that begins at a word; "" for none."""
    for length in range(min(4, len(words) - at), 0, -1):
        text = " ".join(words[at : at + length])
        if text in known:
            return text
    return ""


def _goes_on(words: list[str], at: int, place: str) -> bool:
    """Whether a place is the beginning of a longer relation: "on the left of the table"."""
    longer = _phrase_at(words, at, RELATIONS)
    return len(longer.split()) > len(place.split())


def _phrase(words: list[str]) -> Phrase:
    degrees = tuple(DEGREES[word] for word in words if word in DEGREES)
    look = [word for word in words if word not in DEGREES and word not in _SILENT]
    return Phrase(" ".join(look) if set(look) - _ANYTHING else "", degrees)
