"""The streaming tracker computes what sam2's own video predictor computes, post-processing off on both sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segassets.masks import rle
from segassets.masks.schemas import MASKS
from segassets.masks.table import read_table
from segassets.models.sam2.video import Sam2Tracker
from segassets.tracking.config import TrackingConfig
from segassets.tracking.scene import track_scene
from segassets_tests.tracking.scenery import HEIGHT, WIDTH, Frames, candidates, moving_square, network, square

FRAMES = 30  # more than the 16 pointers and 6 memories the network looks back to


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    folder = tmp_path_factory.mktemp("jpeg")
    for index, picture in enumerate(moving_square(FRAMES)):
        Image.fromarray(picture).save(folder / f"{index:05d}.jpg", quality=95)
    pictures = [np.array(Image.open(folder / f"{index:05d}.jpg")) for index in range(FRAMES)]
    return folder, pictures


def _reference(folder: Path, frame: int, prompts: list[dict]) -> np.ndarray:
    """Masks (T, N, H, W) of sam2's predictor, forwards from the prompted frame."""
    predictor = network()
    predictor.fill_hole_area = 0
    state = predictor.init_state(str(folder))
    for index, prompt in enumerate(prompts):
        add = predictor.add_new_mask if "mask" in prompt else predictor.add_new_points_or_box
        add(state, frame, index + 1, **prompt)
    found = np.zeros((FRAMES, len(prompts), HEIGHT, WIDTH), bool)
    for at, _, logits in predictor.propagate_in_video(state, start_frame_idx=frame):
        found[at] = (logits[:, 0] > 0).numpy()
    return found


@pytest.mark.parametrize(
    ("prompt", "objects", "frame"),
    [
        pytest.param("mask", 1, 0, id="one mask"),
        pytest.param("box", 1, 0, id="one box"),
        pytest.param("mask", 3, 0, id="three masks in one batch"),
        pytest.param("mask", 1, 7, id="a mask in the middle"),
    ],
)
def test_masks_equal_those_of_sam2(
    prompt: str, objects: int, frame: int, footage: tuple[Path, list[np.ndarray]], tmp_path: Path
) -> None:
    folder, pictures = footage
    shapes = [square(5, 15), square(40, 30, 12), square(20, 35, 9)][:objects]
    boxes = [np.array([5, 15, 25, 35]), np.array([40, 30, 52, 42])][:objects]
    expected = _reference(
        folder, frame, [{"mask": m} for m in shapes] if prompt == "mask" else [{"box": b} for b in boxes]
    )
    result = track_scene(
        Frames(pictures),  # type: ignore[arg-type]
        "a.scene",
        candidates([(frame, mask, {}) for mask in shapes]),
        Sam2Tracker(network(), FRAMES),
        TrackingConfig(prompt=prompt, backward_frames=0, retire_after=100),  # type: ignore[arg-type]
        tmp_path / "work",
        tmp_path,
    )
    assert result.stats["founded"] == objects
    ours = np.zeros_like(expected)
    for row in read_table(tmp_path / "masks.parquet", MASKS).to_pylist():
        ours[row["frame"], row["track_id"] - 1] = rle.decode(row["rle_counts"], HEIGHT, WIDTH)
    both = (ours & expected).sum((2, 3))
    either = (ours | expected).sum((2, 3))
    assert either[frame:].min() > 50, "the comparison must be of masks, not of nothing"
    assert (both[frame:] / either[frame:]).min() >= 0.999


@torch.inference_mode()
def test_objects_step_alike_alone_and_together() -> None:
    pictures = moving_square(22)
    model = Sam2Tracker(network(), 22)
    features = [model.encode(picture, index) for index, picture in enumerate(pictures)]
    masks = np.stack([square(5, 15), square(40, 30, 12)])
    together, _ = model.found(features[0], masks=masks)
    alone = [model.found(features[0], masks=mask[None])[0] for mask in masks]
    for feature in features[1:]:
        both = model.step(feature, together).logits
        each = torch.cat([model.step(feature, memory).logits for memory in alone])
        assert torch.allclose(both, each, atol=1e-3)
    merged = model.merge(alone)
    assert merged.is_full and len(merged) == 2


@torch.inference_mode()
def test_objects_of_different_age_step_alike_once_merged() -> None:
    pictures = moving_square(30)
    model = Sam2Tracker(network(), 30)
    features = [model.encode(picture, index) for index, picture in enumerate(pictures)]
    old, _ = model.found(features[0], masks=square(5, 15)[None])
    for feature in features[1:10]:
        model.step(feature, old)
    young, _ = model.found(features[9], masks=square(40, 30, 12)[None])
    for feature in features[10:26]:
        model.step(feature, old)
        model.step(feature, young)
    merged = model.merge([old.select([0]), young.select([0])])
    for feature in features[26:]:
        each = torch.cat([model.step(feature, old).logits, model.step(feature, young).logits])
        assert torch.allclose(model.step(feature, merged).logits, each, atol=1e-3)
