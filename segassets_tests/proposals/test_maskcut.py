"""MaskCut: the eigenvector against a dense solver, the rule of the foreground, whole pictures, pictures of nothing."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from segassets.errors import BadInput
from segassets.masks import rle
from segassets.proposals.guided import Guide
from segassets.proposals.maskcut import maskcut, maskcut_candidates
from segassets.proposals.maskcut_eigen import UNLIKE, alike, second_eigenvector, unit_rows
from segassets.proposals.maskcut_rule import contrast, foreground, token_masks
from segassets.proposals.pseudo_config import MaskCutConfig


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def ellipse(shape, y, x, tall, wide) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return ((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2 <= 1


def grid(labels: np.ndarray, noise: float, seed: int = 0, channels: int = 48) -> np.ndarray:
    """Features of a label map: a direction of its own for each label, with noise."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.standard_normal((channels, channels)))[0][: labels.max() + 1]
    return directions[labels] * 3 + noise * rng.standard_normal((*labels.shape, channels))


def scene(shape=(24, 30)) -> np.ndarray:
    labels = np.zeros(shape, int)
    labels[ellipse(shape, 8, 8, 4, 5)] = 1
    labels[ellipse(shape, 15, 22, 5, 4)] = 2
    return labels


@pytest.mark.parametrize(("noise", "seed"), [(0.1, 0), (0.5, 1), (0.8, 2)])
def test_the_eigenvector_of_a_dense_solver(noise, seed):
    features = unit_rows(grid(scene(), noise, seed).reshape(-1, 48))
    graph = alike(features, 0.15)
    affinity = np.where(graph > 0, 1.0, UNLIKE)
    degree = np.diag(affinity.sum(1))
    values, vectors = scipy.linalg.eigh(degree - affinity, degree, subset_by_index=[1, 1])
    found = second_eigenvector(graph)
    assert found.value == pytest.approx(values[0], abs=1e-4)
    ours, theirs = found.vector, vectors[:, 0]
    assert abs(np.corrcoef(ours, theirs)[0, 1]) > 0.9999
    ours = ours * np.sign(ours @ theirs)
    assert iou(ours > ours.mean(), theirs > theirs.mean()) >= 0.99


def test_the_same_seed_gives_the_same_vector():
    graph = alike(unit_rows(grid(scene(), 0.5).reshape(-1, 48)), 0.15)
    assert np.array_equal(second_eigenvector(graph).vector, second_eigenvector(graph).vector)


def test_objects_one_after_the_other():
    labels = scene()
    found = token_masks(grid(labels, 0.4), count=3)
    assert [max(iou(item.mask, labels == label) for item in found) > 0.95 for label in (1, 2)] == [True, True]
    assert all(item.mask[item.seed] for item in found)
    assert found[0].score > 0.5


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("inside", [0.2, 5.0])
def test_the_side_of_the_object(sign, inside):
    """Whatever the sign and the size of the values, the background with its corners is not taken."""
    shape = (12, 16)
    mask = ellipse(shape, 6, 8, 3, 4)
    found, seed = foreground(sign * np.where(mask, inside, -0.1))
    assert np.array_equal(found, mask) and mask[seed]


def test_only_the_part_with_the_seed_is_kept():
    vector = np.full((10, 20), -1.0)
    vector[2:5, 2:5] = 3
    vector[6:9, 12:18] = 2
    assert foreground(vector)[0].sum() == 9


@pytest.mark.parametrize(
    "features",
    [np.zeros((12, 12, 8)), np.ones((12, 12, 8)), np.ones((1, 1, 8)), np.ones((2, 1, 8))],
    ids=["zeros", "flat", "one token", "two tokens"],
)
def test_nothing_to_cut(features):
    assert all(item.mask.mean() < 0.02 for item in token_masks(features))


def test_the_score_tells_noise_from_objects():
    noise = np.random.default_rng(0).standard_normal((20, 20, 64))
    rgb, _, features = picture()
    of_noise = [item.score for item in maskcut(np.zeros((80, 80, 3), np.uint8), Fixed(noise))]
    assert max(of_noise, default=0) < 0.25 < 0.5 < min(item.score for item in maskcut(rgb, Fixed(features)))


def test_contrast():
    unit = unit_rows(np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]]))
    assert contrast(unit, np.array([True, True, False, False])) == pytest.approx(1)
    assert contrast(unit, np.array([True, False, False, False])) == pytest.approx(2 / 3)
    assert contrast(unit, np.ones(4, bool)) == 0


class Fixed:
    """The same features whatever the picture."""

    def __init__(self, features: np.ndarray) -> None:
        self.grid = features

    def features(self, rgb: np.ndarray) -> np.ndarray:
        return self.grid


def picture(shape=(180, 240)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A noisy picture of two things, its label map, and coarse features of it."""
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, int)
    labels[ellipse(shape, 60, 70, 34, 44)] = 1
    labels[ellipse(shape, 120, 180, 40, 30)] = 2
    colours = np.array([[90, 120, 90], [200, 60, 50], [40, 60, 190]])
    rgb = np.clip(colours[labels] + rng.normal(0, 6, (*shape, 3)), 0, 255).astype(np.uint8)
    coarse = labels[4::8, 4::8]
    return rgb, labels, grid(coarse, 0.4)


def test_masks_of_a_picture_follow_its_edges():
    rgb, labels, features = picture()
    found = maskcut(rgb, Fixed(features))
    assert len(found) == 2
    for label in (1, 2):
        coarse = np.kron(labels[4::8, 4::8] == label, np.ones((8, 8), bool))[:180, :240]
        best = max(iou(item.mask, labels == label) for item in found)
        assert best > 0.97
        assert best > iou(np.pad(coarse, ((0, 180 - len(coarse)), (0, 0))), labels == label)
    assert not (found[0].mask & found[1].mask).any()
    assert all(0 < item.score <= item.agreement <= 1 for item in found)


def test_a_picture_larger_than_the_working_size():
    rgb, labels, features = picture()
    large = np.kron(rgb, np.ones((3, 3, 1), np.uint8))
    found = maskcut(large, Fixed(features), MaskCutConfig(working_side=240))
    wanted = np.kron(labels == 1, np.ones((3, 3), bool))
    assert max(iou(item.mask, wanted) for item in found) > 0.96


@pytest.mark.parametrize(
    ("config", "count"), [({"masks": 1}, 1), ({"min_area": 0.2}, 0), ({"min_score": 0.99}, 0), ({"max_cut": 1e-6}, 0)]
)  # fmt: skip
def test_settings(config, count):
    rgb, _, features = picture()
    assert len(maskcut(rgb, Fixed(features), MaskCutConfig(**config))) == count


@pytest.mark.parametrize("features", [np.ones((4, 4)), np.ones((0, 4, 2)), np.full((4, 4, 2), np.nan)])
def test_features_that_are_none_are_refused(features):
    with pytest.raises(BadInput, match="expected finite features"):
        maskcut(np.zeros((8, 8, 3), np.uint8), Fixed(features))


def test_candidates_of_a_picture():
    rgb, labels, features = picture()
    found = maskcut_candidates(rgb, Fixed(features), MaskCutConfig())
    masks = maskcut(rgb, Fixed(features))
    assert found.score == pytest.approx([item.score for item in masks])
    assert found.stability == pytest.approx([item.agreement for item in masks])
    first = rle.decode(found.rle_counts[0], *labels.shape)
    assert max(iou(first, labels == label) for label in (1, 2)) > 0.97
    assert len(maskcut_candidates(rgb, Fixed(np.ones((4, 4, 2))), MaskCutConfig())) == 0


def test_the_guide_moves_a_mask_to_the_edge():
    rgb, labels, _ = picture()
    wanted = labels == 1
    soft = np.roll(wanted, (4, 5), (0, 1)).astype(np.float32)
    fitted = Guide(rgb, 10).fit(soft) > 0.5
    assert iou(fitted, wanted) > iou(soft > 0.5, wanted) + 0.1


def test_features_of_a_segmenter_with_enough_tokens():
    from segassets.models.sam2.build import build_sam2_network
    from segassets.models.sam2.images import Sam2ImageSegmenter
    from segassets.models.sam2.tiny import tiny_spec
    from segassets.models.token_features import EncoderTokens

    segmenter = Sam2ImageSegmenter(build_sam2_network(tiny_spec(), "cpu"))
    rgb = picture()[0]
    found = EncoderTokens(segmenter, min_tokens=30, colour=False)
    assert found.description == "encoder features (learned with supervision)"
    plain = found.features(rgb)
    assert min(plain.shape[:2]) >= 30 and abs(plain.mean((0, 1))).max() < 1e-4
    both = EncoderTokens(segmenter, min_tokens=30).features(rgb)
    assert both.shape[:2] == plain.shape[:2] and both.shape[2] == plain.shape[2] + 3
    assert np.allclose(np.linalg.norm(both[..., -3:], axis=-1), 1, atol=1e-3)


def test_what_holds_much_of_the_border_is_background():
    """Two bands from edge to edge and one thing off the border: the thing alone is an object."""
    labels = np.zeros((24, 30), int)
    labels[12:] = 1
    labels[ellipse(labels.shape, 11, 14, 4, 5)] = 2
    features = grid(labels, 0.3)
    found = token_masks(features, count=3, max_border=0.3)
    assert len(found) == 1 and iou(found[0].mask, labels == 2) > 0.8
    assert len(token_masks(features, count=3)) > 1  # the published rule takes a band as well
    assert token_masks(np.ones((8, 8, 3)), count=3, max_border=0.3) == []
    assert token_masks(np.ones((1, 2, 3)), count=3, max_border=0.3) == []
