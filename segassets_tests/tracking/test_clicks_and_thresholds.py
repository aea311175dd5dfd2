"""Clicks (with and without a box) against sam2's own predictor; masks at other thresholds than .5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from segassets.masks import rle
from segassets.masks.schemas import MASKS
from segassets.masks.table import read_table
from segassets.models.sam2.video import Sam2Tracker
from segassets.models.streaming import StepOutput
from segassets.tracking.config import TrackingConfig
from segassets.tracking.render import to_masks
from segassets.tracking.scene import track_scene
from segassets_tests.tracking.scenery import HEIGHT, WIDTH, Frames, candidates, moving_square, network, square

FRAMES = 6
SIZE = np.array([WIDTH, HEIGHT], np.float32)
ONE = {"points": [[15, 25]], "labels": [1]}
SEVERAL = {"points": [[15, 25], [20, 30], [60, 50]], "labels": [1, 1, 0]}
WITH_BOX = {"box": [5, 15, 25, 35], "points": [[60, 50]], "labels": [0]}


@pytest.mark.parametrize(
    "prompt",
    [
        pytest.param(ONE, id="one click, of three masks"),
        pytest.param(SEVERAL, id="clicks inside and outside"),
        pytest.param(WITH_BOX, id="a box and a click outside"),
    ],
)
def test_clicks_equal_those_of_sam2(prompt: dict[str, Any], tmp_path: Path) -> None:
    for index, picture in enumerate(moving_square(FRAMES)):
        Image.fromarray(picture).save(tmp_path / f"{index:05d}.jpg", quality=95)
    predictor = network()
    predictor.fill_hole_area = 0
    state = predictor.init_state(str(tmp_path))
    predictor.add_new_points_or_box(
        state, 0, 1, **{name: np.array(values, np.float32) for name, values in prompt.items()}
    )
    expected = [logits[0, 0] for _, _, logits in predictor.propagate_in_video(state)]

    tracker, memory = Sam2Tracker(network(), FRAMES), None
    given = {
        "points_xy": np.array([prompt["points"]], np.float32) / SIZE,
        "labels": np.array([prompt["labels"]]),
    }
    if "box" in prompt:
        given["boxes_xyxy"] = np.array([prompt["box"]], np.float32) / np.tile(SIZE, 2)
    for frame, wanted in enumerate(expected):
        rgb = np.array(Image.open(tmp_path / f"{frame:05d}.jpg"))
        features = tracker.encode(rgb, frame)
        if memory is None:
            memory, output = tracker.found(features, **given)
        else:
            output = tracker.step(features, memory)
        full = F.interpolate(output.logits[:, None], (HEIGHT, WIDTH), mode="bilinear", align_corners=False)[
            0, 0
        ]
        agree = ((full > 0) == (wanted > 0)).float().mean()
        assert agree >= 0.999
        assert (wanted > 0).any(), "the comparison must be of masks, not of nothing"


def test_masks_at_a_threshold_are_those_of_the_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 16, 16, generator=generator) * 2
    output = StepOutput(logits, torch.ones(3), torch.ones(3))
    full = F.interpolate(logits[:, None], (HEIGHT, WIDTH), mode="bilinear", align_corners=False)[:, 0]
    for threshold in (0.2, 0.35, 0.5, 0.8):
        masks = to_masks(output, HEIGHT, WIDTH, threshold=threshold)
        for mask, probability in zip(masks, full.double().sigmoid().numpy(), strict=True):
            assert mask is not None
            np.testing.assert_array_equal(rle.decode(mask.rle_counts, HEIGHT, WIDTH), probability > threshold)
            assert 0 < mask.stability < 1
    assert to_masks(output, HEIGHT, WIDTH) == to_masks(output, HEIGHT, WIDTH, threshold=0.5)


def test_an_unsure_object_is_absent_at_a_high_threshold() -> None:
    unsure = StepOutput(torch.full((1, 8, 8), 0.5), torch.ones(1), torch.ones(1))
    assert to_masks(unsure, HEIGHT, WIDTH, threshold=0.9) == [None]
    below = StepOutput(torch.full((1, 8, 8), -0.5), torch.ones(1), torch.ones(1))
    assert to_masks(below, HEIGHT, WIDTH) == [None]
    found = to_masks(below, HEIGHT, WIDTH, threshold=0.3)[0]
    assert found is not None
    assert found.area == HEIGHT * WIDTH


def test_the_threshold_changes_masks_but_not_what_is_remembered(tmp_path: Path) -> None:
    """Masks at .3 hold those at .5, which hold those at .7, on every frame: the logits below them are the same."""
    pictures, found = moving_square(FRAMES), {}
    for threshold in (0.3, 0.5, 0.7):
        folder = tmp_path / str(threshold)
        folder.mkdir()
        config = TrackingConfig(backward_frames=0, retire_after=100, mask_threshold=threshold)
        track_scene(
            Frames(pictures),  # type: ignore[arg-type]
            "a.scene",
            candidates([(0, square(5, 15), {})]),
            Sam2Tracker(network(), FRAMES),
            config,
            folder / "work",
            folder,
        )
        masks = np.zeros((FRAMES, HEIGHT, WIDTH), bool)
        for row in read_table(folder / "masks.parquet", MASKS).to_pylist():
            masks[row["frame"]] = rle.decode(row["rle_counts"], HEIGHT, WIDTH)
        found[threshold] = masks
    assert (found[0.7] <= found[0.5]).all() and (found[0.5] <= found[0.3]).all()
    assert found[0.3].sum() > found[0.5].sum() > found[0.7].sum() > 0
