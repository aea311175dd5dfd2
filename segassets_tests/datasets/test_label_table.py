"""Label tables: those of the repository load and have the classes their documents say; mistakes are named."""

from __future__ import annotations

import pytest

from segassets.datasets.label_table import LabelTable, list_label_tables, load_label_table, table_of_json
from segassets.errors import BadConfig, BadInput, MissingInput
from segassets.strict import parse

from .made_surgery import ENDOVIS17_TOOLS, ENDOVIS18_COLOURS, WATERSHED


@pytest.mark.parametrize("name", list_label_tables())
def test_every_table_of_the_repository_loads(name):
    table = load_label_table(name)
    assert table.description
    assert sorted(item.id for item in table.classes) == list(range(len(table.classes)))


@pytest.mark.parametrize(
    ("name", "classes", "first", "last"),
    [
        ("cholecseg8k", 13, "black background", "liver ligament"),
        ("endovis17", 8, "background", "other"),
        ("endovis18", 7, "bipolar forceps", "clip applier"),
        ("endovis18_scene", 12, "background tissue", "ultrasound probe"),
    ],
)
def test_classes_as_documented(name, classes, first, last):
    names = load_label_table(name).names()
    assert (len(names), names[0], names[classes - 1]) == (classes, first, last)


def test_values_as_documented():
    table = load_label_table("cholecseg8k")
    assert [item.values for item in table.classes] == [[value] for value in WATERSHED]
    assert (table.ignored, table.unknown) == ({"border": [255], "unlabelled": [0]}, "count")
    colours = load_label_table("endovis18_scene")
    assert colours.in_colour
    assert [[list(value) for value in item.values] for item in colours.classes] == [
        [rgb] for _, rgb in ENDOVIS18_COLOURS
    ]


@pytest.mark.parametrize(("folder", "number"), ENDOVIS17_TOOLS.items())
def test_folders_of_instruments(folder, number):
    item = load_label_table("endovis17").class_of_folder(folder.removesuffix("_labels"), "here")
    assert item is not None and item.id == number


CLASSES = [{"id": 0, "name": "a", "values": [1]}, {"id": 1, "name": "b", "values": [2]}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"classes": [*CLASSES, {"id": 1, "name": "c", "values": [3]}]},
            "every id once.*1 stands there twice",
        ),
        ({"classes": [*CLASSES, {"id": 2, "name": "b", "values": [3]}]}, "every name once.*'b'"),
        ({"classes": [*CLASSES, {"id": 2, "name": "c", "values": [2]}]}, "every value once.*2 stands"),
        ({"ignored": {"border": [2]}}, "every value once.*2 stands"),
        ({"background": [1]}, "every value once.*1 stands"),
        ({"background": [[0, 0, 0]]}, "found both"),
        ({"classes": []}, "classes"),
        ({"classes": [{"id": 0, "name": "a", "values": [[0, 0, 256]]}]}, "256"),
        ({"classes": [{"id": -1, "name": "a"}]}, "id"),
        ({"unknwon": "count"}, "unknown key 'unknwon'. Did you mean 'unknown'"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(BadConfig, match=message):
        parse(LabelTable, {"classes": CLASSES, **change}, "table")


def test_unknown_names_and_files():
    with pytest.raises(BadConfig, match="Did you mean 'cholecseg8k'"):
        load_label_table("cholecseg")
    with pytest.raises(MissingInput, match=r"nowhere\.yaml"):
        load_label_table("/nowhere.yaml")


def test_folders_that_several_classes_claim():
    classes = [{"id": 0, "name": "a", "folders": ["*"]}, {"id": 1, "name": "b", "folders": ["tool*"]}]
    with pytest.raises(BadInput, match="'Tool_1' belongs to 'a' and 'b'"):
        parse(LabelTable, {"classes": classes}, "t").class_of_folder("Tool_1", "here")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{", "expected JSON"),
        ("{}", "expected a list of"),
        ('[{"name": "a", "classid": 1}]', "expected a list of.*at 0"),
    ],
)
def test_a_labels_json_that_is_none(text, message):
    with pytest.raises(BadInput, match=message):
        table_of_json(text.encode(), "labels.json")
