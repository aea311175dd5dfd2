"""Prompts from masks: what is shown, how noise disturbs it, and that a seed decides all of it."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.errors import BadInput
from segassets.evaluation.noise import noisy_box, noisy_mask, noisy_points, radius_px
from segassets.evaluation.pairs import pair_iou
from segassets.evaluation.prompting import (
    grid_points,
    make_prompt,
    negative_points,
    seeded,
    split_components,
)
from segassets.evaluation.prompts import EvalPrompts, EvaluationConfig
from segassets.evaluation.trivial import centre_most
from segassets_tests.evaluation.footage import HEIGHT, WIDTH, disc

ONE_PIXEL, FULL = disc(20, 15, 0), np.ones((HEIGHT, WIDTH), bool)
MASKS = [
    pytest.param(disc(25, 18, 9), id="a disc"),
    pytest.param(ONE_PIXEL, id="one pixel"),
    pytest.param(FULL, id="the full frame"),
    pytest.param(disc(0, 0, 6), id="in a corner"),
    pytest.param(disc(30, 20, 12) & ~disc(30, 20, 9), id="a ring"),
]


def random(seed: int = 0) -> np.random.Generator:
    return seeded(seed, "a.b", 0, 1)


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("kind", ["point", "box", "mask", "mixed"])
def test_every_prompt_is_sound(kind: str, mask: np.ndarray, noisy: bool) -> None:
    config = EvalPrompts(type=kind, num_points=3, num_negative_points=2, noisy=noisy, noise_intensity=0.5)  # type: ignore[arg-type]
    for seed in range(10):
        prompt = make_prompt(mask, config, random(seed))
        x, y = prompt.points_xy.T
        assert ((x >= 0) & (x < WIDTH) & (y >= 0) & (y < HEIGHT)).all()
        assert len(prompt.labels) == len(x)
        if prompt.kind == "mask":
            assert prompt.mask is not None and prompt.mask.any()
            assert prompt.mask.shape == mask.shape
        elif prompt.kind == "box":
            x0, y0, x1, y1 = prompt.box_xyxy or (0, 0, 0, 0)
            assert x0 >= 0 and x0 + 1 <= x1 <= WIDTH and y0 >= 0 and y0 + 1 <= y1 <= HEIGHT
            assert not prompt.labels.any()
        else:
            assert (prompt.labels == 1).sum() == 3
        if not noisy:
            pixels = prompt.points_xy.astype(int)
            np.testing.assert_array_equal(mask[pixels[:, 1], pixels[:, 0]], prompt.labels == 1)
        assert (prompt.labels == 0).sum() == (0 if mask.all() or prompt.kind == "mask" else 2)


def test_the_centre_comes_first() -> None:
    mask = disc(25, 18, 9)
    with_centre = make_prompt(mask, EvalPrompts(type="point", num_points=2), random())
    np.testing.assert_array_equal(with_centre.points_xy[0], centre_most(mask))
    config = EvalPrompts(type="point", num_points=2, include_center=False)
    drawn = {tuple(make_prompt(mask, config, random(seed)).points_xy[0]) for seed in range(9)}
    assert len(drawn) > 5


@pytest.mark.parametrize("mask", MASKS)
def test_an_exact_box_and_mask(mask: np.ndarray) -> None:
    box = make_prompt(mask, EvalPrompts(type="box"), random()).box_xyxy
    rows, columns = np.nonzero(mask)
    assert box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_array_equal(make_prompt(mask, EvalPrompts(type="mask"), random()).mask, mask)


def test_the_same_seed_shows_the_same() -> None:
    config = EvalPrompts(type="mixed", num_points=4, noisy=True)
    mask = disc(25, 18, 9)

    def shown(seed: int, scene: str = "a.b", object_id: int = 1) -> str:
        return str(make_prompt(mask, config, seeded(seed, scene, 0, object_id)))

    assert shown(0) == shown(0)
    assert len({shown(0), shown(1), shown(0, scene="a.c"), shown(0, object_id=2), shown(0, object_id=-2)}) > 3


def test_mixed_shows_every_kind() -> None:
    kinds = {make_prompt(disc(25, 18, 9), EvalPrompts(type="mixed"), random(seed)).kind for seed in range(40)}
    assert kinds == {"point", "box", "mask"}
    only = EvalPrompts(type="mixed", mixed=["box"])
    assert {make_prompt(disc(25, 18, 9), only, random(seed)).kind for seed in range(9)} == {"box"}


@pytest.mark.parametrize("spacing", [1, 4, 9, 100])
def test_grid_points_lie_in_the_object(spacing: int) -> None:
    mask = disc(25, 18, 9)
    points = grid_points(mask, spacing).astype(int)
    assert mask[points[:, 1], points[:, 0]].all()
    assert len(np.unique(points, axis=0)) == len(points)
    if spacing == 1:
        assert len(points) == mask.sum()
    elif len(points) > 1:
        steps = np.diff(np.unique(points[:, 0]))
        assert (steps % spacing == 0).all()
    shown = make_prompt(mask, EvalPrompts(type="point", grid_spacing_px=spacing), random())
    assert len(shown.points_xy) == max(len(points), 1), "the centre stands in for an empty grid"


def test_negative_points_are_near() -> None:
    mask = disc(25, 18, 6)
    for x, y in negative_points(mask, 30, random()).astype(int):
        assert not mask[y, x]
        assert abs(x - 25) <= 13 and abs(y - 18) <= 13


@pytest.mark.parametrize("intensity", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("kind", ["shift", "scale", "shift_scale", "rotate"])
def test_box_noise(kind: str, intensity: float) -> None:
    box = (20.0, 10.0, 40.0, 20.0)
    for seed in range(20):
        x0, y0, x1, y1 = noisy_box(box, kind, intensity, (200, 200), random(seed))
        if kind == "shift":
            assert (x1 - x0, y1 - y0) == pytest.approx((20, 10))
            assert abs(x0 - 20) <= 20 * intensity + 1e-9 and abs(y0 - 10) <= 10 * intensity + 1e-9
        if kind == "scale":
            assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((30, 15))
            assert abs(x1 - x0 - 20) <= 20 * intensity + 1e-9
        if kind == "rotate":
            assert (x1 - x0 + y1 - y0) >= 30 - 1e-9, "the box around a turned box is no smaller"
        if intensity == 0:
            assert (x0, y0, x1, y1) == pytest.approx(box)


@pytest.mark.parametrize("kind", ["dilate", "erode", "either"])
def test_mask_noise(kind: str) -> None:
    mask = disc(30, 20, 10)
    for seed in range(20):
        changed = noisy_mask(mask, kind, 0.3, random(seed))
        grew, shrank = (changed & ~mask).any(), (mask & ~changed).any()
        assert grew != shrank
        assert (kind == "erode") <= shrank and (kind == "dilate") <= grew
        assert pair_iou(changed, mask) > 0.3
    np.testing.assert_array_equal(noisy_mask(mask, kind, 0.0, random()), mask)
    assert noisy_mask(ONE_PIXEL, kind, 1.0, random()).any()


def test_point_noise_stays_within_its_bounds() -> None:
    mask, points = disc(30, 20, 10), np.array([[30.0, 20.0]])
    moved = np.concatenate([noisy_points(points, mask, 0.5, random(seed)) for seed in range(50)])
    assert np.abs(moved - points).max() <= 0.5 * radius_px(mask)
    assert np.abs(moved - points).max() > 1


def test_components_after_opening() -> None:
    two = disc(12, 12, 6) | disc(45, 25, 8)
    bridged = two.copy()
    bridged[18:20, 12:45] = True  # thinner than the opening
    parts = split_components(bridged)
    assert len(parts) == 2
    assert pair_iou(np.logical_or.reduce(parts), two) > 0.9
    thin = np.zeros_like(two)
    thin[5, 3:50] = True
    assert len(split_components(thin)) == 1, "a mask that the opening would empty is prompted as it is"


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(BadInput, match="at least one pixel"):
        make_prompt(np.zeros((4, 4), bool), EvalPrompts(), random())


@pytest.mark.parametrize("thresholds", [[], [0.5, 0.5], [0.8, 0.2], [0.0, 0.5], [1.0]])
def test_a_grid_must_ascend(thresholds: list[float]) -> None:
    with pytest.raises(ValueError, match=r"ascending|at least 1"):
        EvaluationConfig(thresholds=thresholds)
