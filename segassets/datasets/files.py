"""A dataset's root, local or remote: list, read and identify files by names that never leave it."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from segassets.errors import BadInput, MissingInput
from segassets.storage.atomic import disk_errors

_IDENTITY_KEYS = ("size", "ETag", "etag", "checksum", "md5Hash", "mtime", "LastModified", "created")


_PLAIN = re.compile(r"\w[\w-]*(?:\.\w+)?(?:/\w[\w-]*(?:\.\w+)?)*")  # nothing to normalise in such a name


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key with numbers compared as numbers: frame_2 < frame_10; ties by the name itself."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part], name


def relative_name(name: str, where: str = "") -> str:
    """`name` normalised to forward slashes, known to stay below the folder it is relative to.

    Raises:
        BadInput: the name is empty, absolute, a URL, or climbs out with `..`.
    """
    if isinstance(name, str) and _PLAIN.fullmatch(name):
        return name
    text = str(name).replace("\\", "/")
    normal = posixpath.normpath(text) if text else ""
    climbs = normal == ".." or normal.startswith(("../", "/")) or re.match(r"[A-Za-z]:", text) is not None
    if not text or normal == "." or climbs or "\x00" in text or "://" in text:
        place = f"{where}: " if where else ""
        raise BadInput(f"{place}expected a file name inside the dataset's root, found {name!r}")
    return normal


class Root:
    """A folder (local path or fsspec URL) and the files below it, addressed by relative names.

    Args:
        root: a local path or a URL such as `s3://bucket/folder`; may itself be a symbolic link.
        follow_links: allow local symbolic links that lead out of the root.
    """

    def __init__(self, root: str | os.PathLike[str], *, follow_links: bool = False) -> None:
        self.url = os.fspath(root)
        self.fs, self.base = fsspec.core.url_to_fs(self.url)
        self.base = self.base.rstrip("/") or "/"
        self.is_local = isinstance(self.fs, LocalFileSystem)
        self.follow_links = follow_links
        self._inside: dict[str, bool] = {}

    def full(self, name: str = "") -> str:
        """The path of `name` on its file system, checked to lie below the root."""
        if not name:
            return self.base
        path = f"{self.base.rstrip('/')}/{relative_name(name)}"
        if self.is_local and not self.follow_links:
            self._check_links(path, name)
        return path

    def location(self, name: str = "") -> str:
        """What a reader of an error message, or `read_picture`, needs: a local path or a full URL."""
        path = self.full(name)
        return path if self.is_local else self.fs.unstrip_protocol(path)

    def _check_links(self, path: str, name: str) -> None:
        folder = posixpath.dirname(path)
        if folder not in self._inside:
            self._inside[folder] = self._below(os.path.realpath(folder))
        # once per picture, thousands of times: a Path would cost more than the system call
        leads_away = os.path.islink(path) and not self._below(os.path.realpath(path))  # noqa: PTH114
        if leads_away or not self._inside[folder]:
            raise BadInput(
                f"{name!r} in {self.base} is a symbolic link to {os.path.realpath(path)}, outside the root; "
                "point `root` at the real folder, or set `follow_links: true` in the dataset's config"
            )

    def _below(self, real: str) -> bool:
        base = os.path.realpath(self.base)
        return real == base or real.startswith(base.rstrip("/") + "/")

    def is_file(self, name: str = "") -> bool:
        return self.fs.isfile(self.full(name))

    def are_files(self, names: Sequence[str]) -> list[bool]:
        """Which of the names are files."""
        if self.is_local:
            return [os.path.isfile(self.full(name)) for name in names]  # noqa: PTH113 - see _check_links
        with ThreadPoolExecutor(16) as pool:  # over the network it is all waiting
            return list(pool.map(self.is_file, names))

    def is_folder(self, name: str = "") -> bool:
        return self.fs.isdir(self.full(name))

    def require(self, dataset: str = "") -> None:
        """Raises MissingInput when nothing is there."""
        if not self.fs.exists(self.base):
            of = f" of dataset {dataset!r}" if dataset else ""
            raise MissingInput(f"the root{of} does not exist: {self.url}; correct `root` or get the data")

    def listing(self, folder: str = "") -> tuple[list[str], list[str]]:
        """Names of the files and of the folders directly in `folder`, each in natural order."""
        path = self.full(folder)
        if not self.fs.isdir(path):
            found = "a file" if self.fs.exists(path) else "nothing"
            raise MissingInput(f"expected a folder at {path}, found {found}")
        files: list[str] = []
        folders: list[str] = []
        for name, is_folder in self._entries(path):
            (folders if is_folder else files).append(name)
        return sorted(files, key=natural_key), sorted(folders, key=natural_key)

    def _entries(self, path: str) -> Iterable[tuple[str, bool]]:
        if self.is_local:
            with os.scandir(path) as entries:
                return [(entry.name, entry.is_dir()) for entry in entries]
        self.fs.invalidate_cache(path)
        found = self.fs.ls(path, detail=True)
        return [
            (item["name"].rstrip("/").rsplit("/", 1)[-1], item["type"] == "directory")
            for item in found
            if item["name"].rstrip("/") != path.rstrip("/")
        ]

    def open(self, name: str) -> BinaryIO:
        return self.fs.open(self.full(name), "rb")

    def read(self, name: str) -> bytes:
        """The whole file.

        Raises:
            MissingInput: there is no such file.
        """
        try:
            return self.fs.cat_file(self.full(name))
        except FileNotFoundError:
            raise MissingInput(f"expected a file at {self.location(name)}, found nothing") from None

    def local(self, name: str) -> Path:
        """A local path to the file: the file itself, or a whole copy in the cache (see `cache_dir`)."""
        path = self.full(name)
        if self.is_local:
            return Path(path)
        [identity] = self.identities([name])
        key = hashlib.sha256(repr((self.location(name), identity)).encode()).hexdigest()[:16]
        target = cache_dir() / "files" / key / posixpath.basename(path)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{uuid.uuid4().hex}.part")
            try:
                with disk_errors(target):
                    self.fs.get_file(path, str(part))
                    part.replace(target)  # a reader never sees half a video
            finally:
                part.unlink(missing_ok=True)
        return target

    def identities(self, names: list[str]) -> list[list[Any]]:
        """[name, size, modification time or checksum] of each file; [name, None] where there is no file."""
        if self.is_local:
            return [[name, *_local_identity(self.full(name))] for name in names]
        known: dict[str, dict[str, Any]] = {}
        for folder in dict.fromkeys(posixpath.dirname(self.full(name)) for name in names):
            self.fs.invalidate_cache(folder)
            known.update({item["name"].rstrip("/"): item for item in self.fs.ls(folder, detail=True)})
        return [[name, *_remote_identity(known.get(self.full(name)))] for name in names]


def _local_identity(path: str) -> list[Any]:
    try:
        facts = Path(path).stat()
    except FileNotFoundError:
        return [None]
    return [facts.st_size, facts.st_mtime_ns]


def _remote_identity(info: dict[str, Any] | None) -> list[Any]:
    return [None] if info is None else [str(info[key]) for key in _IDENTITY_KEYS if info.get(key) is not None]


def file_identities(root: str, names: list[str], *, follow_links: bool = True) -> list[list[Any]]:
    """Identities of files below `root`, see `Root.identities`."""
    return Root(root, follow_links=follow_links).identities(names)


@lru_cache(maxsize=1)
def _default_cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "segassets"


def cache_dir() -> Path:
    """Where local copies of remote videos live: `$SEGASSETS_CACHE`, else the user's cache folder."""
    named = os.environ.get("SEGASSETS_CACHE")
    return Path(named) if named else _default_cache_dir()
