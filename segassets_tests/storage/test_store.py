"""The store: whole or absent, stale inputs named, one writer at a time, local and remote alike."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from segassets.errors import BadConfig, BadInput, Busy, MissingInput, OutOfSpace, StaleInput
from segassets.storage.atomic import disk_errors, publish_dir, write_text
from segassets.storage.keys import check_scene_key, safe_join, to_key
from segassets.storage.provenance import Provenance
from segassets.storage.remote import redact
from segassets.storage.store import ArtifactStore


@pytest.fixture(params=["local", "remote"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    monkeypatch.setenv("SEGASSETS_CACHE", str(tmp_path / "cache"))
    return ArtifactStore(tmp_path / "out" if request.param == "local" else f"memory://{uuid.uuid4().hex}/out")


def _make(store: ArtifactStore, asset: str, text: str = "x", scene: str = "a.b", **origin: object) -> str:
    record = Provenance(asset, scene, **origin)  # type: ignore[arg-type]
    with store.create(record) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "data.txt").write_text(text)
    return record.version


def _text(store: ArtifactStore, asset: str) -> str:
    return (store.open(asset, "a.b").path / "sub" / "data.txt").read_text()


def test_made_read_and_made_again(store: ArtifactStore) -> None:
    assert not store.has("frames", "a.b")
    version = _make(store, "frames", "first")
    assert store.open("frames", "a.b").version == version
    assert _text(store, "frames") == "first"
    _make(store, "frames", "second", config={"changed": True})
    assert _text(store, "frames") == "second"
    assert store.scenes("frames") == ["a.b"]
    assert store.bytes_stored("frames", "a.b") > 5


def test_a_failure_leaves_the_old_artifact_whole(store: ArtifactStore) -> None:
    _make(store, "frames", "old")
    with pytest.raises(RuntimeError), store.create(Provenance("frames", "a.b", config={"k": 2})) as folder:
        (folder / "data.txt").write_text("half")
        raise RuntimeError("killed")
    assert _text(store, "frames") == "old"
    assert not list(store.local.rglob("*.staging"))


def test_missing_says_how_to_make_it(store: ArtifactStore) -> None:
    with pytest.raises(MissingInput, match=r"--select frames --partition a\.b"):
        store.open("frames", "a.b")


def test_stale_says_stored_expected_and_what_to_refresh(store: ArtifactStore) -> None:
    first = _make(store, "frames")
    _make(store, "coco_masks", inputs={"frames": first, "footage": "anything"})
    store.open("coco_masks", "a.b")
    second = _make(store, "frames", config={"frames": "::2"})
    with pytest.raises(StaleInput, match=rf"stored={first}, expected={second}; refresh coco_masks"):
        store.open("coco_masks", "a.b")


def test_version_follows_what_shapes_the_result_and_nothing_else() -> None:
    base = Provenance("frames", "a.b", config={"x": 1})
    assert base.version == Provenance("frames", "other", tag="t", config={"x": 1}, software={}).version
    for change in (
        {"config": {"x": 2}},
        {"code_version": "2"},
        {"inputs": {"a": "b"}},
        {"model": {"sha256": "0"}},
    ):
        assert base.version != Provenance("frames", "a.b", **{"config": {"x": 1}} | change).version


def test_two_tags_live_side_by_side(tmp_path: Path) -> None:
    main, other = ArtifactStore(tmp_path), ArtifactStore(tmp_path, "exp-1")
    _make(main, "frames", "main")
    _make(other, "frames", "other")
    assert (_text(main, "frames"), _text(other, "frames")) == ("main", "other")


def test_work_of_another_version_is_dropped(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    (store.work_dir("sam2_tracks", "a.b", "v1") / "chunk").write_text("x")
    assert (store.work_dir("sam2_tracks", "a.b", "v1") / "chunk").is_file()
    assert not list(store.work_dir("sam2_tracks", "a.b", "v2").iterdir())
    assert not (store.local / ".work/main/sam2_tracks/a.b/v1").exists()


def _hold(root: Path, held: object, release: object) -> None:
    with ArtifactStore(root).lock("frames", "a.b"):
        held.set()  # type: ignore[attr-defined]
        release.wait(20)  # type: ignore[attr-defined]


def test_a_second_writer_is_refused_or_waits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, release))
    other.start()
    assert held.wait(30)
    store = ArtifactStore(tmp_path)
    with pytest.raises(Busy, match=rf"frames of scene a.b is being made by process {other.pid}"):
        with store.lock("frames", "a.b"):
            pass
    release.set()
    with store.lock("frames", "a.b", wait_s=20):
        other.join(20)
    with store.lock("coco_masks", "a.b"):
        pass


def test_a_killed_writer_leaves_nothing_and_no_lock(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from segassets.storage.provenance import Provenance\n"
        "from segassets.storage.store import ArtifactStore\n"
        "store = ArtifactStore(sys.argv[1])\n"
        "with store.lock('frames', 'a.b'), store.create(Provenance('frames', 'a.b')) as folder:\n"
        "    (folder / 'half').write_text('x'); print('writing', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"writing\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    store = ArtifactStore(tmp_path)
    assert not store.has("frames", "a.b")
    with store.lock("frames", "a.b"):
        assert not list(tmp_path.rglob("half"))
    _make(store, "frames")
    assert _text(store, "frames") == "x"


def test_readers_never_see_a_folder_that_is_gone(tmp_path: Path) -> None:
    """Publishing over an old folder swaps: a reader polling all the while always finds one of the two."""
    target = tmp_path / "target"
    target.mkdir()
    write_text(target / "f", "0")
    script = (
        "import sys, pathlib, time\n"
        "path = pathlib.Path(sys.argv[1]); end = time.time() + 2; misses = 0\n"
        "print('reading', flush=True)\n"
        "while time.time() < end: misses += not path.exists()\n"
        "print(misses)\n"
    )
    reader = subprocess.Popen([sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE, text=True)
    assert reader.stdout
    reader.stdout.readline()
    end = time.time() + 2.2
    while time.time() < end:
        staging = tmp_path / "staging"
        staging.mkdir()
        write_text(staging / "f", "1")
        publish_dir(staging, target)
    assert int(reader.stdout.read()) == 0


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutOfSpace, match="free some room"), disk_errors(tmp_path):
        with open("/dev/full", "w", encoding="utf-8") as stream:
            stream.write("x" * 100_000)


@pytest.mark.parametrize("key", ["a", "dataset.scene_01", "A-1.b_c", "9", "x" * 100])
def test_good_keys(key: str) -> None:
    assert check_scene_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "..",
        "a..b",
        "-a",
        ".a",
        "a/b",
        "a b",
        "a,b",
        "a\n",
        "é",
        "x" * 101,
        "../../etc",
        "[q]",
        "a...b",
    ],
)
def test_bad_keys(key: str) -> None:
    with pytest.raises(BadConfig, match="expected a name"):
        check_scene_key(key)


@pytest.mark.parametrize("text", ["my clip (1).mp4", "../x", "...", "日本", "a,b", "", "a..b"])
def test_any_text_becomes_a_key(text: str) -> None:
    check_scene_key(to_key(text))


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "", "C:\\x", "..\\x", "s3://bucket/x"])
def test_names_never_leave_the_root(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"masks\.json"):
        safe_join(tmp_path, name, "masks.json")


def test_symlinks_never_leave_the_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="leads out"):
        safe_join(tmp_path / "root", "link/secret", "x.json")
    assert safe_join(tmp_path / "root", "a/b.png", "x") == tmp_path / "root" / "a" / "b.png"


def test_secrets_do_not_show() -> None:
    assert redact("s3://user:pass@bucket/a?token=1") == "s3://bucket/a"
