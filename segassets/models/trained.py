"""Trained models by reference: `experiment:<name>` and `scene:<key>`, with the threshold that was found for them.

`@<tag>` at the end names another tag than the run's own: `experiment:rooms_minute@main`. A reference stands wherever
the name of a model may stand.
"""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass
from pathlib import Path

from segassets.errors import BadConfig, BadInput, MissingInput, StaleInput
from segassets.models.spec import FileSource, ModelSpec
from segassets.storage.keys import check_scene_key
from segassets.storage.store import Artifact, ArtifactStore

MODEL_FILE, RECORD_FILE, THRESHOLD_FILE = "model.yaml", "record.json", "best_threshold.json"


@dataclass(frozen=True)
class Chain:
    """The assets of one kind of training, upstream first, and the commands that make them."""

    checkpoint: str
    evaluation: str
    threshold: str
    train: str
    search: str


CHAINS = {
    "experiment": Chain(
        "sam2_checkpoint",
        "sam2_checkpoint_evaluation",
        "sam2_threshold_search",
        "segassets train {key}",
        "segassets thresholds {key}",
    ),
    "scene": Chain(
        "sam2_scene_checkpoint",
        "sam2_evaluation",
        "threshold_search",
        "segassets train scene:{key}",
        "segassets thresholds scene:{key}",
    ),
}


@dataclass(frozen=True)
class Reference:
    """A reference taken apart; `tag` is None for the run's own."""

    kind: str
    key: str
    tag: str | None

    @property
    def chain(self) -> Chain:
        """Its assets."""
        return CHAINS[self.kind]


def is_reference(name: str) -> bool:
    """Whether the name of a model means a trained one."""
    return name.partition(":")[0] in CHAINS and ":" in name


def parse_reference(name: str) -> Reference:
    """The parts of a reference.

    Raises:
        BadConfig: its key or tag may not be one.
    """
    kind, _, rest = name.partition(":")
    key, at, tag = rest.partition("@")
    try:
        return Reference(kind, check_scene_key(key), check_scene_key(tag) if at else None)
    except BadConfig as error:
        raise BadConfig(f"model {name!r}: expected {kind}:<name> or {kind}:<name>@<tag>; {error}") from None


def default_store() -> ArtifactStore:
    """The store of the environment: `SEGASSETS_OUTPUT_ROOT` and `SEGASSETS_TAG`, else the defaults of a run."""
    root = os.environ.get("SEGASSETS_OUTPUT_ROOT") or ".segassets/artifacts"
    return ArtifactStore(root, os.environ.get("SEGASSETS_TAG") or "main")


def trained_spec(name: str, store: ArtifactStore) -> ModelSpec:
    """The model of a reference: its best checkpoint, and the threshold found for it where one was searched.

    Raises:
        MissingInput: it is not trained; names the command that trains it.
        StaleInput: the checkpoint is not the recorded one, or the threshold was found for another.
    """
    from segassets.models.registry import read_spec

    reference = parse_reference(name)
    place = ArtifactStore(store.root, reference.tag or store.tag)
    artifact = _checkpoint(name, reference, place)
    spec = read_spec(artifact.path / MODEL_FILE)
    _check_weights(name, artifact.path, spec)
    settings = copy.deepcopy(spec.settings)
    settings.get("tracking", {}).pop("mask_threshold", None)  # of the model it started from
    found = found_threshold(reference, place) or 0.5
    return spec.model_copy(update={"name": name, "threshold": found, "settings": settings})


def found_threshold(reference: Reference, place: ArtifactStore) -> float | None:
    """The threshold that was searched for the present checkpoint; None where none was.

    Raises:
        StaleInput: it was searched for another checkpoint; names the command that searches again.
    """
    chain, key = reference.chain, reference.key
    if not place.has(chain.threshold, key):
        return None
    try:
        place.open(chain.evaluation, key)
        artifact = place.open(chain.threshold, key)
    except StaleInput as error:
        raise StaleInput(
            f"the threshold of {reference.kind} {key} was found for another checkpoint ({error}); search again: "
            f"{chain.search.format(key=key)}"
        ) from None
    return read_best_threshold(artifact.path)


def read_best_threshold(path: Path) -> float:
    """The threshold of a stored `best_threshold.json` (or of the folder that holds one), between 0 and 1.

    Raises:
        MissingInput: there is no such file. BadInput: it is not the outcome of a search.
    """
    file = path / THRESHOLD_FILE if path.is_dir() else path
    if not file.is_file():
        raise MissingInput(f"no threshold at {file}; search one first (`threshold_search`)")
    try:
        found = json.loads(file.read_text("utf-8"))
        value = float(found["best_threshold"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{file}: expected 'best_threshold', the outcome of a threshold search, found {error!r}"
        ) from error
    if not 0 < value < 1:
        raise BadInput(f"{file}: 'best_threshold': expected a number between 0 and 1, found {value}")
    return value


def _checkpoint(name: str, reference: Reference, place: ArtifactStore) -> Artifact:
    chain, key = reference.chain, reference.key
    if not place.has(chain.checkpoint, key):
        command = chain.train.format(key=key)
        tags = [tag for tag in _tags(place) if tag != place.tag]
        others = [tag for tag in tags if ArtifactStore(place.root, tag).has(chain.checkpoint, key)]
        elsewhere = "".join(
            f"; there is one under tag {tag}: {reference.kind}:{key}@{tag}" for tag in others[:3]
        )
        raise MissingInput(
            f"model {name!r}: no {chain.checkpoint} of {key} under tag {place.tag} in {place.root}{elsewhere}; "
            f"train it with: {command}"
        )
    return place.open(chain.checkpoint, key)


def _check_weights(name: str, folder: Path, spec: ModelSpec) -> None:
    """Raises StaleInput when the checkpoint is not the one its training recorded."""
    from segassets.models.weights import weights_sha256

    source = spec.source
    if not isinstance(source, FileSource):
        raise BadInput(f"{folder / MODEL_FILE}: expected a checkpoint beside it, found source {source.kind}")
    file, found = Path(source.path).name, weights_sha256(spec)
    recorded = json.loads((folder / RECORD_FILE).read_text("utf-8"))["files"].get(file)
    if recorded != found:
        raise StaleInput(
            f"model {name!r}: {folder / file} was changed after its training: stored={str(recorded)[:16]}, "
            f"found={found[:16]}; restore it, or train again"
        )


def _tags(place: ArtifactStore) -> list[str]:
    """Tags that lie beside this one, on a local root."""
    if place.is_remote or not place.local.is_dir():
        return []
    return sorted(
        item.name for item in place.local.iterdir() if item.is_dir() and not item.name.startswith(".")
    )
