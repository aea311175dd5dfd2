from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from segassets.masks import rle
from segassets.masks.table import MaskRows, empty_masks, validate_masks
from segassets.proposals.config import FilterConfig
from segassets.proposals.filtering import REASONS, filter_masks
from segassets_tests.proposals.truth import HEIGHT, WIDTH, box_mask

OPEN = {"min_area": 0, "stability": 0.0, "max_overlap": 1.0}


def table_of(*rows: dict) -> pa.Table:
    """Rows of a mask table from boxes; what is not given is the default of a sound candidate."""
    collected = MaskRows("s")
    for row in rows:
        values = {"frame": 0, "level": 2, "stability": 0.95, "predicted_iou": 0.9, "score": 0.8} | row
        counts = rle.encode(box_mask(values.pop("box")))
        collected.add(
            source_frame=values["frame"],
            height=HEIGHT,
            width=WIDTH,
            rle_counts=counts,
            source="candidate",
            **values,
        )
    return collected.to_table()


def kept_and_dropped(table: pa.Table, **values) -> tuple[list[int], dict[str, int]]:
    kept, dropped = filter_masks(table, FilterConfig(**OPEN | values))
    validate_masks(kept)
    assert kept.num_rows + sum(dropped.values()) == table.num_rows
    return kept.column("mask_id").to_pylist(), {name: count for name, count in dropped.items() if count}


LARGE, SMALL, ALMOST_LARGE, INNER = (0, 40, 0, 40), (50, 60, 50, 60), (0, 40, 0, 38), (0, 10, 0, 10)


@pytest.mark.parametrize(
    ("rows", "config", "kept", "dropped"),
    [
        ([], {}, [], {}),
        ([{"box": (0, 1, 0, 1)}], {"min_area": 1}, [1], {}),  # one pixel
        ([{"box": (0, 1, 0, 1)}], {"min_area": 2}, [], {"small_area": 1}),
        ([{"box": (0, HEIGHT, 0, WIDTH)}], {}, [1], {}),  # the full frame
        ([{"box": (0, HEIGHT, 0, WIDTH)}], {"max_area_share": 0.9}, [], {"large_area": 1}),
        ([{"box": LARGE, "stability": 0.9}], {"stability": 0.9}, [1], {}),  # exactly the threshold passes
        ([{"box": LARGE, "stability": 0.89}], {"stability": 0.9}, [], {"low_stability": 1}),
        ([{"box": LARGE, "stability": 0.999}], {"stability": 1.0}, [], {"low_stability": 1}),
        ([{"box": LARGE, "stability": None}], {"stability": 1.0}, [1], {}),  # unknown is not judged
        ([{"box": LARGE, "predicted_iou": 0.3}], {"predicted_iou": 0.5}, [], {"low_predicted_iou": 1}),
        ([{"box": SMALL, "stability": 0.1}], {"min_area": 200, "stability": 0.9}, [], {"small_area": 1}),
        ([{"box": LARGE}, {"box": ALMOST_LARGE, "score": 0.9}], {"max_overlap": 0.9}, [2], {"overlap": 1}),
        ([{"box": LARGE}, {"box": ALMOST_LARGE, "score": None}], {"max_overlap": 0.9}, [1], {"overlap": 1}),
        ([{"box": LARGE}, {"box": ALMOST_LARGE}], {"max_overlap": 0.96}, [1, 2], {}),
        ([{"box": LARGE}, {"box": LARGE, "level": 4}], {"max_overlap": 0.5}, [1, 2], {}),  # another level
        ([{"box": LARGE}, {"box": LARGE, "frame": 1}], {"max_overlap": 0.5}, [1, 2], {}),  # another frame
        ([{"box": LARGE}, {"box": INNER}], {"max_containment": 0.8}, [1], {"contained": 1}),
        ([{"box": LARGE}, {"box": INNER}], {}, [1, 2], {}),
        # a dropped mask suppresses nothing
        (
            [{"box": LARGE, "stability": 0.1, "score": 0.9}, {"box": ALMOST_LARGE}],
            {"stability": 0.5, "max_overlap": 0.5},
            [2],
            {"low_stability": 1},
        ),
    ],
)
def test_filter(rows, config, kept, dropped):
    assert kept_and_dropped(table_of(*rows), **config) == (kept, dropped)


def test_every_reason_is_reported_even_when_nothing_was_dropped():
    _, dropped = filter_masks(empty_masks(), FilterConfig())
    assert dropped == dict.fromkeys(REASONS, 0)


def test_children_of_the_dropped_get_the_parents_parent():
    table = table_of(
        {"box": LARGE},
        {"box": (0, 40, 0, 20), "level": 4, "parent_id": 1, "stability": 0.1},
        {"box": (0, 20, 0, 20), "level": 6, "parent_id": 2},
        {"box": SMALL, "stability": 0.1},
        {"box": (50, 55, 50, 60), "level": 4, "parent_id": 4},
    )
    kept, _ = filter_masks(table, FilterConfig(**OPEN | {"stability": 0.9}))
    assert kept.column("mask_id").to_pylist() == [1, 3, 5]
    assert kept.column("parent_id").to_pylist() == [0, 1, 0]


def test_stability_really_filters():
    rng = np.random.default_rng(0)
    rows = [{"box": (i, i + 20, i, i + 20), "stability": float(rng.random())} for i in range(60)]
    table = table_of(*rows)
    counts = [
        len(kept_and_dropped(table, stability=threshold)[0]) for threshold in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    stability = table.column("stability").to_numpy()
    assert counts == [int((stability >= threshold).sum()) for threshold in (0.0, 0.25, 0.5, 0.75, 1.0)]
