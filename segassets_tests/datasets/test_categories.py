"""Categories over files and scenes: those that change and those that are empty are named."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.categories import (
    empty_categories,
    refuse_empty_categories,
    required_categories,
    same_categories,
)
from segassets.errors import BadConfig, BadInput
from segassets.masks.table import MaskRows

from .made import dataset

CATEGORIES = {0: "box", 3: "ball", 7: "cup"}


def table(*category_ids):
    rows = MaskRows("scene")
    for number in category_ids:
        rows.add(
            frame=0,
            source_frame=0,
            height=1,
            width=1,
            rle_counts="01",
            source="annotation",
            category_id=number,
        )
    return rows.to_table()


@pytest.mark.parametrize(
    ("seen", "required", "empty"),
    [
        ([[0, 3, 7]], "all", []),
        ([[0], [7, 7], [3, -1]], "all", []),
        ([[3]], "all", ["box", "cup"]),
        ([[], []], "all", ["box", "ball", "cup"]),
        ([], "all", ["box", "ball", "cup"]),
        ([[3]], ["ball"], []),
        ([[3]], ["cup", "ball"], ["cup"]),
        ([[3]], ["0"], ["box"]),
        ([[3]], [], []),
    ],
)
def test_empty_categories_have_names(seen, required, empty):
    tables = [table(*ids) if len(ids) != 1 else np.array(ids) for ids in seen]
    assert empty_categories(CATEGORIES, tables, required) == empty
    if not empty:
        refuse_empty_categories("made", CATEGORIES, tables, required)
    else:
        names = ", ".join(empty)
        with pytest.raises(
            BadInput, match=rf"dataset 'made'.*{len(seen)} chosen scenes: {names};.*required_categories"
        ):
            refuse_empty_categories("made", CATEGORIES, tables, required)


def test_a_required_category_that_does_not_exist():
    with pytest.raises(BadConfig, match=r"no category 'bal'\. Did you mean 'ball'"):
        empty_categories(CATEGORIES, [], ["bal"])


def test_categories_of_several_files():
    found = same_categories({"a": {0: "box", 3: "ball"}, "b": {7: "cup", 0: "box"}, "c": {}})
    assert found == CATEGORIES and list(found) == [0, 3, 7]
    twice = {1: "thing", 2: "thing"}
    assert same_categories({"a": twice}) == same_categories({"a": twice, "b": twice}) == twice


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({0: "ball"}, r"b: category 0 is 'ball', but 'box' in a"),
        ({1: "box"}, r"b: category 'box' has id 1, but id 0 in a"),
    ],
)
def test_ids_that_change_between_files(other, message):
    with pytest.raises(BadInput, match=message):
        same_categories({"a": {0: "box"}, "b": other})


@pytest.mark.parametrize(
    ("layout", "values", "required"),
    [
        ("class_maps", {}, "all"),
        ("roboflow", {}, "all"),
        ("coco", {}, []),
        ("coco", {"required_categories": "all"}, "all"),
        ("class_maps", {"required_categories": ["a"]}, ["a"]),
        ("class_maps", {"required_categories": []}, []),
    ],
)
def test_what_must_occur(layout, values, required):
    assert required_categories(dataset("x", layout, **values)) == required
