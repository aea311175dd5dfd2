"""Answers on a room of boxes whose places are known, in space and in the picture; relevancy by its formula."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.geometry.boxes import box_around
from segassets.geometry.cameras import Pinhole
from segassets.geometry.poses import to_camera
from segassets.lifting.places import PicturePlaces, Places, RoomPlaces, picture_boxes
from segassets.lifting.query import meant, rank
from segassets.lifting.query_config import QueryConfig
from segassets.lifting.question import parse_question
from segassets.lifting.relations import holds
from segassets.lifting.relevancy import relevancy

# name: centre and size; world z up, the camera at (0, -3, 1) looks along +y, so that +x is right and +y away.
THINGS = {
    "table": ((0.0, 0.0, 0.35), (1.0, 0.8, 0.7)),
    "ball": ((-1.0, 0.1, 0.15), (0.3, 0.3, 0.3)),
    "cup": ((0.1, 0.0, 0.76), (0.1, 0.1, 0.12)),
    "lamp": ((1.2, 1.5, 0.8), (0.3, 0.3, 1.6)),
    "bin": ((0.9, -1.2, 0.2), (0.3, 0.3, 0.4)),
}
NAMES = list(THINGS)
POSE = np.array([[1, 0, 0, 0], [0, 0, 1, -3], [0, -1, 0, 1], [0, 0, 0, 1]], float)
UP = np.array([0, 0, 1.0])


def points(name: str) -> np.ndarray:
    centre, size = THINGS[name]
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 7)] * 3), -1).reshape(-1, 3)
    return np.array(centre) + grid * np.array(size)


def room() -> Places:
    clouds = [points(name) for name in NAMES]
    return RoomPlaces([box_around(own, UP) for own in clouds], clouds, [[0]] * len(NAMES), [POSE], UP)


def picture() -> Places:
    pinhole = Pinhole.from_fov(400, 600, 70)
    boxes = []
    for name in NAMES:
        place, _ = pinhole.project(to_camera(points(name), POSE))
        low, high = place.min(0), place.max(0)
        boxes.append({0: [*low, *(high - low)]})
    return PicturePlaces(boxes, [(400, 600)], [0] * len(NAMES))


def look(words: str) -> np.ndarray:
    return np.array([0.9 if name in words.split() else 0.3 for name in NAMES])


def best(question: str, places: Places) -> str:
    found, _ = rank(parse_question(question), look, places, np.ones(len(NAMES)), QueryConfig())
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
    assert all(0 <= value <= 1 for item in found for value in item.parts.values())
    return NAMES[found[0].position]


@pytest.mark.parametrize("places", [room(), picture()], ids=["room", "picture"])
@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("the ball", "ball"),
        ("the thing left of the table", "ball"),
        ("the thing in front of the table", "bin"),
        ("the largest thing", "table"),
        ("the smallest thing", "cup"),
        ("the leftmost thing", "ball"),
        ("the nearest thing", "bin"),
        ("the cup above the table", "cup"),
    ],
)
def test_who_is_meant(places: Places, question: str, expected: str) -> None:
    assert best(question, places) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("the thing on the table", "cup"),
        ("the tallest thing on the floor", "lamp"),
        ("the highest thing", "lamp"),
        ("the lowest thing", "ball"),
        ("what is behind the table", "lamp"),
        ("the farthest thing", "lamp"),
    ],
)
def test_who_is_meant_in_the_room(question: str, expected: str) -> None:
    assert best(question, room()) == expected


# how much a network finds that each thing looks as asked: NAMES are table, ball, cup, lamp, bin
LOOKS = {
    "red thing": [
        0.05,
        0.42,
        0.33,
        0.12,
        0.38,
    ],  # three are red; the most relevant is neither smallest nor largest
    "lamp": [0.02, 0.03, 0.05, 0.51, 0.06],
    "yellow lamp": [0.10, 0.24, 0.08, 0.45, 0.20],  # one is meant, though others share something
    "striped thing": [0.30, 0.31, 0.33, 0.29, 0.30],  # all
    "unicorn": [0.00, 0.01, 0.00, 0.02, 0.00],
}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("the smallest red thing", "cup"),
        ("the largest red thing", "bin"),
        ("the tallest red thing", "bin"),
        ("the highest red thing", "cup"),
        ("the leftmost red thing", "ball"),
        ("the smallest red thing on the floor", "ball"),
        ("the smallest red thing in front of the lamp", "cup"),
        ("the largest lamp", "lamp"),
        ("the smallest lamp", "lamp"),
        ("the smallest yellow lamp", "lamp"),
        ("the largest striped thing", "table"),
        ("the smallest striped thing", "cup"),
        ("the smallest unicorn", "lamp"),
        ("the thing above the largest striped thing", "cup"),
    ],
)
def test_a_superlative_chooses_among_what_looks_as_asked(question: str, expected: str) -> None:
    def looks(words: str) -> np.ndarray:
        return np.array(LOOKS[words])

    found, _ = rank(parse_question(question), looks, room(), np.ones(len(NAMES)), QueryConfig())
    assert NAMES[found[0].position] == expected


def test_what_is_meant_comes_before_what_is_most() -> None:
    """All red things, smallest first, and only then the others."""
    found, _ = rank(
        parse_question("the smallest red thing"),
        lambda words: np.array(LOOKS[words]),
        room(),
        np.ones(len(NAMES)),
        QueryConfig(),
    )
    order = [NAMES[item.position] for item in found]
    assert order[:3] == ["cup", "ball", "bin"] and found[0].relevancy == 0.33
    assert found[0].parts["look"] == 1.0 > found[3].parts["look"]


def test_who_is_meant_by_relevancy_alone() -> None:
    for values in LOOKS.values():
        assert meant(np.array(values)).sum() == {0.42: 3, 0.51: 1, 0.45: 1, 0.33: 5, 0.02: 1}[max(values)]
    assert meant(np.array([0.2])).tolist() == [True]


def test_relations_are_one_sided() -> None:
    places, config = room(), QueryConfig()
    ball, table, cup = (NAMES.index(name) for name in ("ball", "table", "cup"))
    assert holds("left_of", ball, table, places, config) > 0.3
    assert (
        holds("left_of", table, ball, places, config) == 0 == holds("right_of", ball, table, places, config)
    )
    assert holds("on", cup, table, places, config) > 0.5 > holds("on", ball, table, places, config)
    assert (
        holds("near", cup, table, places, config) > 0.9
        and holds("far_from", cup, table, places, config) < 0.1
    )
    assert places.floor_gap() is not None and np.argmax(places.floor_gap()) == cup


def test_a_doubtful_instance_comes_later() -> None:
    ball, cup = NAMES.index("ball"), NAMES.index("cup")
    doubt = np.where(np.arange(len(NAMES)) == ball, 0.1, 0.9)
    found, _ = rank(parse_question("the red thing"), None, room(), doubt, QueryConfig())
    assert found[-1].position == ball and found[-1].parts["confidence"] == pytest.approx((0.1 / 0.9) ** 0.5)
    assert found[0].score == 1.0 and cup in [item.position for item in found[:4]]


def test_what_spans_the_room_is_no_thing() -> None:
    clouds = [points(name) for name in NAMES] + [np.mgrid[-3:3:9j, -3:3:9j, 0:1:1j].reshape(3, -1).T]
    places = RoomPlaces([box_around(own, UP) for own in clouds], clouds, [[0]] * 6, [POSE], UP)
    assert places.spans_all().tolist() == [False] * 5 + [True]
    found, _ = rank(parse_question("the largest thing"), None, places, np.ones(6), QueryConfig())
    assert found[0].position == 0
    found, _ = rank(parse_question("the largest floor"), None, places, np.ones(6), QueryConfig())
    assert found[0].position == 5


def test_things_never_seen_together_in_a_picture() -> None:
    places = PicturePlaces([{0: [0, 0, 10, 10]}, {1: [30, 0, 10, 10]}], [(50, 50), (50, 50)], [0, 1])
    assert holds("left_of", 0, 1, places, QueryConfig()) == 0
    found, notes = rank(parse_question("the red thing on the floor"), None, places, np.ones(2), QueryConfig())
    assert (
        len(found) == 2
        and any("embeddings" in note for note in notes)
        and any("on floor" in note for note in notes)
    )
    assert rank(parse_question("a cup"), None, places, np.ones(0), QueryConfig())[0] == []


def test_relevancy_is_the_smallest_softmax() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(9, 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    pictures, text, canonical = rows[:4], rows[4], rows[5:]
    expected = [
        min(
            np.exp(10 * row @ text) / (np.exp(10 * row @ text) + np.exp(10 * row @ other))
            for other in canonical
        )
        for row in pictures
    ]
    assert np.allclose(relevancy(pictures, text, canonical), expected)
    assert np.allclose(relevancy(np.zeros((1, 16)), text, canonical), 0.5)
    assert len(relevancy(np.zeros((0, 16)), text, canonical)) == 0


def test_boxes_of_several_masks_are_united() -> None:
    rows = [
        {"frame": 0, "bbox_xywh": [0, 0, 2, 2]},
        {"frame": 0, "bbox_xywh": [4, 1, 2, 5]},
        {"frame": 3, "bbox_xywh": [1, 1, 1, 1]},
    ]
    assert {frame: list(map(float, box)) for frame, box in picture_boxes(rows).items()} == {
        0: [0, 0, 6, 6],
        3: [1, 1, 1, 1],
    }
