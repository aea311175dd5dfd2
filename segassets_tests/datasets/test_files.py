"""A root gives up nothing outside it; local and remote roots behave alike."""

from __future__ import annotations

import os

import fsspec
import pytest

from segassets.datasets.files import Root, cache_dir, file_identities, natural_key, relative_name
from segassets.errors import BadInput, MissingInput


def test_natural_order():
    names = ["f10.png", "f2.png", "f1.png", "F3.png", "a.png", "10.png", "9.png", "f01.png", "é.png"]
    assert sorted(names, key=natural_key) == [
        "9.png", "10.png", "a.png", "f01.png", "f1.png", "f2.png", "F3.png", "f10.png", "é.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "../x.jpg",
        "a/../../x.jpg",
        "/etc/passwd",
        "..",
        "",
        ".",
        "C:\\x.jpg",
        "..\\x.jpg",
        "http://x/y.jpg",
        "a\0b",
    ],
)
def test_names_that_climb_out_are_refused(name):
    with pytest.raises(BadInput, match="image 7: expected a file name inside"):
        relative_name(name, "image 7")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "a.jpg"),
        ("./a/b.jpg", "a/b.jpg"),
        ("a/../b.jpg", "b.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("..a", "..a"),
    ],
)
def test_names_inside_are_normalised(name, expected):
    assert relative_name(name) == expected


@pytest.fixture(params=["local", "file", "memory"])
def root(request, tmp_path):
    files = {"a.txt": b"a", "b/c.txt": b"ccc", "b/d/e.txt": b""}
    if request.param == "memory":
        fs = fsspec.filesystem("memory")
        for name, data in files.items():
            fs.pipe_file(f"/root-{tmp_path.name}/{name}", data)
        yield Root(f"memory://root-{tmp_path.name}")
        fs.rm(f"/root-{tmp_path.name}", recursive=True)
        return
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    yield Root(f"file://{tmp_path}" if request.param == "file" else str(tmp_path))


def test_listing_and_reading(root):
    assert root.listing() == (["a.txt"], ["b"])
    assert root.listing("b") == (["c.txt"], ["d"])
    assert root.read("b/c.txt") == b"ccc"
    with root.open("b/c.txt") as file:
        assert file.read(2) == b"cc"
    assert root.is_file("a.txt") and not root.is_file("b") and root.is_folder("b")
    assert root.are_files(["a.txt", "z.txt"]) == [True, False]
    with pytest.raises(MissingInput, match=r"z\.txt"):
        root.read("z.txt")
    with pytest.raises(MissingInput, match="nothing"):
        root.listing("z")
    with pytest.raises(BadInput):
        root.read("../a.txt")


def test_identities(root):
    found = file_identities(root.url, ["a.txt", "b/c.txt", "z.txt"])
    assert [item[0] for item in found] == ["a.txt", "b/c.txt", "z.txt"]
    assert found[0] == file_identities(root.url, ["a.txt"])[0]
    assert found[2] == ["z.txt", None]
    root.fs.pipe_file(root.full("a.txt"), b"another")
    assert file_identities(root.url, ["a.txt"])[0] != found[0]


def test_local_copies_are_whole_and_made_once(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGASSETS_CACHE", str(tmp_path / "cache"))
    path = root.local("b/c.txt")
    assert path.read_bytes() == b"ccc"
    if not root.is_local:
        assert path.is_relative_to(cache_dir())
        assert root.local("b/c.txt") == path
        assert [item.name for item in path.parent.iterdir()] == ["c.txt"]
        root.fs.pipe_file(root.full("b/c.txt"), b"dddd")
        assert root.local("b/c.txt").read_bytes() == b"dddd"


def test_links_out_of_the_root_are_refused(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.txt").write_text("s")
    (tmp_path / "data" / "in").mkdir(parents=True)
    (tmp_path / "data" / "in" / "a.txt").write_text("a")
    os.symlink("../secret/s.txt", tmp_path / "data" / "file_link.txt")
    os.symlink("../secret", tmp_path / "data" / "folder_link")
    os.symlink("in/a.txt", tmp_path / "data" / "inner_link.txt")
    os.symlink("data", tmp_path / "root_link")
    for base in ("data", "root_link"):  # a root that is itself a link is fine
        root = Root(tmp_path / base)
        assert root.read("inner_link.txt") == b"a"
        for name in ("file_link.txt", "folder_link/s.txt"):
            with pytest.raises(BadInput, match=r"symbolic link.*follow_links"):
                root.read(name)
    assert Root(tmp_path / "data", follow_links=True).read("folder_link/s.txt") == b"s"


def test_missing_root_is_named():
    with pytest.raises(MissingInput, match=r"dataset 'd'.*/nowhere/at/all"):
        Root("/nowhere/at/all").require("d")
