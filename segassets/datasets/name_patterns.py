"""File names as patterns: `{scene}/left_frames/frame{frame}.png` finds the files and reads what their names say.

A placeholder stands for part of one folder or file name; `{frame}` for digits. One that stands twice means the
same text both times.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from segassets.datasets.files import Root
from segassets.errors import BadConfig

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
FRAME = "frame"


def placeholders(pattern: str) -> list[str]:
    """Names of the placeholders, in order, each once."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(pattern)))


def check_pattern(
    pattern: str, needed: tuple[str, ...], allowed: tuple[str, ...] | None, option: str
) -> None:
    """Raises BadConfig when a placeholder is missing, or is none of `allowed` (None allows any)."""
    found = placeholders(pattern)
    missing = [name for name in needed if name not in found]
    other = [name for name in found if allowed is not None and name not in allowed]
    if missing or other or "{}" in pattern:
        wrong = f"without {{{missing[0]}}}" if missing else f"with {{{(other or [''])[0]}}}"
        example = "{scene}/left_frames/frame{frame}.png"
        raise BadConfig(f"option `{option}`: expected a pattern such as {example}, found {pattern!r} {wrong}")


def find(
    root: Root, pattern: str, bound: Mapping[str, str] | None = None
) -> Iterator[tuple[dict[str, str], str]]:
    """(placeholder -> text, file name relative to the root) of every file that fits, in natural order.

    Args:
        bound: placeholders whose text is already known.
    """
    yield from _walk(root, pattern.split("/"), dict(bound or {}), "")


def _walk(
    root: Root, segments: list[str], bound: dict[str, str], folder: str
) -> Iterator[tuple[dict[str, str], str]]:
    segment, rest = segments[0], segments[1:]
    if rest and not set(_PLACEHOLDER.findall(segment)) - set(bound):
        inner = posixpath.join(folder, _PLACEHOLDER.sub(lambda found: bound[found[1]], segment))
        if root.is_folder(inner):
            yield from _walk(root, rest, bound, inner)
        return
    regex = _regex(segment, bound)
    files, folders = root.listing(folder)
    for name in folders if rest else files:
        match = regex.fullmatch(name)
        if match is None:
            continue
        now = {**bound, **match.groupdict()}
        path = posixpath.join(folder, name)
        if rest:
            yield from _walk(root, rest, now, path)
        else:
            yield now, path


def _regex(segment: str, bound: Mapping[str, str]) -> re.Pattern[str]:
    parts, at, seen = [], 0, set(bound)
    for found in _PLACEHOLDER.finditer(segment):
        name = found[1]
        parts.append(re.escape(segment[at : found.start()]))
        if name in bound:
            parts.append(re.escape(bound[name]))
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            parts.append(f"(?P<{name}>{'[0-9]+' if name == FRAME else '.+?'})")
        seen.add(name)
        at = found.end()
    parts.append(re.escape(segment[at:]))
    return re.compile("".join(parts))
