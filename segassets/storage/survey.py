"""All provenance records of an asset at once, cheaply: what there is, without opening it."""

from __future__ import annotations

import json

import fsspec

from segassets.errors import SegassetsError
from segassets.storage import remote
from segassets.storage.provenance import FILE_NAME, Provenance
from segassets.storage.store import ArtifactStore


def provenances(store: ArtifactStore, asset: str) -> dict[str, Provenance]:
    """Scene -> origin of its artifact; a damaged record counts as absent."""
    if store.is_remote:
        return _remote_records(store, asset)
    found = {}
    for scene in store.scenes(asset):
        try:
            found[scene] = Provenance.read(store.local / store.tag / asset / scene / FILE_NAME)
        except SegassetsError:
            continue
    return found


def _remote_records(store: ArtifactStore, asset: str) -> dict[str, Provenance]:
    """One listing and one bulk read (concurrent where the file system can)."""
    system, base = fsspec.core.url_to_fs(store.root)
    names = remote.scenes(store.root, store.tag, asset)
    paths = {f"{base.rstrip('/')}/{store.tag}/{asset}/{name}/{FILE_NAME}": name for name in names}
    contents = system.cat(list(paths), on_error="omit") if paths else {}
    if isinstance(contents, bytes):  # a single path is answered without its name
        contents = {next(iter(paths)): contents}
    found = {}
    for path, data in contents.items():
        try:
            record = json.loads(data)
            record.pop("version", None)
            found[paths[path]] = Provenance(**record)
        except (ValueError, TypeError, KeyError):
            continue
    return found
