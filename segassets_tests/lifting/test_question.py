"""Questions taken apart: tables of what is understood."""

from __future__ import annotations

import pytest

from segassets.errors import BadInput
from segassets.lifting.question import DEGREES, PLACES, RELATIONS, parse_question
from segassets_tests.doc_tables import DOCS


@pytest.mark.parametrize(
    ("text", "look", "degrees", "relations", "places"),
    [
        ("the red sphere left of the table", "red sphere", (), [("left_of", "table")], ()),
        ("The RED sphere, to the left of the table?", "red sphere", (), [("left_of", "table")], ()),
        ("the largest thing on the floor", "", (("large", True),), [], ("on_floor",)),
        ("where is the small striped box", "striped box", (("small", False),), [], ()),
        ("the cup on the table", "cup", (), [("on", "table")], ()),
        ("the cup on top of the tallest table", "cup", (), [("on", "table")], ()),
        ("cup on the left", "cup", (), [], ("leftmost",)),
        ("cup on the left of the lamp", "cup", (), [("left_of", "lamp")], ()),
        ("the nearest chair", "chair", (("nearest", True),), [], ()),
        ("a plant near the camera", "plant", (), [], ("nearest",)),
        ("chair behind the sofa near the lamp", "chair", (), [("behind", "sofa"), ("near", "lamp")], ()),
        ("the thing nearest to the rug", "", (), [("near", "rug")], ()),
        ("something in the box", "", (), [("inside", "box")], ()),
        ("highest", "", (("high", True),), [], ()),
        ("table", "table", (), [], ()),
        ("the smallest red thing", "red thing", (("small", True),), [], ()),
        ("something red behind the green one", "something red", (), [("behind", "green one")], ()),
    ],
)
def test_what_is_understood(
    text: str, look: str, degrees: tuple, relations: list[tuple[str, str]], places: tuple
) -> None:
    found = parse_question(text)
    assert found.text == text and found.thing.look == look and found.thing.degrees == degrees
    assert [(name, other.look) for name, other in found.relations] == relations and found.places == places


def test_degrees_of_the_other_thing() -> None:
    [(_, other)] = parse_question("the cup on the largest table").relations
    assert other.look == "table" and other.degrees == (("large", True),)


@pytest.mark.parametrize("text", ["", "  ?", "the cup left of", "cup behind the"])
def test_what_is_no_question(text: str) -> None:
    with pytest.raises(BadInput, match="expected a"):
        parse_question(text)


def test_every_word_is_documented() -> None:
    page = (DOCS / "query.md").read_text("utf-8")
    assert [word for word in (*RELATIONS, *PLACES, *DEGREES) if f"`{word}`" not in page] == []
