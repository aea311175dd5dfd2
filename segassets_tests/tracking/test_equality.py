"""The streaming tracker computes what sam2's own video predictor computes, post-processing off on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from segassets.masks import rle
from segassets.masks.schemas import MASKS
from segassets.masks.table import read_table
from segassets.models.registry import load_spec
from segassets.models.sam2.build import build_sam2_network, build_sam2_video_predictor
from segassets.models.sam2.video import Sam2Tracker
from segassets.tracking.config import TrackingConfig
from segassets.tracking.scene import track_scene
from segassets_tests.tracking.scenery import (
    HEIGHT,
    WIDTH,
    Frames,
    candidates,
    moving_square,
    network,
    quick_network,
    square,
)

FRAMES = 30  # more than the 16 pointers and 6 memories the network looks back to


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    folder = tmp_path_factory.mktemp("jpeg")
    for index, picture in enumerate(moving_square(FRAMES)):
        Image.fromarray(picture).save(folder / f"{index:05d}.jpg", quality=95)
    pictures = [np.array(Image.open(folder / f"{index:05d}.jpg")) for index in range(FRAMES)]
    return folder, pictures


def _reference(predictor: Any, folder: Path, frame: int, prompts: list[dict]) -> np.ndarray:
    """Masks (T, N, H, W) of sam2's predictor, forwards from the prompted frame."""
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
    ("weights", "prompt", "objects", "frame"),
    [
        pytest.param("random", "mask", 1, 0, id="one mask"),
        pytest.param("random", "box", 1, 0, id="one box"),
        pytest.param("random", "mask", 3, 0, id="three masks in one batch"),
        pytest.param("random", "mask", 1, 7, id="a mask in the middle"),
        pytest.param("nano", "mask", 3, 0, id="three masks of nano"),
    ],
)
def test_masks_equal_those_of_sam2(
    weights: str,
    prompt: str,
    objects: int,
    frame: int,
    footage: tuple[Path, list[np.ndarray]],
    tmp_path: Path,
) -> None:
    folder, pictures = footage
    predictor, ours = _networks(weights)
    shapes = [square(5, 15), square(40, 30, 12), square(20, 35, 9)][:objects]
    boxes = [np.array([5, 15, 25, 35]), np.array([40, 30, 52, 42])][:objects]
    prompts = [{"mask": mask} for mask in shapes] if prompt == "mask" else [{"box": box} for box in boxes]
    expected = _reference(predictor, folder, frame, prompts)
    found = _tracked(ours, pictures, [(frame, mask) for mask in shapes], prompt, tmp_path)
    _assert_equal(found, expected, frame)


def test_objects_that_come_later_equal_those_of_sam2(
    footage: tuple[Path, list[np.ndarray]], tmp_path: Path
) -> None:
    """Three objects found on three frames; a run that is cut off in between goes on from its chunk."""
    folder, pictures = footage
    predictor, ours = _networks("nano")
    begun = [(0, square(5, 15)), (9, square(40, 30, 12)), (14, square(20, 35, 9))]
    cut = {"chunk_frames": 11}
    with pytest.raises(BrokenPipeError):
        _tracked(ours, pictures, begun, "mask", tmp_path, stop_at=13, **cut)
    found = _tracked(ours, pictures, begun, "mask", tmp_path, **cut)
    for number, (frame, mask) in enumerate(begun):
        expected = _reference(predictor, folder, frame, [{"mask": mask}])
        _assert_equal(found[:, [number]], expected, frame)


def _networks(weights: str) -> tuple[Any, Any]:
    """sam2's own predictor, and the network that the tracker runs, of the same values."""
    if weights == "random":
        return network(), quick_network()
    spec = load_spec("nano")
    return build_sam2_video_predictor(spec), build_sam2_network(spec)


def _tracked(
    network: Any,
    pictures: list[np.ndarray],
    begun: list[tuple[int, np.ndarray]],
    prompt: str,
    folder: Path,
    stop_at: int | None = None,
    **options: Any,
) -> np.ndarray:
    """Masks (T, N, H, W) of the tracking stage; an object found on a later frame supports no other."""

    def progress(done: int, of: int, note: str) -> None:
        if done == stop_at:
            raise BrokenPipeError

    config = {"prompt": prompt, "backward_frames": 0, "retire_after": 100, "iou_threshold": 1.0, **options}
    track_scene(
        Frames(pictures),  # type: ignore[arg-type]
        "a.scene",
        candidates([(frame, mask, {}) for frame, mask in begun]),
        Sam2Tracker(network, FRAMES),
        TrackingConfig.model_validate(config),
        folder / "work",
        folder,
        progress,
    )
    found = np.zeros((FRAMES, len(begun), HEIGHT, WIDTH), bool)
    for row in read_table(folder / "masks.parquet", MASKS).to_pylist():
        found[row["frame"], row["track_id"] - 1] = rle.decode(row["rle_counts"], HEIGHT, WIDTH)
    return found


def _assert_equal(found: np.ndarray, expected: np.ndarray, frame: int) -> None:
    """IoU of .999 on every frame, or one pixel where masks have so few that one is more than that."""
    both, either = (found & expected).sum((2, 3)), (found | expected).sum((2, 3))
    assert either[frame].min() > 50 and either.max() > 100, "the comparison must be of masks, not of nothing"
    assert (either - both <= np.maximum(0.001 * either, 1))[frame:].all()
    assert (both.sum(0) / either.sum(0)).min() >= 0.999


@torch.inference_mode()
def test_objects_step_alike_alone_and_together() -> None:
    pictures = moving_square(22)
    model = Sam2Tracker(quick_network(), 22)
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
    model = Sam2Tracker(quick_network(), 30)
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
