"""The output folder of a converter: it appears whole, with a record of what was done, or not at all."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segassets.errors import BadInput
from segassets.storage import atomic

RECORD = "convert.json"


def write_folder(target: Path, name: str, write: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Let `write` fill a new folder, add `convert.json` ({"converter": name, ...what it returned}), publish it.

    Args:
        target: a new or empty folder, or what this converter wrote before, which is replaced.

    Raises:
        BadInput: the folder holds something else.
    """
    target = target.expanduser().absolute()
    _refuse_foreign(target, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.staging")
    staging.mkdir()
    try:
        with atomic.disk_errors(target):
            record = {"converter": name, **write(staging)}
            atomic.write_text(staging / RECORD, json.dumps(record, indent=1))
            atomic.publish_dir(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return record


def _refuse_foreign(target: Path, name: str) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BadInput(f"cannot write to {target}: expected a folder, found a file or a link")
    if not target.exists() or not any(target.iterdir()):
        return
    try:
        found = json.loads((target / RECORD).read_text("utf-8"))["converter"]
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    if found != name:
        raise BadInput(
            f"cannot write to {target}: it is not empty and not what `segassets convert {name}` wrote; name a "
            "new folder"
        )
