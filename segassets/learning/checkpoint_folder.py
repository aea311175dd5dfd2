"""The folder a training leaves: its files by name, and the record they are checked against when used. No torch."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from segassets.errors import BadInput, MissingInput, StaleInput
from segassets.models.spec import FileSource, ModelSpec
from segassets.storage.atomic import write_text

LAST, MODEL, EXPERIMENT, RECORD, CURVES = (
    "last.pt",
    "model.yaml",
    "experiment.yaml",
    "record.json",
    "curves.parquet",
)
EXAMPLES, TENSORBOARD = "examples", "tensorboard"
PACKAGES = ("segassets", "torch", "torchvision", "lightning", "sam2", "numpy")


@dataclass(frozen=True)
class TrainedCheckpoint:
    """A finished training.

    Attributes:
        last: checkpoint of the last step, in sam2's own layout, with the optimizer's state.
        best: checkpoints of the best validations, best first; parameters only.
        model_file: a ModelSpec that loads the best (else the last) checkpoint.
        curves: table of step, metric, value.
        figures: speed, memory, counts and final values by name.
        other_versions: software that is another here than where it was trained, in words.
    """

    folder: Path
    last: Path
    best: list[Path]
    model_file: Path
    curves: Path
    examples: list[Path] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    other_versions: list[str] = field(default_factory=list)

    @property
    def chosen(self) -> Path:
        """The checkpoint that `model_file` loads."""
        return self.best[0] if self.best else self.last

    @property
    def tensorboard(self) -> Path:
        """Folder for `tensorboard --logdir`."""
        return self.folder / TENSORBOARD


def open_checkpoint(folder: Path) -> TrainedCheckpoint:
    """A finished training, its files checked against its record.

    Raises:
        MissingInput: no training finished there; names what is missing.
        StaleInput: a checkpoint, the experiment or the start weights' description is not the recorded one.
        BadInput: the record cannot be read.
    """
    record = read_record(folder)
    for name, expected in record["files"].items():
        path = folder / name
        if not path.is_file():
            raise MissingInput(
                f"{path}: missing; the record of the training lists it. Train again, or copy the whole folder"
            )
        if (found := sha256_of(path)) != expected:
            raise StaleInput(
                f"{path}: SHA-256 {found[:12]}…, but {RECORD} says {expected[:12]}…: changed after the training. "
                "Train again, or restore the file"
            )
    checkpoints = [folder / name for name in record["best"]]
    return TrainedCheckpoint(
        folder=folder,
        last=folder / LAST,
        best=checkpoints,
        model_file=folder / MODEL,
        curves=folder / CURVES,
        examples=sorted((folder / EXAMPLES).glob("*.png")),
        figures=record["figures"],
        other_versions=[
            f"{name} {then} when it was trained, {now} here"
            for name, now in software_versions().items()
            if (then := record["versions"].get(name, "unknown")) != now
        ],
    )


def read_record(folder: Path) -> dict[str, Any]:
    """`record.json` of a finished training; errors as in `open_checkpoint`."""
    path = folder / RECORD
    if not path.is_file():
        begun = (
            " (one was begun there: train again with the same folder to go on)"
            if (folder / LAST).is_file()
            else ""
        )
        raise MissingInput(f"{folder}: no finished training, {RECORD} is missing{begun}")
    try:
        record = json.loads(path.read_text())
        found = record | {key: record[key] for key in ("files", "best", "figures", "versions")}
        if strange := [name for name in (*found["files"], *found["best"]) if Path(name).name != name]:
            raise ValueError(f"{strange[0]!r} is no file of the folder")
        return found
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path}: cannot be read as the record of a training: {error!r}; train again"
        ) from error


def write_record(
    folder: Path, best: list[Path], figures: dict[str, float], data: dict[str, Any], start: dict[str, Any]
) -> None:
    """Write `record.json`, the last file of a training: it makes the folder a finished one.

    Args:
        data: identities of the sources of clips.
        start: name and SHA-256 of the model it started from.
    """
    files = [LAST, MODEL, EXPERIMENT, CURVES, *(path.name for path in best)]
    record = {
        "experiment_sha256": sha256_of(folder / EXPERIMENT),
        "data": data,
        "start": start,
        "versions": software_versions(),
        "best": [path.name for path in best],
        "figures": figures,
        "files": {name: sha256_of(folder / name) for name in files},
    }
    write_text(folder / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")


def model_file(spec: ModelSpec, experiment: str, image_size: int, checkpoint: Path) -> str:
    """A ModelSpec, as YAML, that loads a checkpoint beside it.

    Args:
        spec: of the model the training started from.
        experiment: its name.
    """
    made = spec.model_copy(
        update={
            "name": Path(MODEL).stem,
            "description": f"{spec.name} trained by experiment {experiment}; SHA-256 {sha256_of(checkpoint)}",
            "source": FileSource(kind="file", path=f"./{checkpoint.name}"),
            "image_size": image_size,
            # one found for other weights says nothing here
            "threshold": ModelSpec.model_fields["threshold"].default,
        }
    )
    return to_yaml(made.model_dump(mode="json", exclude_none=True))


def software_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide what a training computes."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def to_yaml(values: dict[str, Any]) -> str:
    """Plain values as YAML, keys in their order."""
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
