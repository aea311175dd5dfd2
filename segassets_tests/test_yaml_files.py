"""YAML as people mean it: slices stay text, numbers stay numbers."""

from __future__ import annotations

import pytest

from segassets.errors import BadConfig, MissingInput
from segassets.yaml_files import parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:50:5", "10:50:5"),
        ("1:30", "1:30"),
        ("1:2.5", "1:2.5"),
        ("::2", "::2"),
        ("12", 12),
        ("-3", -3),
        ("0x10", 16),
        ("1.5", 1.5),
        (".inf", float("inf")),
        ("[2, 4]", [2, 4]),
        ("null", None),
        ("", None),
    ],
)
def test_values(text, expected):
    assert parse_yaml(text, "here") == expected


def test_objects_are_never_made():
    with pytest.raises(BadConfig, match="here: expected YAML"):
        parse_yaml("!!python/object/apply:os.getcwd []", "here")


def test_files(tmp_path):
    with pytest.raises(MissingInput, match=r"x\.yaml"):
        read_yaml(tmp_path / "x.yaml")
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00a: \xe9")
    with pytest.raises(BadConfig, match=r"x\.yaml"):
        read_yaml(tmp_path / "x.yaml")
