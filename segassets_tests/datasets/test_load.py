"""From keys to scenes and back; one broken dataset does not hide the others."""

from __future__ import annotations

import pytest

from segassets.datasets.load import all_scene_keys, dataset_of, list_scenes, open_scene
from segassets.errors import BadConfig

from .made import write_pictures, write_video


@pytest.fixture
def configs(tmp_path, monkeypatch):
    write_pictures(tmp_path / "rooms", ["a/0.png", "b/0.png"])
    write_video(tmp_path / "clip.mp4", 3)
    folder = tmp_path / "configs" / "datasets"
    folder.mkdir(parents=True)
    (folder / "rooms.yaml").write_text("layout: folder\nroot: rooms")
    (folder / "clip.yaml").write_text("layout: video\nroot: clip.mp4")
    (folder / "elsewhere.yaml").write_text("layout: folder\nroot: ${NO_SUCH_VARIABLE}/x")
    (folder / "gone.yaml").write_text("layout: folder\nroot: /nowhere/at/all")
    (folder / "typo.yaml").write_text("layout: folder\nroot: rooms\nframs: '::2'")
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path / "configs"))
    return tmp_path


def test_what_can_be_listed_is_listed(configs):
    listing = list_scenes()
    assert listing.keys == ["clip", "rooms.a", "rooms.b"] == all_scene_keys()
    assert set(listing.problems) == {"elsewhere", "gone", "typo"}
    assert "NO_SUCH_VARIABLE" in listing.problems["elsewhere"]
    assert "/nowhere/at/all" in listing.problems["gone"]
    assert "Did you mean 'frames'" in listing.problems["typo"]


def test_some_datasets(configs):
    assert all_scene_keys(["rooms"]) == ["rooms.a", "rooms.b"]
    assert list_scenes(["romos"]).problems["romos"].endswith("Did you mean 'rooms'?")


@pytest.mark.parametrize("key", ["clip", "rooms.a", "rooms.b"])
def test_keys_open_their_scene(configs, key):
    scene = open_scene(key)
    assert scene.key == key
    assert scene.dataset == key.partition(".")[0] == dataset_of(key)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("roms.a", "no dataset 'roms'.*Did you mean 'rooms'"),
        ("rooms.c", "no scene 'c'"),
        ("rooms", "no scene 'rooms'"),
        ("clip.x", "no scene 'x'"),
        ("../x", "expected a name of letters"),
    ],
)
def test_unknown_keys(configs, key, message):
    with pytest.raises(BadConfig, match=message):
        open_scene(key)
