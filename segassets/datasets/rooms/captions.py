"""The words for an object: size, colour, pattern and category, as a person would say them."""

from __future__ import annotations

SMALL_BELOW, LARGE_ABOVE = 0.82, 1.22


def size_word(scale: float) -> str:
    """'small', 'large' or '' for an object's scale relative to what is usual for its category."""
    return "small" if scale < SMALL_BELOW else "large" if scale > LARGE_ABOVE else ""


def caption(category: str, size: str, colour: str, pattern: str) -> str:
    """For example 'the small red striped sphere' or 'the large plant in a blue dotted pot'."""
    look = " ".join(word for word in (colour, "" if pattern == "plain" else pattern) if word)
    if category == "plant":
        return _join("the", size, "plant in a", look, "pot")
    if category == "picture":
        return _join("the", size, "picture with a", look, "frame")
    if category == "books":
        return _join("the", size, look, "stack of books")
    if category == "tower":
        return _join("the", size, look, "tower of blocks")
    return _join("the", size, look, category)


def _join(*words: str) -> str:
    text = " ".join(word for word in words if word)
    for vowel in "aeiou":
        text = text.replace(f" a {vowel}", f" an {vowel}")
    return text
