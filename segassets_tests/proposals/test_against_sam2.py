"""The same network through sam2's own automatic mask generator and through ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from segassets.masks import rle
from segassets.models.registry import load_spec
from segassets.models.sam2.build import build_sam2_network
from segassets.models.sam2.images import Sam2ImageSegmenter
from segassets.models.spec import RandomSource
from segassets.proposals.config import CandidateConfig
from segassets.proposals.decode import Masks, full_size, prompt_points
from segassets.proposals.regions import grid_points
from segassets_tests.proposals.truth import HEIGHT, WIDTH, picture


@pytest.fixture(scope="module")
def network() -> Any:
    spec = load_spec("nano").model_copy(update={"source": RandomSource(kind="random", seed=3)})
    network = build_sam2_network(spec)
    with torch.no_grad():  # random logits are all near 0: spread them
        for layer in network.sam_mask_decoder.output_hypernetworks_mlps:
            layer.layers[-1].weight.mul_(200)
    return network


def generated_by_sam2(network: Any, box_nms_iou: float, stability: float) -> list[dict]:
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    generator = SAM2AutomaticMaskGenerator(
        network,
        points_per_side=5,
        points_per_batch=8,
        pred_iou_thresh=0.0,
        stability_score_thresh=stability,
        box_nms_thresh=box_nms_iou,
        output_mode="coco_rle",
    )
    side = network.image_size // 16
    generator.predictor._bb_feat_sizes = [(4 * side,) * 2, (2 * side,) * 2, (side,) * 2]  # it assumes 1024 px
    return [record for record in generator.generate(picture()) if record["area"] > 0]


def generated_by_us(network: Any, nms_iou: float, stability: float) -> Masks:
    config = CandidateConfig(
        predicted_iou_threshold=0.0,
        stability_threshold=stability,
        min_region_area=0,
        nms_iou=nms_iou,
        points_per_batch=8,
    )
    segmenter = Sam2ImageSegmenter(network)
    pool = prompt_points(segmenter, segmenter.encode(picture()), grid_points(HEIGHT, WIDTH, 5), config)
    assert pool is not None
    return full_size(pool, HEIGHT, WIDTH, config)


def overlaps(theirs: list[dict], ours: Masks) -> np.ndarray:
    return rle.iou_matrix([item["segmentation"]["counts"] for item in theirs], ours.rle_counts, HEIGHT, WIDTH)


def test_masks_and_scores_are_those_of_sam2s_generator(network):
    theirs, ours = generated_by_sam2(network, 1.0, 0.0), generated_by_us(network, 1.0, 0.0)
    predicted_iou = np.array([item["predicted_iou"] for item in theirs])
    iou = overlaps(theirs, ours)
    match = (iou - np.abs(predicted_iou[:, None] - ours.predicted_iou[None])).argmax(1)
    assert len(theirs) == len(ours.rle_counts) == 75
    assert iou[np.arange(75), match].min() > 0.99  # the picture is resized by two implementations
    np.testing.assert_allclose(ours.predicted_iou[match], predicted_iou, atol=1e-4)
    np.testing.assert_allclose(ours.stability[match], [item["stability_score"] for item in theirs], atol=0.01)


@pytest.mark.parametrize("stability", [0.0, 0.9])
def test_whatever_sam2s_generator_keeps_is_kept_or_stood_for(network, stability):
    theirs, ours = (
        generated_by_sam2(network, 0.7, stability + 0.01),
        generated_by_us(network, 0.75, stability),
    )
    assert theirs
    assert overlaps(theirs, ours).max(1).min() > 0.73
