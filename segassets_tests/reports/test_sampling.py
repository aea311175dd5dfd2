"""Which frames are shown: strides, caps, and the three that always are."""

from __future__ import annotations

import pytest

from segassets.reports.sampling import first_middle_last, sample, spaced


@pytest.mark.parametrize(
    ("count", "wanted", "expected"),
    [
        (0, 5, []),  # nothing to show
        (5, 0, []),  # nothing wanted
        (1, 3, [0]),  # a single frame
        (5, 1, [0]),  # one wanted
        (5, 2, [0, 4]),
        (5, 9, [0, 1, 2, 3, 4]),  # fewer than wanted
        (101, 5, [0, 25, 50, 75, 100]),
    ],
)
def test_spaced(count: int, wanted: int, expected: list[int]) -> None:
    assert spaced(count, wanted) == expected


@pytest.mark.parametrize(
    ("count", "stride", "most", "expected"),
    [
        (0, 1, 12, []),
        (1, 7, 12, [0]),
        (10, 4, 0, [0, 4, 8, 9]),  # the last frame is added to the stride
        (10, 3, 0, [0, 3, 6, 9]),
        (100, 10, 3, [0, 50, 99]),
        (3, 100, 12, [0, 2]),  # a stride longer than the scene
    ],
)
def test_sample(count: int, stride: int, most: int, expected: list[int]) -> None:
    assert sample(count, stride=stride, max_frames=most) == expected


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 10, 11, 200])
@pytest.mark.parametrize("wanted", [1, 2, 3, 4, 6, 9, 60])
def test_first_middle_last(count: int, wanted: int) -> None:
    found = first_middle_last(count, wanted)
    always = {0, (count - 1) // 2, count - 1} if count else set()
    assert always <= set(found) <= set(range(count))
    assert found == sorted(set(found))
    assert len(found) == min(count, max(3, wanted))
