"""From `datasets` and `scenes` to scene keys."""

from __future__ import annotations

import pytest

from segassets.config import load_settings
from segassets.config.selection import selected_scenes
from segassets.errors import BadConfig, MissingInput


@pytest.fixture(autouse=True)
def datasets(tmp_path, monkeypatch):
    """Two datasets of folders: one.a .. one.d, and two.a, two.z; a third whose root is missing."""
    (tmp_path / "configs" / "datasets").mkdir(parents=True)
    for dataset, scenes in {"one": "abcd", "two": "az"}.items():
        for scene in scenes:
            folder = tmp_path / dataset / scene
            folder.mkdir(parents=True)
            (folder / "0.png").write_bytes(b"")  # listing scenes opens no picture
        config = tmp_path / "configs" / "datasets" / f"{dataset}.yaml"
        config.write_text(f"layout: folder\nroot: {tmp_path / dataset}\n")
    (tmp_path / "configs" / "datasets" / "gone.yaml").write_text(
        f"layout: folder\nroot: {tmp_path / 'gone'}\n"
    )
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path / "configs"))


def keys(*overrides: str) -> list[str]:
    return selected_scenes(load_settings(None, overrides, environ={}))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["datasets=one"], ["one.a", "one.b", "one.c", "one.d"]),
        (["datasets=two,one", "scenes=all"], ["two.a", "two.z", "one.a", "one.b", "one.c", "one.d"]),
        (["datasets=one", "scenes=c,a"], ["one.c", "one.a"]),
        (["datasets=one", "scenes=one.c"], ["one.c"]),
        (["datasets=one", "scenes=a,one.a,a"], ["one.a"]),
        (["scenes=two.z,one.b"], ["two.z", "one.b"]),
        (["datasets=one", "scenes={start: b, end: c}"], ["one.b", "one.c"]),
        (["datasets=one,two", "scenes={start: c}"], ["one.c", "one.d", "two.z"]),
        (["datasets=one", "scenes={end: b}"], ["one.a", "one.b"]),
        (["datasets=one,two", "scenes=z"], ["two.z"]),
    ],
)
def test_selections(overrides, expected):
    assert keys(*overrides) == expected


@pytest.mark.parametrize(
    ("overrides", "error", "words"),
    [
        ([], BadConfig, ["'datasets' is empty"]),
        (["scenes="], BadConfig, ["'datasets' is empty"]),
        (["datasets=onee"], MissingInput, ["onee", "'one'"]),
        (["datasets=gone"], MissingInput, ["gone"]),
        (["datasets=one", "scenes=e"], BadConfig, ["no scene 'e'", "a, b, c, d"]),
        (["datasets=one", "scenes=one.aa"], BadConfig, ["'one.aa'", "Did you mean 'one.a'"]),
        (["datasets=one,two", "scenes=a"], BadConfig, ["one.a, two.a"]),
        (["datasets=one", "scenes={start: x}"], BadConfig, ["selects nothing", "one"]),
        (["datasets=one", "scenes=[]"], BadConfig, ["selects nothing"]),
        (["scenes=three.a"], BadConfig, ["three"]),
    ],
)
def test_selections_that_fail(overrides, error, words):
    with pytest.raises(error) as raised:
        keys(*overrides)
    assert not [word for word in words if word not in str(raised.value)], str(raised.value)
