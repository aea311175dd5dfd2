"""Artifacts on an object store: files first, `provenance.json` last; whoever finds it finds everything."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import fsspec

from segassets.storage import atomic
from segassets.storage.provenance import FILE_NAME, Provenance

_LIST = "files.txt"


def redact(url: str) -> str:
    """The URL without user, password or query."""
    return re.sub(r"//[^/@]*@", "//", url).split("?")[0]


def cache_dir(url: str) -> Path:
    """Local cache of one remote root: `$SEGASSETS_CACHE` or `~/.cache/segassets`."""
    base = Path(os.environ.get("SEGASSETS_CACHE", Path.home() / ".cache" / "segassets"))
    return base / "store" / hashlib.sha256(url.encode()).hexdigest()[:16]


def _at(root: str, *parts: str) -> tuple[fsspec.AbstractFileSystem, str]:
    system, base = fsspec.core.url_to_fs(root)
    return system, "/".join([base.rstrip("/"), *parts])


def has(root: str, tag: str, asset: str, scene: str) -> bool:
    """Whether the artifact is complete."""
    system, folder = _at(root, tag, asset, scene)
    system.invalidate_cache()
    return system.isfile(f"{folder}/{FILE_NAME}")


def scenes(root: str, tag: str, asset: str) -> list[str]:
    """Scene keys with a complete artifact."""
    system, folder = _at(root, tag, asset)
    system.invalidate_cache()
    if not system.isdir(folder):
        return []
    names = [str(item).rstrip("/").rsplit("/", 1)[-1] for item in system.ls(folder, detail=False)]
    return sorted(name for name in names if system.isfile(f"{folder}/{name}/{FILE_NAME}"))


def upload(staging: Path, root: str, tag: str, asset: str, scene: str) -> None:
    """Send a staging folder; the old artifact counts as absent from the first byte on until the last."""
    system, folder = _at(root, tag, asset, scene)
    if system.exists(f"{folder}/{FILE_NAME}"):
        system.rm(f"{folder}/{FILE_NAME}")
    names = sorted(str(item.relative_to(staging)) for item in staging.rglob("*") if item.is_file())
    atomic.write_text(staging / _LIST, "\n".join(name for name in names if name != FILE_NAME))
    for name in [*(name for name in names if name != FILE_NAME), _LIST, FILE_NAME]:
        target = f"{folder}/{name}"
        system.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        with system.open(target, "wb") as out, (staging / name).open("rb") as data:
            shutil.copyfileobj(data, out)


def download(root: str, tag: str, asset: str, scene: str, folder: Path) -> None:
    """Bring the artifact into its cache folder unless that version is there already."""
    system, source = _at(root, tag, asset, scene)
    record = system.cat_file(f"{source}/{FILE_NAME}").decode()
    cached = folder / FILE_NAME
    if cached.is_file() and cached.read_text("utf-8") == record:
        return
    staging = folder.parent / f".{folder.name}.{os.getpid()}.download"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    names = [name for name in system.cat_file(f"{source}/{_LIST}").decode().split("\n") if name]
    for name in names:
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        (staging / name).write_bytes(system.cat_file(f"{source}/{name}"))
    atomic.write_text(staging / FILE_NAME, record)
    Provenance.read(staging / FILE_NAME)
    atomic.publish_dir(staging, folder)
