"""Weights of networks: found, downloaded, identified, read without running what is in them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from segassets.configs_dir import configs_dir
from segassets.errors import BadInput, MissingInput
from segassets.models import sources
from segassets.models.checksums import check_sha256, file_sha256
from segassets.models.spec import (
    FileSource,
    FolderSource,
    HubFolderSource,
    HubSource,
    ModelSpec,
    NanoSource,
    RandomSource,
    UrlSource,
)

if TYPE_CHECKING:
    import torch

NANO_FOLDER = Path(__file__).parent / "nano"
NANO_WEIGHTS = NANO_FOLDER / "sam2_nano.safetensors"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")  # of a folder, the first that is there


def find_weights(spec: ModelSpec) -> Path | None:
    """The checkpoint's path on this machine; None where it must be downloaded first. Uses no network.

    Raises:
        MissingInput: a local checkpoint is not where the config says.
    """
    source = spec.source
    if isinstance(source, HubSource | UrlSource):
        return sources.find(source)
    if isinstance(source, HubFolderSource):
        return sources.find_folder(source)
    if isinstance(source, RandomSource):
        return None
    path = _here(source)
    if path.is_file():
        return path
    raise MissingInput(
        f"model {spec.name!r}: no weights at {path}; {_what_is_there(path)}. {_how_to_get(spec, path)}"
    )


def fetch_weights(spec: ModelSpec, *, force: bool = False) -> Path:
    """Like `find_weights`, downloading where needed; a downloaded file is held to its checksum each time.

    Args:
        force: download again what is here already.

    Raises:
        MissingInput: neither here nor reachable; ends with the command that gets them elsewhere.
        BadInput: the file has another checksum than the config gives, or than it had when it was first seen.
    """
    source = spec.source
    if isinstance(source, HubSource | UrlSource):
        path = None if force else sources.find(source)
        if path is None:
            path = sources.fetch(source, spec.name, force=force)
        check_sha256(path, source.sha256, spec.name)
        return path
    if isinstance(source, HubFolderSource):
        path = None if force else sources.find_folder(source)
        if path is None:
            path = sources.fetch_folder(source, spec.name, force=force)
        check_sha256(path, source.sha256, spec.name)
        return path
    path = find_weights(spec)
    if path is None:
        raise MissingInput(f"model {spec.name!r} has random values and no weights")
    return path


def weights_sha256(spec: ModelSpec) -> str:
    """Checksum that identifies the weights (hex); of the seed where they are random.

    Of a folder it is that of the file with the weights.
    """
    if isinstance(spec.source, RandomSource):
        return hashlib.sha256(f"random {spec.source.seed}".encode()).hexdigest()
    return file_sha256(fetch_weights(spec))


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Parameters by name, from `.safetensors` or sam2's own `.pt` ({"model": parameters}).

    Raises:
        BadInput: not such a file, or a pickle that would run code.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        import torch

        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpicklers and zip readers raise many kinds
        raise BadInput(
            f"{path}: cannot be read as weights ({type(error).__name__}: {str(error).splitlines()[0][:200]}); "
            "expected .safetensors, or a .pt of tensors in the layout {'model': parameters}"
        ) from error
    found = stored.get("model") if isinstance(stored, dict) else None
    if not isinstance(found, dict):
        keys = list(stored)[:5] if isinstance(stored, dict) else type(stored).__name__
        raise BadInput(f"{path}: expected sam2's checkpoint layout {{'model': parameters}}, found {keys}")
    return found


def _here(source: FileSource | FolderSource | NanoSource) -> Path:
    """Where the file with the weights of a source on this machine should be."""
    if isinstance(source, NanoSource):
        return NANO_FOLDER / source.file
    path = Path(os.path.expandvars(source.path)).expanduser()
    path = path if path.is_absolute() else configs_dir().parent / path
    if isinstance(source, FileSource):
        return path
    found = [path / name for name in WEIGHT_FILES if (path / name).is_file()]
    return found[0] if found else path / WEIGHT_FILES[0]


def _what_is_there(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix in (".pt", ".safetensors"))
    return f"in that folder: {', '.join(names[:5]) or 'no checkpoint'}"


def _how_to_get(spec: ModelSpec, path: Path) -> str:
    if isinstance(spec.source, FolderSource):
        return (
            "Expected a folder as save_pretrained of transformers writes it: hf download <repository> "
            f"--local-dir {path.parent}"
        )
    if not isinstance(spec.source, FileSource):
        return "The file is part of the repository: git checkout -- segassets/models/nano"
    repo = "facebook/" + path.stem.replace("_", "-") if path.stem.startswith("sam2") else "<repository>"
    return f"Get it with: hf download {repo} {path.name} --local-dir {path.parent}"
