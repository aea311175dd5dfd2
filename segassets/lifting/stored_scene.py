"""A scene opened from the store to be asked: instances, the masks they came from, frames, the network of its words."""

from __future__ import annotations

from segassets.errors import StaleInput
from segassets.lifting.ask import AskedScene
from segassets.lifting.stored_instances import StoredInstances
from segassets.masks.schemas import FRAMES, MASKS
from segassets.masks.table import read_table
from segassets.models.protocols import Embedder
from segassets.storage.provenance import Provenance
from segassets.storage.store import ArtifactStore


def open_asked_scene(store: ArtifactStore, key: str, *, allow_stale: bool = False) -> AskedScene:
    """The scene with its stored scene_instances.

    Raises:
        MissingInput: scene_instances, or what it was made from, is not there; names the command that makes it.
        StaleInput: it no longer fits; or the model that embedded its masks has other weights now.
    """
    read = store.peek if allow_stale else store.open
    instances = read("scene_instances", key)
    masks = read(instances.provenance.config["masks"], key)
    stored = StoredInstances.load(instances.path)
    embedder = None
    if stored.embeddings is not None:
        embedder = _embedder(store.peek("mask_embeddings", key).provenance, store)
    return AskedScene(
        stored,
        read_table(masks.path / "masks.parquet", MASKS),
        read_table(read("frames", key).path / "frames.parquet", FRAMES),
        embedder,
    )


def _embedder(origin: Provenance, store: ArtifactStore) -> Embedder:
    """The network that embedded a scene's masks."""
    from segassets.models.load import load_model
    from segassets.models.registry import identity, load_spec

    name = origin.model["name"]
    spec = load_spec(name, store)
    expected = identity(spec, name)
    if expected != origin.model:
        raise StaleInput(
            f"mask_embeddings of scene {origin.scene} are of another {name}: stored={origin.model.get('sha256')}, "
            f"expected={expected.get('sha256')}; refresh mask_embeddings and what depends on it"
        )
    embedder: Embedder = load_model(spec, "cpu")
    return embedder
