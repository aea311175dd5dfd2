"""Weights of SAM2 networks: found, downloaded, identified, read without running what is in them."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from segassets.configs_dir import configs_dir
from segassets.errors import BadInput, MissingInput
from segassets.models.spec import FileSource, HubSource, ModelSpec, RandomSource

if TYPE_CHECKING:
    import torch

NANO_WEIGHTS = Path(__file__).parent.parent / "nano" / "sam2_nano.safetensors"


def find_weights(spec: ModelSpec) -> Path | None:
    """The checkpoint's path on this machine; None where it is still on the hub. Uses no network.

    Raises:
        MissingInput: a local checkpoint is not where the config says.
    """
    source = spec.source
    if isinstance(source, HubSource):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(source.repo, source.file)
        return Path(found) if isinstance(found, str) else None
    if isinstance(source, RandomSource):
        return None
    path = _local_path(source) if isinstance(source, FileSource) else NANO_WEIGHTS
    if path.is_file():
        return path
    raise MissingInput(
        f"model {spec.name!r}: no weights at {path}; {_what_is_there(path)}. {_how_to_get(spec, path)}"
    )


def fetch_weights(spec: ModelSpec) -> Path:
    """Like `find_weights`, downloading from the hub where needed.

    Raises:
        MissingInput: neither here nor reachable; ends with the command that gets them elsewhere.
    """
    if (found := find_weights(spec)) is not None:
        return found
    source = spec.source
    if not isinstance(source, HubSource):
        raise MissingInput(f"model {spec.name!r} has random values and no weights")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(source.repo, source.file))
    except (OSError, EntryNotFoundError) as error:
        raise MissingInput(
            f"model {spec.name!r}: {source.file} of {source.repo} is not in the cache and could not be "
            f"downloaded ({type(error).__name__}: {str(error).splitlines()[0]}). Where there is a network: "
            f"hf download {source.repo} {source.file} --local-dir weights; then use a model with "
            "source: {kind: file, path: weights/" + source.file + "} (see configs/models/sam2-local.yaml)"
        ) from error


def weights_sha256(spec: ModelSpec) -> str:
    """Checksum that identifies the weights (hex); of the seed where they are random."""
    if isinstance(spec.source, RandomSource):
        return hashlib.sha256(f"random {spec.source.seed}".encode()).hexdigest()
    path = fetch_weights(spec)
    status = path.stat()
    return _sha256(str(path), status.st_size, status.st_mtime_ns)


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


@lru_cache(maxsize=64)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _local_path(source: FileSource) -> Path:
    path = Path(os.path.expandvars(source.path)).expanduser()
    return path if path.is_absolute() else configs_dir().parent / path


def _what_is_there(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix in (".pt", ".safetensors"))
    return f"in that folder: {', '.join(names[:5]) or 'no checkpoint'}"


def _how_to_get(spec: ModelSpec, path: Path) -> str:
    if not isinstance(spec.source, FileSource):
        return "The file is part of the repository: git checkout -- segassets/models/nano"
    repo = "facebook/" + path.stem.replace("_", "-") if path.stem.startswith("sam2") else "<repository>"
    return f"Get it with: hf download {repo} {path.name} --local-dir {path.parent}"
