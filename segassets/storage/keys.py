"""Names that become paths: scene keys, tags, and joins that never leave their root."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from segassets.errors import BadConfig, BadInput

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MAX_KEY_LENGTH = 100


def check_scene_key(key: str) -> str:
    """The key itself when it may name a partition and a folder.

    Raises:
        BadConfig: it is empty, longer than 100 characters, holds `..` or a character outside A-Z a-z 0-9 . _ -.
    """
    if not _KEY.fullmatch(key) or ".." in key or len(key) > MAX_KEY_LENGTH:
        raise BadConfig(
            f"expected a name of letters, digits, '.', '_' and '-' (first a letter or digit, no '..', at most "
            f"{MAX_KEY_LENGTH} characters), found {key!r}"
        )
    return key


def to_key(text: str) -> str:
    """`text` with every character a key may not hold replaced by '-'; still to be checked for length."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "scene"
    return re.sub(r"\.{2,}", ".", cleaned)


def safe_relative(name: str, where: str) -> PurePosixPath:
    """A relative path named by a data file, refused when it could leave its root.

    Raises:
        BadInput: the name is empty, absolute, or climbs with `..`.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if not name or path.is_absolute() or ".." in path.parts or re.match(r"^[A-Za-z]:|^[a-z0-9+]+://", name):
        raise BadInput(f"{where}: expected a file name inside the dataset's root, found {name!r}")
    return path


def safe_join(root: Path, name: str, where: str) -> Path:
    """`root / name` for a local root, refused when it leaves the root, through a symlink too."""
    path = root / safe_relative(name, where)
    if not path.resolve().is_relative_to(root.resolve()):
        raise BadInput(f"{where}: {name!r} leads out of {root}")
    return path
