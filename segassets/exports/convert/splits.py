"""Folders train, valid and test of a dataset, or one folder divided into them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from segassets.errors import BadConfig, MissingInput

SPLITS = ("train", "valid", "val", "test")
S = TypeVar("S")
T = TypeVar("T")


def find_splits(folder: Path, file_name: str) -> dict[str, Path]:
    """The folders that hold `file_name`, by split; {"": folder} where it lies in `folder` itself.

    Raises:
        MissingInput: there is none.
    """
    folder = folder.expanduser().absolute()
    found = {name: folder / name for name in SPLITS if (folder / name / file_name).is_file()}
    if (folder / file_name).is_file():
        return {"": folder}
    if not found:
        there = ", ".join(sorted(item.name for item in folder.iterdir())[:8]) if folder.is_dir() else ""
        raise MissingInput(
            f"expected {file_name} in {folder} or in its folders {', '.join(SPLITS)}; "
            f"{f'found {there}' if there else 'found nothing'}"
        )
    return found


def split_images(
    jobs: Mapping[str, tuple[S, Sequence[T]]], fractions: Sequence[float], seed: int
) -> dict[str, tuple[S, list[T]]]:
    """One folder's pictures divided into train, valid and test; the same seed gives the same division.

    Raises:
        BadConfig: the shares do not sum to 1, or the folder is divided already.
    """
    if list(jobs) != [""]:
        raise BadConfig(
            f"fractions: the folder is divided already, into {', '.join(jobs)}; leave the option out"
        )
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise BadConfig(f"fractions: expected three shares that sum to 1, found {tuple(fractions)}")
    source, items = jobs[""]
    order = list(items)
    random.Random(seed).shuffle(order)
    ends = [round(len(order) * sum(fractions[: at + 1])) for at in range(3)]
    parts = zip(("train", "valid", "test"), [0, *ends[:2]], ends, strict=True)
    return {name: (source, order[start:end]) for name, start, end in parts if end > start}
