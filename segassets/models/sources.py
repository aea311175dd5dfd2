"""Weights that lie elsewhere: on the Hugging Face hub, or at an address. Downloaded into the cache folder, checked.

The hub's own client begins anew when it was killed, so files of the hub are downloaded here too; what it has put into
its own cache is used.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from segassets.datasets.files import cache_dir
from segassets.errors import BadConfig, MissingInput
from segassets.models.checksums import SHA256, record_path, record_sha256, recorded_sha256
from segassets.models.downloads import download, without_secrets
from segassets.models.spec import HubFolderSource, HubSource, ModelSpec, UrlSource


def find(source: HubSource | UrlSource) -> Path | None:
    """The file on this machine, without asking the network."""
    path = cache_path(source)
    if path.is_file():
        return path
    if isinstance(source, UrlSource):
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.repo, source.file)
    return Path(found) if isinstance(found, str) else None


def cache_path(source: HubSource | UrlSource) -> Path:
    """Where a download of it lies."""
    if isinstance(source, HubSource):
        return cache_dir() / "weights" / source.repo.replace("/", "--") / source.file
    folder = f"url-{hashlib.sha256(source.url.encode()).hexdigest()[:12]}"
    name = unquote(urlsplit(source.url).path).rpartition("/")[2]
    return cache_dir() / "weights" / folder / (name if name not in ("", ".", "..") else "weights")


def fetch(source: HubSource | UrlSource, name: str, *, force: bool = False) -> Path:
    """Download the file, going on where an earlier download broke off, and record its checksum.

    Args:
        name: of the model, for the error.
        force: replace the file that is here.

    Raises:
        MissingInput: it cannot be reached; ends with how to get it elsewhere.
        BadInput: it has not the checksum given for the model, or by the hub.
    """
    path = cache_path(source)
    if force:
        path.unlink(missing_ok=True)
        record_path(path).unlink(missing_ok=True)
    try:
        if isinstance(source, UrlSource):
            return download(source.url, path, sha256=source.sha256)
        url, of_hub, headers = _ask_hub(source)
        download(url, path, sha256=source.sha256 or of_hub, headers=headers)
    except MissingInput as error:
        raise MissingInput(f"model {name!r}: {error}. {_elsewhere(source, path)}") from error
    if of_hub and not source.sha256:
        record_sha256(path, of_hub)
    return path


def find_folder(source: HubFolderSource) -> Path | None:
    """The file with the weights of a model of several files, all of them in one folder of this machine; else None."""
    found = [find(part) for part in _parts(source)]
    folders = {path.parent for path in found if path is not None}
    return found[0] if len(folders) == 1 and None not in found else None


def fetch_folder(source: HubFolderSource, name: str, *, force: bool = False) -> Path:
    """Download all files of a model into one folder; arguments and errors as in `fetch`.

    Returns:
        The file with the weights.
    """
    paths = []
    for part in _parts(source):
        path = cache_path(part)
        paths.append(path if path.is_file() and not force else fetch(part, name, force=force))
    return paths[0]


def _parts(source: HubFolderSource) -> list[HubSource]:
    """Its files one by one; the checksum is that of the first."""
    first, *others = source.files
    return [
        HubSource(kind="hub", repo=source.repo, file=first, sha256=source.sha256),
        *(HubSource(kind="hub", repo=source.repo, file=file, sha256=None) for file in others),
    ]


def with_sha256(spec: ModelSpec, sha256: str) -> ModelSpec:
    """The model with a checksum its file must have.

    Raises:
        BadConfig: not a SHA-256, or the weights are not downloaded.
    """
    if not re.match(SHA256, sha256.lower()):
        raise BadConfig(f"sha256: expected 64 hexadecimal digits, found {sha256!r}")
    if not isinstance(spec.source, HubSource | HubFolderSource | UrlSource):
        raise BadConfig(
            f"sha256: the weights of {spec.name!r} are not downloaded (source: {spec.source.kind})"
        )
    return spec.model_copy(update={"source": spec.source.model_copy(update={"sha256": sha256.lower()})})


def checked_against(spec: ModelSpec, path: Path) -> str:
    """What the file at `path` was held to, in words."""
    if not isinstance(spec.source, HubSource | HubFolderSource | UrlSource):
        return "nothing (it was not downloaded)"
    if spec.source.sha256:
        return "the one given for the model"
    return (
        f"{record_path(path)}"
        if recorded_sha256(path)
        else "nothing (the record beside it cannot be written)"
    )


def _ask_hub(source: HubSource) -> tuple[str, str | None, dict[str, str]]:
    """Address of the file, its SHA-256 where the hub knows it, and what to show the hub for a private one."""
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT")
    url = hf_hub_url(source.repo, source.file, endpoint=endpoint)
    try:
        facts = get_hf_file_metadata(url, endpoint=endpoint)
    except Exception as error:  # the client and the libraries under it raise many kinds
        text = (str(error).strip().splitlines() or [""])[0]
        raise MissingInput(
            f"{source.file} of {source.repo} is not in the cache and could not be downloaded "
            f"({type(error).__name__}: {text})"
        ) from error
    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return url, facts.etag if re.match(SHA256, facts.etag or "") else None, headers


def _elsewhere(source: HubSource | UrlSource, path: Path) -> str:
    """What to do on a machine without a network."""
    if isinstance(source, UrlSource):
        return f"Where there is a network: get {without_secrets(source.url)}, and put it at {path}"
    return (
        f"Where there is a network: hf download {source.repo} {source.file} --local-dir weights; then put it at "
        f"{path}, or use a model with source: {{kind: file, path: weights/{source.file}}} (see "
        "configs/models/sam2-local.yaml)"
    )
