"""The listing of settings, and the documentation made from it."""

from __future__ import annotations

import pytest

from segassets.config import load_settings
from segassets.config.listing import all_settings, markdown, text, value_at
from segassets.config.load import SHORT_NAMES
from segassets.yaml_files import parse_yaml
from segassets_tests import doc_tables


def test_every_setting_can_be_read_and_set_to_its_default():
    plain = {"SEGASSETS_MODEL": "sam2.1-hiera-tiny"}  # a model that brings no settings of its own
    defaults = load_settings(environ=plain)
    listed = list(all_settings())
    assert {"tag", "candidates.levels", "tracking.max_propagate", "stages.sam2_tracks"} <= {
        s.name for s in listed
    }
    assert {setting.short for setting in listed} - {None} == set(SHORT_NAMES)
    for setting in listed:
        if setting.name == "model":
            continue
        assert value_at(defaults, setting.path) == setting.default
        written = load_settings(None, [f"{setting.name}={text(setting.default)}"], environ=plain)
        assert written == defaults, setting.name


def test_the_documentation_lists_them_as_they_are():
    page = doc_tables.CONFIGURATION_PAGE.read_text("utf-8")
    assert page == doc_tables.rewritten(page), "run: python -m segassets_tests.doc_tables"
    assert markdown() in page


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.5, "a b", "", [], [2, 4], ["a"], {}, {"a": 1}, {"start": "a", "end": None}],
)
def test_text_is_yaml(value):
    assert parse_yaml(text(value), "test") == value
