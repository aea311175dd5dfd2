"""The artifact store: `<root>/<tag>/<asset>/<scene>/`, published whole, opened only when it still fits its inputs.

A local root is renamed into place. Any other fsspec URL is completed by `provenance.json`, uploaded last with the list
of files, and read through a local cache; to the callers both look like local folders.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from segassets.errors import MissingInput, StaleInput
from segassets.storage import atomic, remote
from segassets.storage.keys import check_scene_key
from segassets.storage.lock import exclusive
from segassets.storage.provenance import FILE_NAME, Provenance


@dataclass(frozen=True)
class Artifact:
    """A complete artifact: its local folder and its origin."""

    path: Path
    provenance: Provenance

    @property
    def version(self) -> str:
        """Version downstream artifacts record as their input."""
        return self.provenance.version


class ArtifactStore:
    """All artifacts of one tag under one root.

    Args:
        root: local path or fsspec URL.
        tag: experiment tag; two tags live side by side.
    """

    def __init__(self, root: str | os.PathLike, tag: str = "main") -> None:
        self.root = os.fspath(root)
        self.tag = check_scene_key(tag)
        self.is_remote = "://" in self.root and not self.root.startswith("file://")
        plain = self.root.removeprefix("file://")
        self.local = remote.cache_dir(self.root) if self.is_remote else Path(plain).expanduser().resolve()

    def location(self, asset: str, scene: str) -> str:
        """Where people find the artifact: a path or a URL (without credentials)."""
        if self.is_remote:
            return f"{remote.redact(self.root)}/{self.tag}/{asset}/{scene}"
        return str(self._folder(asset, scene))

    def _folder(self, asset: str, scene: str) -> Path:
        return self.local / self.tag / asset / check_scene_key(scene)

    def has(self, asset: str, scene: str) -> bool:
        """Whether a complete artifact is there (it may be stale)."""
        if self.is_remote:
            return remote.has(self.root, self.tag, asset, scene)
        return (self._folder(asset, scene) / FILE_NAME).is_file()

    def peek(self, asset: str, scene: str) -> Artifact:
        """The artifact as stored, without comparing it to its inputs.

        Raises:
            MissingInput: it is not there; names the command that makes it.
        """
        if not self.has(asset, scene):
            raise MissingInput(
                f"{asset} of scene {scene} (tag {self.tag}) is not in {self.location(asset, scene)}; "
                f"make it with: dagster asset materialize -m segassets.definitions --select {asset} --partition {scene}"
            )
        folder = self._folder(asset, scene)
        if self.is_remote:
            remote.download(self.root, self.tag, asset, scene, folder)
        return Artifact(folder, Provenance.read(folder / FILE_NAME))

    def open(self, asset: str, scene: str) -> Artifact:
        """The artifact, checked against the present versions of what it was made from.

        Raises:
            MissingInput: it, or what it was made from, is not there.
            StaleInput: an input has changed since; says stored, expected and what to refresh.
        """
        artifact = self.peek(asset, scene)
        for upstream, stored in artifact.provenance.inputs.items():
            if upstream.startswith("footage") or not self.has(upstream, scene):
                continue
            expected = self.peek(upstream, scene).version
            if stored != expected:
                raise StaleInput(
                    f"{asset} of scene {scene} was made from another {upstream}: stored={stored}, "
                    f"expected={expected}; refresh {asset} (and what depends on it): dagster asset materialize "
                    f'-m segassets.definitions --select "{asset}+" --partition {scene}'
                )
        return artifact

    def scenes(self, asset: str) -> list[str]:
        """Keys of the scenes that have this artifact, sorted."""
        if self.is_remote:
            return remote.scenes(self.root, self.tag, asset)
        folder = self.local / self.tag / asset
        found = folder.iterdir() if folder.is_dir() else ()
        return sorted(item.name for item in found if (item / FILE_NAME).is_file())

    @contextmanager
    def create(self, provenance: Provenance) -> Iterator[Path]:
        """A staging folder; when the block ends without an error it becomes the artifact, else nothing changes."""
        asset, scene = provenance.asset, provenance.scene
        target = self._folder(asset, scene)
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.staging"
        staging.mkdir()
        try:
            with atomic.disk_errors(target):
                yield staging
                atomic.write_text(staging / FILE_NAME, provenance.to_json())
                if self.is_remote:
                    remote.upload(staging, self.root, self.tag, asset, scene)
                atomic.publish_dir(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def work_dir(self, asset: str, scene: str, version: str) -> Path:
        """A local folder that outlives a kill, for resumable work on this version alone; others are removed."""
        base = self.local / ".work" / self.tag / asset / check_scene_key(scene)
        for other in base.iterdir() if base.is_dir() else ():
            if other.name != version and other.is_dir():
                shutil.rmtree(other, ignore_errors=True)
        folder = base / version
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear_work(self, asset: str, scene: str) -> None:
        """Remove the resumable work of a finished artifact."""
        shutil.rmtree(self.local / ".work" / self.tag / asset / check_scene_key(scene), ignore_errors=True)

    @contextmanager
    def lock(self, asset: str, scene: str, wait_s: float = 0.0) -> Iterator[None]:
        """Exclusive right to make this artifact on this machine (Busy when another process has it)."""
        path = self.local / ".locks" / self.tag / f"{asset}.{check_scene_key(scene)}.lock"
        with exclusive(path, f"{asset} of scene {scene}", wait_s):
            self._sweep_staging(asset, scene)
            yield

    def _sweep_staging(self, asset: str, scene: str) -> None:
        """Staging folders a killed writer left behind; called by the one holder of the lock."""
        folder = self._folder(asset, scene)
        for left in folder.parent.glob(f".{folder.name}.*.staging*"):
            shutil.rmtree(left, ignore_errors=True)

    def bytes_stored(self, asset: str, scene: str) -> int:
        """Size of the artifact's files in bytes."""
        return sum(item.stat().st_size for item in self._folder(asset, scene).rglob("*") if item.is_file())
