"""Label pictures to multi-class run lengths in JSON, and back; single files or folders of them.

A JSON is {"size": [h, w], "values": [...], "counts": [...]}, see segassets.masks.multiclass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segassets.datasets.files import Root, natural_key
from segassets.datasets.json_files import read_json
from segassets.errors import BadConfig, BadInput, MissingInput
from segassets.exports.convert.coco_file import write_json
from segassets.masks.multiclass import decode_labels, encode_labels
from segassets.media.pictures import is_picture, read_labels, write_png


@dataclass(frozen=True)
class LabelRuns:
    """What was converted.

    Attributes:
        files: their number.
        runs: run lengths in all of them.
        values: the values that occur.
    """

    files: int
    runs: int
    values: list[int]


def labels_to_runs(source: Path, target: Path) -> LabelRuns:
    """A label picture (palette or gray) to a JSON, or every one in a folder to `<target>/<stem>.json`.

    Raises:
        MissingInput: there is no such picture, or none in the folder.
        BadInput: a colour picture (which label a colour means is not in it), or an unreadable one.
    """

    def convert(picture: Path, written: Path) -> dict:
        runs = encode_labels(read_labels(picture))
        write_json(written, runs)
        return runs

    return _each(source, target, is_picture, "label picture", ".json", convert)


def runs_to_labels(source: Path, target: Path, *, palette: bool = False) -> LabelRuns:
    """A JSON of runs to a gray PNG of 8 or 16 bits, or every one in a folder to `<target>/<stem>.png`.

    Args:
        palette: write palette PNGs (DAVIS colours), as video segmentation tools read them; values up to 255.

    Raises:
        MissingInput: there is no such file, or none in the folder.
        BadInput: runs that break an invariant, or values a PNG cannot hold; names file and run.
    """

    def convert(path: Path, written: Path) -> dict:
        runs = read_json(Root(path.parent, follow_links=True), path.name)
        labels = decode_labels(runs, str(path))
        most = 255 if palette else 65535
        if labels.min() < 0 or labels.max() > most:
            raise BadInput(
                f"{path}: expected values from 0 to {most} for a {'palette' if palette else 'gray'} PNG, found "
                f"{labels.min()} to {labels.max()}"
            )
        wide = labels.max() > 255
        write_png(written, labels.astype(np.uint16 if wide else np.uint8), palette=palette)
        return runs

    return _each(source, target, lambda name: name.endswith(".json"), "JSON of runs", ".png", convert)


def _each(
    source: Path,
    target: Path,
    fits: Callable[[str], bool],
    kind: str,
    suffix: str,
    convert: Callable[[Path, Path], dict],
) -> LabelRuns:
    """Convert one file to one file, or all that fit in a folder into a folder."""
    source, target = source.expanduser().absolute(), target.expanduser().absolute()
    if source.is_dir():
        names = sorted((item.name for item in source.iterdir() if fits(item.name)), key=natural_key)
        pairs = [(source / name, target / f"{name.rpartition('.')[0]}{suffix}") for name in names]
        _refuse_twins(pairs)
    else:
        pairs = [(source, target / f"{source.stem}{suffix}" if target.is_dir() else target)]
    if not source.exists() or not pairs:
        raise MissingInput(f"expected a {kind}, or a folder of them, at {source}, found {_found(source)}")
    if any(first == second for first, second in pairs):
        raise BadConfig(f"output: it would replace its own input {source}; name another file")
    runs, values = 0, set()
    for path, written in pairs:
        converted = convert(path, written)
        runs += len(converted["values"])
        values.update(converted["values"])
    return LabelRuns(len(pairs), runs, sorted(values))


def _refuse_twins(pairs: list[tuple[Path, Path]]) -> None:
    taken: dict[Path, Path] = {}
    for path, written in pairs:
        if written in taken:
            raise BadInput(
                f"{taken[written].name} and {path.name} in {path.parent} would both become {written.name}"
            )
        taken[written] = path


def _found(path: Path) -> str:
    return "a folder without any" if path.is_dir() else "nothing"
