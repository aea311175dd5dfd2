"""Models by name: the files of `configs/models/`. Imports no model."""

from __future__ import annotations

from pathlib import Path

import yaml

from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, MissingInput, did_you_mean
from segassets.models.spec import Family, FileSource, FolderSource, ModelSpec
from segassets.models.trained import default_store, is_reference, trained_spec
from segassets.storage.store import ArtifactStore
from segassets.strict import parse


def list_models() -> list[str]:
    """Names of all models, sorted."""
    return sorted(path.stem for path in (configs_dir() / "models").glob("*.yaml"))


def load_spec(name_or_path: str, store: ArtifactStore | None = None) -> ModelSpec:
    """The description of a model.

    Args:
        name_or_path: a name of `configs/models/`, the path of such a file, or a trained model (see
            segassets.models.trained): `experiment:<name>`, `scene:<key>`.
        store: where trained models lie; by default what `SEGASSETS_OUTPUT_ROOT` and `SEGASSETS_TAG` say.

    A checkpoint at `./...` lies beside the file.

    Raises:
        BadConfig: there is no such model (names the nearest), or its file is wrong (names the key).
        MissingInput, StaleInput: a model is not trained, or not from what its experiment now says.
    """
    if is_reference(name_or_path):
        return trained_spec(name_or_path, store or default_store())
    return read_spec(_path_of(name_or_path))


def models_of(family: Family) -> list[str]:
    """Names of the models of a family, sorted."""
    return [name for name in list_models() if load_spec(name).family == family]


def check_family(spec: ModelSpec, family: Family, setting: str) -> ModelSpec:
    """The model, known to be of a family.

    Args:
        setting: what names it, for the error.

    Raises:
        BadConfig: it is of another; names those of this one.
    """
    if spec.family == family:
        return spec
    raise BadConfig(
        f"'{setting}': expected a model of family {family} ({', '.join(models_of(family))}), found {spec.name!r} of "
        f"family {spec.family}"
    )


def identity(spec: ModelSpec, name: str) -> dict[str, str]:
    """What tells one model's results from another's: its name, its weights' SHA-256, a threshold of its own."""
    from segassets.models.weights import weights_sha256

    found = {"name": name, "sha256": weights_sha256(spec)}
    return found if spec.threshold == 0.5 else found | {"threshold": f"{spec.threshold:g}"}


def read_spec(path: Path) -> ModelSpec:
    """The description in a file; arguments and errors as in `load_spec`."""
    try:
        data = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise BadConfig(f"{path}: not YAML: {error}") from error
    spec = parse(ModelSpec, data, str(path))
    if spec.name != path.stem:
        raise BadConfig(f"{path}: 'name': expected '{path.stem}' as the file is called, found '{spec.name}'")
    if isinstance(spec.source, FileSource | FolderSource) and spec.source.path.startswith("./"):
        beside = spec.source.model_copy(update={"path": str(path.resolve().parent / spec.source.path)})
        return spec.model_copy(update={"source": beside})
    return spec


def weights_state(spec: ModelSpec) -> str:
    """ "here", "download" (comes from the hub on first use), or what is missing and how to get it."""
    from segassets.models.weights import find_weights

    try:
        return "here" if spec.source.kind == "random" or find_weights(spec) else "download"
    except MissingInput as error:
        return str(error)


def _path_of(name_or_path: str) -> Path:
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if path.is_file():
            return path
        raise BadConfig(f"model: no file {path}")
    if name_or_path not in (names := list_models()):
        folder = configs_dir() / "models"
        raise BadConfig(
            f"model: there is no '{name_or_path}' in {folder}.{did_you_mean(name_or_path, names)}"
        )
    return configs_dir() / "models" / f"{name_or_path}.yaml"
