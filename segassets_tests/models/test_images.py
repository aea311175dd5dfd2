"""The picture segmenter: its contract, and its equality with sam2's own image predictor."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segassets.models.protocols import ImageSegmenter
from segassets.models.sam2.build import build_sam2_network
from segassets.models.sam2.images import Sam2ImageSegmenter
from segassets.models.sam2.tiny import tiny_spec

HEIGHT, WIDTH = 50, 70


@lru_cache(maxsize=1)
def segmenter() -> Sam2ImageSegmenter:
    return Sam2ImageSegmenter(build_sam2_network(tiny_spec()))


# every adapter that calls itself an ImageSegmenter, made tiny and random
SEGMENTERS = [pytest.param(segmenter, id="sam2")]


def picture(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize("make", SEGMENTERS)
@pytest.mark.parametrize(
    ("prompts", "batch", "masks"),
    [
        pytest.param({"points_xy": [[[3, 4]]], "labels": [[1]]}, 1, 3, id="one point"),
        pytest.param(
            {"points_xy": [[[3, 4]], [[69, 49]]], "labels": [[1], [1]]}, 2, 3, id="two single points"
        ),
        pytest.param({"points_xy": [[[3, 4], [9, 9]]], "labels": [[1, 0]]}, 1, 3, id="inside and outside"),
        pytest.param(
            {"boxes_xyxy": [[0, 0, 69, 49]], "multimask": False}, 1, 1, id="a box around everything"
        ),
        pytest.param({"boxes_xyxy": [[5, 5, 5, 5]], "multimask": False}, 1, 1, id="a box of one pixel"),
        pytest.param({"mask_logits": np.zeros((2, 1, 16, 16)), "multimask": False}, 2, 1, id="masks alone"),
    ],
)
def test_contract(make: Any, prompts: dict, batch: int, masks: int) -> None:
    adapter: ImageSegmenter = make()
    logits, predicted_iou = adapter.predict(adapter.encode(picture()), **prompts)
    assert logits.shape[:2] == predicted_iou.shape == (batch, masks)
    assert logits.ndim == 4
    assert logits.dtype == predicted_iou.dtype == torch.float32
    assert torch.isfinite(logits).all()
    assert ((predicted_iou >= 0) & (predicted_iou <= 1)).all()


@pytest.mark.parametrize("make", SEGMENTERS)
def test_a_batch_answers_like_its_members(make: Any) -> None:
    adapter: ImageSegmenter = make()
    encoded = adapter.encode(picture())
    points = np.random.default_rng(1).uniform(0, 50, (5, 1, 2))
    together = adapter.predict(encoded, points, np.ones((5, 1)))[0]
    alone = torch.cat([adapter.predict(encoded, points[[i]], np.ones((1, 1)))[0] for i in range(5)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "hw", [(1, 1), (7, 300), (64, 64)], ids=["one pixel", "a strip", "the network's size"]
)
def test_pictures_of_any_size(hw: tuple[int, int]) -> None:
    encoded = segmenter().encode(picture(*hw))
    logits, _ = segmenter().predict(encoded, [[[0, 0]]], [[1]])
    assert (encoded.height, encoded.width) == hw
    assert torch.isfinite(logits).all()


def test_no_prompt_is_an_error() -> None:
    with pytest.raises(ValueError, match="no prompt"):
        segmenter().predict(segmenter().encode(picture()))


def _sam2_predictor(network: Any) -> Any:
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    predictor = SAM2ImagePredictor(network)
    side = network.image_size // 4
    predictor._bb_feat_sizes = [(side, side), (side // 2, side // 2), (side // 4, side // 4)]
    return predictor


@pytest.mark.parametrize(
    "prompt",
    [
        pytest.param({"point_coords": [[20, 30]], "point_labels": [1]}, id="point"),
        pytest.param({"point_coords": [[20, 30], [60, 10]], "point_labels": [1, 0]}, id="points"),
        pytest.param({"box": [10, 12, 40, 44]}, id="box"),
        pytest.param(
            {"box": [10, 12, 40, 44], "point_coords": [[20, 30]], "point_labels": [0]}, id="box and point"
        ),
        pytest.param({"mask_input": np.full((1, 16, 16), 3.0), "box": [1, 2, 30, 40]}, id="mask and box"),
    ],
)
@pytest.mark.parametrize("multimask", [True, False])
def test_equals_sam2(prompt: dict, multimask: bool) -> None:
    predictor = _sam2_predictor(segmenter().network)
    predictor.set_image(picture())
    arrays = {name: np.asarray(value, np.float32) for name, value in prompt.items()}
    masks, scores, low = predictor.predict(**arrays, multimask_output=multimask)
    encoded = segmenter().encode(picture())
    ours, iou = segmenter().predict(
        encoded,
        None if "point_coords" not in arrays else arrays["point_coords"][None],
        None if "point_labels" not in arrays else arrays["point_labels"][None],
        None if "box" not in arrays else arrays["box"][None],
        None if "mask_input" not in arrays else arrays["mask_input"][None],
        multimask,
    )
    np.testing.assert_allclose(ours[0].numpy(), low, atol=1e-4)
    np.testing.assert_allclose(iou[0].numpy(), scores, atol=1e-5)
    full = F.interpolate(ours, (HEIGHT, WIDTH), mode="bilinear", align_corners=False)[0] > 0
    assert (full.numpy() == masks.astype(bool)).mean() > 0.999


@pytest.mark.parametrize("precision", ["bf16"])
def test_lower_precision_stays_near(precision: str) -> None:
    network = segmenter().network
    exact = segmenter().predict(segmenter().encode(picture()), [[[20, 30]]], [[1]])
    rough_segmenter = Sam2ImageSegmenter(network, precision)
    rough = rough_segmenter.predict(rough_segmenter.encode(picture()), [[[20, 30]]], [[1]])
    assert rough[0].dtype == torch.float32
    torch.testing.assert_close(exact[1], rough[1], atol=0.05, rtol=0.1)
