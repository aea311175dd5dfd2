"""Every error this package raises on purpose. A message says what was expected, what was found, where, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SegassetsError(Exception):
    """Base of all errors raised on purpose; anything else that escapes is a defect of segassets."""


class BadInput(SegassetsError):
    """Footage, annotations or a file on disk do not hold what they claim to hold."""


class BadConfig(SegassetsError):
    """A configuration key, value or name cannot be used; the message names the key."""


class MissingInput(SegassetsError):
    """Something that must exist first does not: an artifact, a file, a scene, weights."""


class StaleInput(SegassetsError):
    """A stored artifact no longer fits what it was made from; the message ends with what to refresh."""


class Busy(SegassetsError):
    """Another process holds the scene; try again when it has finished."""


class OutOfSpace(SegassetsError):
    """The disk cannot take the result; nothing was left half-written."""


class EngineFailed(SegassetsError):
    """An external program (its own Python environment) failed or broke its file contract."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` when a known name is near `name`, else the sorted list of what is known."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(choices) or '(none)'}."
