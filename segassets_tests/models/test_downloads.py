"""Downloads from a server of our own: broken off, killed, changed on the way, damaged, offline."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, BadInput, MissingInput, OutOfSpace
from segassets.models import downloads
from segassets.models.checksums import record_path
from segassets.models.downloads import download
from segassets.models.registry import load_spec, weights_state
from segassets.models.sources import cache_path, with_sha256
from segassets.models.spec import HubSource, ModelSpec, UrlSource
from segassets.models.weights import fetch_weights, weights_sha256
from segassets_tests.models.file_server import FileServer, serve

CONTENT = np.random.default_rng(0).bytes(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    with serve(CONTENT) as running:
        yield running


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGASSETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_ENDPOINT", raising=False)


def left_in(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir() if not item.name.endswith(".lock"))


def test_a_whole_file(server: FileServer, tmp_path: Path) -> None:
    target = download(f"{server.address}/w.pt", tmp_path / "new" / "w.pt", sha256=DIGEST)
    assert target.read_bytes() == CONTENT
    assert left_in(tmp_path / "new") == ["w.pt"]
    download(f"{server.address}/w.pt", target)  # is here
    assert server.gets == [""]


@pytest.mark.parametrize("etag", ['"v1"', None])
def test_broken_connections_go_on(server: FileServer, tmp_path: Path, etag: str | None) -> None:
    server.break_after, server.breaks, server.etag = 1_000_000, 2, etag
    target = download(f"{server.address}/w.pt", tmp_path / "w.pt", sha256=DIGEST, pause_s=0.01)
    assert target.read_bytes() == CONTENT
    wanted = (
        ["", "bytes=1000000-", "bytes=2000000-"] if etag else ["", "", ""]
    )  # nothing says it is the same file
    assert server.gets == wanted


def test_a_killed_process_is_taken_up(server: FileServer, tmp_path: Path) -> None:
    server.bytes_per_s = 1_500_000
    code = (
        "import sys; from pathlib import Path; from segassets.models.downloads import download; "
        "download(sys.argv[1], Path(sys.argv[2]))"
    )
    target = tmp_path / "w.pt"
    url = f"{server.address}/w.pt"
    process = subprocess.Popen([sys.executable, "-c", code, url, str(target)], stderr=subprocess.DEVNULL)
    part = tmp_path / "w.pt.part"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 500_000):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = part.stat().st_size
    assert 500_000 < kept < len(CONTENT) and not target.exists()
    server.bytes_per_s = None
    assert download(url, target, sha256=DIGEST).read_bytes() == CONTENT
    assert server.gets[-1] == f"bytes={kept}-"
    assert left_in(tmp_path) == ["w.pt"]


def begun(tmp_path: Path, content: bytes, url: str, **facts: object) -> Path:
    """What a killed download of `url` left."""
    (tmp_path / "w.pt.part").write_bytes(content)
    state = {"url": url, "validator": '"v1"', "total": len(CONTENT), **facts}
    (tmp_path / "w.pt.part.json").write_text(json.dumps(state))
    return tmp_path / "w.pt"


@pytest.mark.parametrize(
    ("content", "facts", "ranges"),
    [
        pytest.param(b"x" * 1000, {"validator": '"v0"'}, True, id="the file has changed since"),
        pytest.param(b"x" * 1000, {"url": "http://elsewhere/w.pt"}, True, id="part of another address"),
        pytest.param(CONTENT[:1000], {}, False, id="a server without ranges"),
        pytest.param(b"x" * 1000, {}, True, id="a damaged part"),
        pytest.param(CONTENT + b"xx", {"total": len(CONTENT) + 5}, True, id="the file has become shorter"),
        pytest.param(CONTENT, {}, True, id="complete, but not yet named"),
    ],
)
def test_parts_that_are_of_no_use(
    server: FileServer, tmp_path: Path, content: bytes, facts: dict, ranges: bool
) -> None:
    server.ranges = ranges
    url = f"{server.address}/w.pt"
    target = begun(tmp_path, content, **{"url": url, **facts})
    assert download(url, target, sha256=DIGEST, pause_s=0.01).read_bytes() == CONTENT
    assert left_in(tmp_path) == ["w.pt"]


def test_another_checksum_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"expected a file of SHA-256 {'0' * 64}, found {DIGEST}"):
        download(f"{server.address}/w.pt", tmp_path / "w.pt", sha256="0" * 64)
    assert left_in(tmp_path) == []


def test_what_cannot_be_reached(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"/absent: the server answers 404"):
        download(f"{server.address}/absent", tmp_path / "w.pt")
    with pytest.raises(MissingInput, match=r"Connection refused.*is there a network"):
        download(f"http://127.0.0.1:{free_port()}/w.pt", tmp_path / "w.pt")
    with pytest.raises(BadInput, match="http or https"):
        download("file:///etc/hosts", tmp_path / "w.pt")
    server.break_after, server.breaks = 1000, 1
    server.content = CONTENT[:100_000]
    begin = begun(tmp_path, b"", f"{server.address}/w.pt", total=None)
    server.breaks, server.break_after = 99, 0
    with pytest.raises(MissingInput, match=r"could not be downloaded \(IncompleteRead"):
        download(f"{server.address}/w.pt", begin, pause_s=0.01)


def test_what_was_got_is_kept_and_said(server: FileServer, tmp_path: Path) -> None:
    server.breaks, server.break_after, server.etag = (
        99,
        700_000,
        None,
    )  # begins anew each time, never gets further
    with pytest.raises(MissingInput, match=r"700000 bytes are kept in .*w\.pt\.part: run again"):
        download(f"{server.address}/w.pt", tmp_path / "w.pt", pause_s=0.001)


def test_a_full_disk_is_foreseen(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = downloads.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OutOfSpace, match=r"w\.pt needs 3000000 more bytes .* 1000 are free"):
        download(f"{server.address}/w.pt", tmp_path / "w.pt")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def model(source: HubSource | UrlSource) -> ModelSpec:
    return load_spec("nano").model_copy(update={"name": "mine", "source": source})


def test_url_source_is_recorded_and_held_to_it(server: FileServer) -> None:
    spec = model(UrlSource(kind="url", url=f"{server.address}/a/w.pt?download=1"))
    assert weights_state(spec) == "download"
    path = fetch_weights(spec)
    assert path.name == "w.pt" and path.read_bytes() == CONTENT
    assert weights_state(spec) == "here" and weights_sha256(spec) == DIGEST
    assert record_path(path).read_text() == f"{DIGEST}  w.pt\n"
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(
        BadInput, match=r"'mine'.*recorded in .*first seen.*segassets models fetch mine --force"
    ):
        fetch_weights(spec)
    assert fetch_weights(spec, force=True).read_bytes() == CONTENT
    assert len(server.gets) == 2


def test_given_checksums(server: FileServer) -> None:
    spec = model(UrlSource(kind="url", url=f"{server.address}/w.pt", sha256="0" * 64))
    with pytest.raises(BadInput, match="0000"):
        fetch_weights(spec)
    assert not cache_path(spec.source).exists()
    path = fetch_weights(with_sha256(spec, DIGEST.upper()))
    with pytest.raises(BadInput, match=r"expected 0000.*given for the model"):
        fetch_weights(spec)
    assert path.exists()
    with pytest.raises(BadConfig, match="64 hexadecimal digits"):
        with_sha256(spec, "12")
    with pytest.raises(BadConfig, match="not downloaded"):
        with_sha256(load_spec("nano"), DIGEST)


def test_hub_source(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    spec = model(HubSource(kind="hub", repo="some/where", file="w.pt"))
    path = fetch_weights(spec)
    assert path.read_bytes() == CONTENT and path == cache_path(spec.source)
    assert ("GET", "/some/where/resolve/main/w.pt", "") in server.requests
    assert record_path(path).read_text().startswith(DIGEST)  # the hub's own word
    assert fetch_weights(spec) == path and len(server.gets) == 1


def test_hub_source_is_taken_up(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    spec = model(HubSource(kind="hub", repo="some/where", file="w.pt", sha256=DIGEST))
    target = cache_path(spec.source)
    target.parent.mkdir(parents=True)
    begun(target.parent, CONTENT[:1_000_000], f"{server.address}/some/where/resolve/main/w.pt")
    assert fetch_weights(spec).read_bytes() == CONTENT
    assert server.gets == ["bytes=1000000-"]


def test_hub_cache_is_used(tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "models--some--where" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "w.pt").write_bytes(CONTENT)
    refs = tmp_path / "hub" / "models--some--where" / "refs"
    refs.mkdir()
    (refs / "main").write_text("a" * 40)
    spec = model(HubSource(kind="hub", repo="some/where", file="w.pt", sha256=DIGEST))
    assert fetch_weights(spec) == snapshot / "w.pt"


@pytest.mark.parametrize("offline", ["refused", "HF_HUB_OFFLINE"])
def test_offline(monkeypatch: pytest.MonkeyPatch, offline: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    if offline == "HF_HUB_OFFLINE":
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    spec = load_spec("sam2.1-hiera-large")
    with pytest.raises(MissingInput) as caught:
        fetch_weights(spec)
    text = str(caught.value)
    assert "sam2.1-hiera-large" in text and str(cache_path(spec.source)) in text
    assert "hf download facebook/sam2.1-hiera-large sam2.1_hiera_large.pt --local-dir weights" in text


def test_addresses_are_shown_without_keys(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        download(f"{server.address}/w.pt?token=hidden", tmp_path / "w.pt", sha256="0" * 64)
    assert "hidden" not in str(caught.value) and "/w.pt?...: expected" in str(caught.value)
    assert downloads.without_secrets("https://me:hidden@host:8/a/b.pt") == "https://host:8/a/b.pt"


@pytest.mark.parametrize(
    "url", ["https://host/a/%2e%2e", "https://host/a/..%2F..%2Fb.pt", "https://host/a/%2E"]
)
def test_downloads_stay_in_the_cache(url: str) -> None:
    path = cache_path(UrlSource(kind="url", url=url))
    assert ".." not in path.parts and path.parent.name.startswith("url-") and path.name in ("weights", "b.pt")


@pytest.mark.parametrize("file", ["../a.pt", "a/../../b.pt", "/etc/a.pt", ".."])
def test_files_of_the_hub_stay_in_the_cache(file: str) -> None:
    with pytest.raises(ValueError, match="leaves it"):
        HubSource(kind="hub", repo="a/b", file=file)
    assert HubSource(kind="hub", repo="a/b", file="sub/a..b.pt").file == "sub/a..b.pt"


def test_official_models_have_their_checksums() -> None:
    digests = {
        load_spec(path.stem).source.sha256 for path in (configs_dir() / "models").glob("sam2.1-*.yaml")
    }
    assert len(digests) == 4 and None not in digests


def test_the_command(server: FileServer, tmp_path: Path) -> None:
    """`segassets models fetch`, killed in the middle, then run again."""
    deployment = tmp_path / "deployment"
    for name in ("datasets", "models"):
        (deployment / "configs" / name).mkdir(parents=True)
    data = yaml.safe_load((configs_dir() / "models" / "nano.yaml").read_text())
    data |= {"name": "mine", "source": {"kind": "url", "url": f"{server.address}/w.pt", "sha256": DIGEST}}
    (deployment / "configs" / "models" / "mine.yaml").write_text(yaml.safe_dump(data))
    command = [sys.executable, "-m", "segassets.cli", "models", "fetch", "mine", "--json"]
    environment = {**os.environ, "SEGASSETS_CONFIGS": str(deployment / "configs")}
    server.bytes_per_s = 1_500_000
    process = subprocess.Popen(command, env=environment, cwd=deployment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.sent < 1_000_000 and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.bytes_per_s = None
    done = subprocess.run(
        command, env=environment, cwd=deployment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)
    assert (row["sha256"], row["bytes"]) == (DIGEST, len(CONTENT))
    assert row["checked_against"] == "the one given for the model"
    assert Path(row["path"]).read_bytes() == CONTENT
    assert server.gets[-1].startswith("bytes=") and "w.pt" in done.stderr  # progress
