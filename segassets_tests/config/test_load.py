"""Where values of a run come from, and what misspelled or wrong ones say."""

from __future__ import annotations

from pathlib import Path

import pytest

from segassets.config import Settings, load_settings
from segassets.config.load import SHORT_NAMES, find_config
from segassets.config.records import records_dir
from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, MissingInput
from segassets.proposals.config import CandidateConfig


def at(settings: Settings, path: str):
    """The value of a dotted or short name."""
    value = settings
    for part in SHORT_NAMES.get(path, path).split("."):
        value = getattr(value, part)
    return value


PRECEDENCE = [
    # key, YAML, environment, command line, expected
    ("tag", None, None, None, "main"),
    ("tag", "a", None, None, "a"),
    ("tag", "a", "b", None, "b"),
    ("tag", "a", "b", "c", "c"),
    ("tag", None, "b", "c", "c"),
    ("tag", "a", None, "2024", "2024"),
    ("levels", "[2]", None, None, [2]),
    ("levels", "[2]", "4,6", None, [4, 6]),
    ("levels", "[2]", "4", "2,4,6", [2, 4, 6]),
    ("levels", "[2]", None, "[6]", [6]),
    ("frames", "10:50:2", None, None, "10:50:2"),
    ("frames", "10:50:2", "::-1", None, "::-1"),
    ("frames", "10:50:2", "::-1", "-8:", "-8:"),
    ("frames", "{start: 3, step: 5}", None, None, "3::5"),
    ("frames", "10:50:2", None, "null", None),
    ("min_area", "500", "400", None, 400),
    ("stability", "0.9", None, "0.5", 0.5),
    ("tracking.max_propagate", "30", None, None, 30),
    ("tracking.max_propagate", "30", "7", None, 7),
    ("tracking.max_propagate", "30", None, "null", None),
    ("scenes", "all", None, "a,b", ["a", "b"]),
    ("scenes", "[a]", "all", None, "all"),
    ("stages.sam2_tracks", "false", None, "true", True),
    ("output_root", "out", "/data/{name}", None, "/data/{name}"),
]


@pytest.mark.parametrize(("key", "in_yaml", "in_env", "in_line", "expected"), PRECEDENCE)
def test_precedence(tmp_path, key, in_yaml, in_env, in_line, expected):
    config = tmp_path / "run.yaml"
    section, _, field = key.rpartition(".")
    if in_yaml is None:
        config.write_text("")
    else:
        config.write_text(f"{section}:\n  {field}: {in_yaml}\n" if section else f"{key}: {in_yaml}\n")
    environ = {} if in_env is None else {"SEGASSETS_" + key.upper().replace(".", "__"): in_env}
    line = [] if in_line is None else [f"{key}={in_line}"]
    assert at(load_settings(config, line, environ=environ), key) == expected


def test_what_suits_the_model_lies_under_the_yaml(tmp_path):
    nano = load_settings(None, environ={})
    assert nano.model == "nano"
    assert nano.candidates.stability_threshold == 0.2
    official = load_settings(None, ["model=sam2.1-hiera-tiny"], environ={})
    assert official.candidates.stability_threshold == CandidateConfig().stability_threshold
    own = tmp_path / "own.yaml"
    own.write_text("candidates: {stability_threshold: 0.7}")
    chosen = load_settings(own, environ={})
    assert chosen.candidates.stability_threshold == 0.7
    assert chosen.candidates.refine_points == nano.candidates.refine_points


def test_named_options_yield_to_written_out_keys():
    settings = load_settings(None, ["candidates.levels=4"], {"levels": "2", "tag": None}, {})
    assert settings.candidates.levels == [4]
    assert settings.tag == "main"


def test_short_names_in_yaml_and_a_contradiction(tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text("levels: [2]\ncandidates: {levels: [2]}\n")
    assert load_settings(config, environ={}).candidates.levels == [2]
    config.write_text("levels: [2]\ncandidates: {levels: [4]}\n")
    with pytest.raises(BadConfig, match=r"'levels' is short for 'candidates\.levels'"):
        load_settings(config, environ={})


MISSPELLED = [
    # YAML, environment, command line, words of the message
    ("tracking: {max_propgate: 3}", {}, [], ["run.yaml", "'tracking.max_propgate'", "'max_propagate'"]),
    ("tracker: {max_propagate: 3}", {}, [], ["run.yaml", "'tracker'", "'tracking'"]),
    ("levles: [2]", {}, [], ["run.yaml", "'levles'"]),
    ("scenes: {strt: a}", {}, [], ["run.yaml", "'scenes.strt'", "'start'"]),
    ("", {"SEGASSETS_LEVEL": "2"}, [], ["SEGASSETS_LEVEL", "SEGASSETS_LEVELS"]),
    ("", {"SEGASSETS_TRACKING__PROMT": "box"}, [], ["SEGASSETS_TRACKING__PROMT", "'prompt'"]),
    ("", {}, ["stages.sam2_track=false"], ["command line", "'stages.sam2_track'", "'sam2_tracks'"]),
    ("", {}, ["tracking.x.y=1"], ["'tracking.x'", "max_propagate"]),
    ("", {}, ["tag"], ["key.path=value", "'tag'"]),
    ("", {}, ["=3"], ["key.path=value"]),
    ("", {}, ["tag=../up"], ["'tag'", "../up"]),
    ("", {}, ["frames=a:b"], ["'frames'", "start:end:step"]),
    ("", {}, ["frames=::0"], ["'frames'", "step other than 0"]),
    ("", {}, ["device=gpu"], ["'device'", "cuda"]),
    ("", {}, ["levels=two"], ["candidates.levels", "two"]),
    ("", {}, ["parallel_scenes=0"], ["'parallel_scenes'", "0"]),
    ("tag: [a", {}, [], ["run.yaml", "expected YAML"]),
    ("tag: a\ntag: b", {}, [], ["run.yaml", "'tag' given twice"]),
    ("- tag", {}, [], ["run.yaml", "expected keys and values"]),
    ("tag: !!python/object:os.system {}", {}, [], ["run.yaml", "expected YAML"]),
]


@pytest.mark.parametrize(("text", "environ", "line", "words"), MISSPELLED)
def test_wrong_keys_and_values(tmp_path, text, environ, line, words):
    config = tmp_path / "run.yaml"
    config.write_text(text)
    with pytest.raises(BadConfig) as raised:
        load_settings(config, line, environ=environ)
    assert not [word for word in words if word not in str(raised.value)], str(raised.value)


def test_unrelated_variables_are_left_alone():
    environ = {"SEGASSETS_SERVICE_HOST": "10.0.0.1", "SEGASSETS_DEBUG": "1", "SEGASSETS_CONFIGS": "/x"}
    assert load_settings(None, environ=environ) == load_settings(None, environ={})


def test_unknown_configuration_names_the_near_one(tmp_path, monkeypatch):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo.yaml").write_text("")
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path))
    assert find_config("demo") == tmp_path / "runs" / "demo.yaml"
    with pytest.raises(MissingInput, match="'demo'"):
        find_config("deno")


def test_every_run_configuration_in_the_repository_loads():
    files = sorted(Path(configs_dir(), "runs").glob("*.yaml"))
    assert {"demo", "multiscan", "davis"} <= {file.stem for file in files}
    for file in files:
        load_settings(file, environ={})


def test_every_field_is_described():
    def undescribed(model, path=()):
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and hasattr(inner, "model_fields"):
                yield from undescribed(inner, (*path, name))
            elif not field.description:
                yield ".".join((*path, name))

    assert list(undescribed(Settings)) == []


@pytest.mark.parametrize(
    ("output_root", "root", "records"),
    [
        ("/out/{name}", "/out/night", "/out/night"),
        ("out", "{here}/out", "{here}/out"),
        ("file:///out", "file:///out", "/out"),
        ("s3://bucket/{name}", "s3://bucket/night", "{here}/.segassets/records"),
    ],
)
def test_roots_and_where_records_go(tmp_path, monkeypatch, output_root, root, records):
    monkeypatch.chdir(tmp_path)
    settings = load_settings(None, [f"output_root={output_root}", "name=night"], environ={})
    assert settings.root == root.replace("{here}", str(tmp_path))
    assert str(records_dir(settings)) == records.replace("{here}", str(tmp_path))
