"""Dataset files: all of the repository load; slices mean what Python means; mistakes get a suggestion."""

from __future__ import annotations

import pytest

from segassets.configs_dir import configs_dir
from segassets.datasets.config import (
    DatasetConfig,
    expand,
    list_datasets,
    load_dataset,
    parse_frames,
    write_dataset_config,
)
from segassets.errors import BadConfig, MissingInput

from .made import dataset


@pytest.mark.parametrize("name", list_datasets())
def test_every_dataset_of_the_repository_loads(name):
    config = load_dataset(name)
    assert config.name == name
    assert config.description
    assert not config.root.startswith("/")  # no path of one machine


def test_the_repository_has_datasets():
    assert {"davis16_dev", "pumavos_chair", "coco_39769", "bedroom", "labelme_voc"} <= set(list_datasets())


@pytest.mark.parametrize(
    "text", ["", " ", ":", "::2", "1200:1600:20", "-10:", ":-1", "5:2", "::-1", " 1 : 4 : 2 ", "100:"]
)
def test_slices_mean_what_python_means(text):
    frames = list(range(2000))
    expected = eval(f"frames[{text.strip() or ':'}]", {"frames": frames})
    assert frames[parse_frames(text)] == expected


@pytest.mark.parametrize("text", ["5", "a:b", "1:2:3:4", "1.5:2", "1:2:0", "[1:2]", "1,2"])
def test_malformed_slices_are_refused(text):
    with pytest.raises(BadConfig, match=r"frames|step"):
        parse_frames(text)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("layuot: folder\nroot: x", "unknown key 'layuot'. Did you mean 'layout'"),
        ("layout: foldr\nroot: x", "'layout'.*foldr"),
        ("layout: folder", "missing key 'root'"),
        ("layout: folder\nroot: x\nframes: '1:2:3:4'", "1:2:3:4"),
        ("layout: folder\nroot: x\noptions: {picture: y}", "unknown key 'picture'. Did you mean 'pictures'"),
        ("layout: folder\nroot: x\noverrides: {a: {frame: ':'}}", "Did you mean 'frames'"),
        ("layout: folder\nroot: x\noverrides: {a: {options: {levle: 2}}}", "Did you mean 'level'"),
        ("layout: folder\nroot: x\nname: other", "expected name 'broken' like its file"),
        ("layout: [folder", "expected YAML"),
        ("- a", "expected keys and values"),
        ("", "expected keys and values"),
    ],
)
def test_mistakes_are_named(tmp_path, lines, message):
    (tmp_path / "broken.yaml").write_text(lines)
    with pytest.raises(BadConfig, match=message) as caught:
        load_dataset(tmp_path / "broken.yaml")
    assert "broken.yaml" in str(caught.value)


def test_frames_are_never_base_60_numbers(tmp_path):
    (tmp_path / "d.yaml").write_text(
        "layout: folder\nroot: x\nframes: 10:50:5\noverrides: {a: {frames: 1:30}}"
    )
    config = load_dataset(tmp_path / "d.yaml")
    assert config.frames_of("b") == "10:50:5"
    assert config.frames_of("a") == "1:30"


def test_unknown_dataset_gets_a_suggestion():
    with pytest.raises(BadConfig, match="Did you mean 'davis16_dev'"):
        load_dataset("davis16_deb")


def test_missing_file():
    with pytest.raises(MissingInput, match=r"gone\.yaml"):
        load_dataset("/nowhere/gone.yaml")


def test_variables(monkeypatch):
    monkeypatch.setenv("SOME_DATA", "/data")
    monkeypatch.delenv("OTHER_DATA", raising=False)
    assert expand("${SOME_DATA}/x", "here") == "/data/x"
    assert expand("${OTHER_DATA:-rooms}/x", "here") == "rooms/x"
    with pytest.raises(MissingInput, match=r"here.*OTHER_DATA is not set; export OTHER_DATA"):
        expand("${OTHER_DATA}/x", "here")


def test_relative_root_starts_where_configs_lies(tmp_path):
    folder = tmp_path / "configs" / "datasets"
    folder.mkdir(parents=True)
    (folder / "d.yaml").write_text("layout: folder\nroot: footage")
    assert load_dataset(folder / "d.yaml").root_url() == str(tmp_path / "footage")
    (tmp_path / "e.yaml").write_text("layout: folder\nroot: footage")
    assert load_dataset(tmp_path / "e.yaml").root_url() == str(tmp_path / "footage")


def test_urls_are_left_alone():
    assert dataset("s3://bucket/folder", "folder").root_url() == "s3://bucket/folder"


@pytest.mark.parametrize("name", ["a.b", "../x", "", "a" * 101, "ü"])
def test_names_that_cannot_be_keys(name):
    with pytest.raises((BadConfig, ValueError)):
        dataset("x", "folder", name=name)


def test_written_datasets_read_back(tmp_path):
    config = dataset(
        tmp_path, "folder", frames="10:50:5", scenes={"start": "a", "end": "b"}, options={"level": 4}
    )
    path = write_dataset_config(config, tmp_path / "made.yaml")
    assert load_dataset(path).model_dump() == config.model_dump()
    write_dataset_config(config, path)  # the same again is no conflict
    with pytest.raises(BadConfig, match="holds another dataset"):
        write_dataset_config(dataset(tmp_path, "video"), path)


def test_written_datasets_go_to_the_configs(tmp_path, monkeypatch):
    (tmp_path / "datasets").mkdir()
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path))
    assert write_dataset_config(dataset("x", "folder")) == configs_dir() / "datasets" / "made.yaml"
    assert list_datasets() == ["made"]


def test_keys():
    config: DatasetConfig = dataset("x", "folder")
    assert config.key_of("clip") == "made.clip"
    assert config.key_of("made") == "made"
