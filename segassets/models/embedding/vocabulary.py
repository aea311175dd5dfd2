"""Texts as word numbers, for the nano embedder: the words of generated rooms, and everyday words for the same things.

Words that say nothing a crop can show (articles, sizes, places) are left out, as are unknown ones; a text without any
known word stands for "a thing". `unknown_words` names what was not understood.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from segassets.datasets.rooms.furniture import OBJECT_CATEGORIES
from segassets.datasets.rooms.textures import COLOURS, PATTERNS

THING = "thing"
# Order is the embedding's: append, never renumber.
WORDS: tuple[str, ...] = (
    THING,
    *OBJECT_CATEGORIES.values(),
    *COLOURS,
    *PATTERNS,
    "colourful",
    "blocks",
)
SAME_WORDS: dict[str, str] = {
    "object": THING, "objects": THING, "stuff": THING, "texture": THING, "something": THING, "item": THING,
    "ball": "sphere", "globe": "sphere", "cube": "box", "crate": "box", "carton": "box", "tube": "cylinder",
    "couch": "sofa", "bookshelf": "shelf", "rack": "shelf", "cupboard": "cabinet", "wardrobe": "cabinet",
    "dresser": "cabinet", "flower": "plant", "tree": "plant", "bush": "plant", "desk": "table", "seat": "chair",
    "armchair": "chair", "light": "lamp", "screen": "monitor", "television": "monitor", "tv": "monitor",
    "trash": "bin", "basket": "bin", "dustbin": "bin", "mug": "cup", "glass": "cup", "book": "books",
    "bear": "teddy", "puppy": "dog", "automobile": "car", "vehicle": "car", "painting": "picture",
    "poster": "picture", "carpet": "rug", "mat": "rug", "pillow": "cushion", "person": "figure", "doll": "figure",
    "man": "figure", "crimson": "red", "scarlet": "red", "golden": "yellow", "gray": "grey", "silver": "grey",
    "turquoise": "cyan", "teal": "cyan", "violet": "purple", "magenta": "pink", "beige": "brown", "tan": "brown",
    "dark": "black", "colorful": "colourful", "multicoloured": "colourful", "stripes": "striped", "dots": "dotted",
    "spotted": "dotted", "chequered": "checked", "checkered": "checked", "wood": "wooden", "marble": "marbled",
    "tartan": "plaid", "speckles": "speckled", "stack": "books", "block": "blocks",
}  # fmt: skip
_SILENT_TEXT = """
the a an of in on with and or is are it that this at to by from for my any some small large big little tiny huge left
right above below behind front near next nearest between under over top bottom pot frame one photo coloured colored
"""
SILENT = frozenset(_SILENT_TEXT.split())
_NUMBER = {word: number for number, word in enumerate(WORDS, start=1)}
_KNOWN = {**{word: word for word in WORDS}, **SAME_WORDS}


def word_numbers(text: str) -> list[int]:
    """Numbers of the known words of a text, from 1; that of `thing` where there is none."""
    found = [_NUMBER[word] for given in _split(text) if (word := _known(given))]
    return found or [_NUMBER[THING]]


def unknown_words(text: str) -> list[str]:
    """Words of a text that it does not know, in their order."""
    return [given for given in _split(text) if given not in SILENT and _known(given) is None]


def padded(texts: Sequence[str]) -> list[list[int]]:
    """Word numbers of texts, filled with 0 to the longest."""
    rows = [word_numbers(text) for text in texts]
    longest = max((len(row) for row in rows), default=0)
    return [row + [0] * (longest - len(row)) for row in rows]


def _split(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def _known(given: str) -> str | None:
    """The word of the vocabulary that is meant: itself, the same in other words, without a plural's s, misspelt."""
    if given in SILENT:
        return None
    for form in (given, given.removesuffix("s"), given.removesuffix("es"), given.removesuffix("y") + "ed"):
        if form in _KNOWN:
            return _KNOWN[form]
    near = difflib.get_close_matches(given, _KNOWN, 1, 0.85) if len(given) > 4 else []
    return _KNOWN[near[0]] if near else None
