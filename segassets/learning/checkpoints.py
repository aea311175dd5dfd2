"""Checkpoints in sam2's own layout: written whole or not at all, read without running what is in them."""

from __future__ import annotations

import errno
import os
import uuid
from pathlib import Path
from typing import Any

import torch

from segassets.errors import BadInput, OutOfSpace
from segassets.storage.atomic import disk_errors


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write {"model": parameters, ...} under a temporary name, flush it to disk, rename it into place.

    Raises:
        OutOfSpace: the disk is full; the file that was there before is still there, whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with disk_errors(path), staging.open("wb") as stream:
            torch.save(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        staging.replace(path)
    except (RuntimeError, OSError) as error:  # torch's writer wraps the system's error in its own
        if not _is_full(error):
            raise
        raise OutOfSpace(
            f"no space left while writing {path}; free some room, then train again with the same folder: "
            "it goes on from the last whole checkpoint"
        ) from error
    finally:
        staging.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote.

    Raises:
        BadInput: not such a file.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpicklers and zip readers raise many kinds
        raise BadInput(
            f"{path}: cannot be read as a checkpoint ({type(error).__name__}: {str(error).splitlines()[0][:200]}); "
            "remove it, or train with resume=False"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise BadInput(f"{path}: expected sam2's checkpoint layout {{'model': parameters}}; remove it")
    return content


def remove_staging(folder: Path) -> None:
    """Remove what killed writers left under temporary names."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def parameters_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters on the CPU, detached, under sam2's names."""
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OutOfSpace):
            return True
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if isinstance(error, RuntimeError) and "PytorchStreamWriter failed" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
