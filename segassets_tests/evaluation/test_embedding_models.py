"""Captions and the instances they are about: which are judged, and an embedder that knows the truth."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from segassets.evaluation.embedding_models import Claim, Instance, claim_of, judge_scene, judged


@pytest.mark.parametrize(
    ("caption", "category", "claim"),
    [
        ("the small red striped sphere", "sphere", Claim("red", "striped", "sphere")),
        ("the plant in a blue dotted pot", "plant", Claim("blue", "dotted", "plant")),
        ("the colourful tower of blocks", "tower", Claim("colourful", "", "tower")),
        ("the large lamp", "lamp", Claim("", "", "lamp")),
    ],
)
def test_claims(caption: str, category: str, claim: Claim) -> None:
    assert claim_of(caption, category) == claim


def instance(colour: str, pattern: str, category: str, value: int = 0) -> Instance:
    crop = np.full((4, 4, 3), max(value, 1), np.uint8)
    return Instance(f"the {colour} {pattern} {category}", Claim(colour, pattern, category), [crop], [16])


@pytest.mark.parametrize(
    ("instances", "numbers"),
    [
        pytest.param([], [], id="none"),
        pytest.param([instance("red", "", "box")], [], id="alone"),
        pytest.param(
            [instance("red", "", "box"), instance("red", "", "cup"), instance("red", "", "car")],
            [0, 1, 2],
            id="of one colour",
        ),
        pytest.param(
            [instance("red", "", "box"), instance("red", "striped", "box"), instance("red", "", "car")],
            [1, 2],
            id="the red box is also true of the striped one",
        ),
        pytest.param(
            [instance("red", "", "box"), instance("blue", "", "cup"), instance("red", "", "car")],
            [],
            id="one distractor",
        ),
    ],
)
def test_which_captions_are_judged(instances: list[Instance], numbers: list[int]) -> None:
    assert judged(instances) == numbers


class KnowsTheTruth:
    """Embeds a crop as the number of its grey value, a caption as that of its instance."""

    dim, name = 8, "truth"

    def __init__(self, instances: list[Instance]) -> None:
        self.texts = {one.caption: int(one.crops[0][0, 0, 0]) for one in instances}

    def embed_pictures(self, pictures: list[np.ndarray]) -> np.ndarray:
        return np.eye(8, dtype=np.float32)[[int(picture[0, 0, 0]) for picture in pictures]]

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        return np.eye(8, dtype=np.float32)[[self.texts[text] for text in texts]]


def test_who_knows_the_truth_is_always_right() -> None:
    things = [
        instance("red", "", "box", 1),
        instance("red", "", "cup", 2),
        instance("red", "", "car", 3),
        instance("blue", "", "box", 4),
    ]
    hits: dict[str, list[float]] = defaultdict(list)
    judge_scene(things, KnowsTheTruth(things), hits)
    assert hits["value"] == hits["one_view"] == [1, 1, 1] and hits["chance"] == [0.25] * 3
    assert all(0 <= hit <= 1 for hit in hits["colour_histogram"])
