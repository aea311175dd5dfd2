"""The version of the data an experiment names, without reading them: files by name and size, artifacts by version."""

from __future__ import annotations

import hashlib
import json

from segassets.datasets.config import load_dataset
from segassets.datasets.load import dataset_keys, open_scene_of
from segassets.datasets.scene import scene_fingerprint
from segassets.datasets.selection import select_scenes
from segassets.learning.clip_config import ClipData
from segassets.learning.experiment import DataConfig
from segassets.storage.store import ArtifactStore


def data_versions(data: DataConfig, store: ArtifactStore) -> dict[str, str]:
    """Name of each source of clips -> 16 hex digits that change with its footage, annotations or artifacts.

    Raises:
        BadConfig: an unknown dataset or scene. MissingInput: an artifact that is not there.
    """
    return {
        f"footage of {role} {number}: {source.dataset}": source_version(source, store)
        for role, sources in (("train", data.train), ("val", data.val))
        for number, source in enumerate(sources, 1)
    }


def source_version(data: ClipData, store: ArtifactStore) -> str:
    """The version of one source of clips; errors as in `data_versions`."""
    config = load_dataset(data.dataset)
    keys = select_scenes(data.scenes, {data.dataset: dataset_keys(config)})
    if data.masks == "annotations":
        versions = {key: scene_fingerprint(open_scene_of(config, key)) for key in keys}
    else:
        place = ArtifactStore(data.root or store.root, data.tag or store.tag)
        versions = {key: place.open(data.masks, key).version for key in keys}
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:16]
