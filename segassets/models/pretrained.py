"""Checkpoints of the transformers library: folders of its own layout, read without running what is in them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segassets.errors import BadInput
from segassets.models.spec import ModelSpec, RandomSource
from segassets.models.weights import fetch_weights


@contextmanager
def folder_of(spec: ModelSpec, save_tiny: Callable[[Path, int], None]) -> Iterator[Path]:
    """The folder of a model's checkpoint; a small random one for the length of the block where the source is random.

    Raises:
        MissingInput: it is not on this machine and cannot be downloaded.
    """
    if not isinstance(spec.source, RandomSource):
        yield fetch_weights(spec).parent
        return
    with tempfile.TemporaryDirectory(prefix="segassets-") as folder:
        save_tiny(Path(folder), spec.source.seed)
        yield Path(folder)


def read_pretrained(auto_class: Any, folder: Path, spec: ModelSpec) -> Any:
    """The network of a folder, in float32.

    Pickled weights are read as tensors alone (`weights_only`), code of the folder is never run.

    Raises:
        BadInput: not a checkpoint of that kind, or parameters are missing in it.
    """
    safe = (folder / "model.safetensors").is_file()
    try:
        network, found = auto_class.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=safe,
            weights_only=True,
            trust_remote_code=False,
            dtype="float32",
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise BadInput(
            f"model {spec.name!r}: {folder} cannot be read as a checkpoint for {auto_class.__name__}: "
            f"{str(error).splitlines()[0][:300]}"
        ) from error
    problems = [f"{title} {_first(names)}" for title, names in _problems(found) if names]
    if problems:
        raise BadInput(
            f"model {spec.name!r}: {folder} is not whole: {'; '.join(problems)}; expected the weights that belong to "
            "its config.json"
        )
    return network


def _problems(found: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [
        ("missing", sorted(found.get("missing_keys") or ())),
        ("other shapes", sorted(str(item) for item in found.get("mismatched_keys") or ())),
    ]


def _first(names: list[str], count: int = 4) -> str:
    return f"({len(names)}) {', '.join(names[:count])}" + (", ..." if len(names) > count else "")
