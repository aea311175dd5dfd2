"""The rooms on which everything is judged: frozen, hard, never trained on; and the other rooms that ship."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.config import load_dataset
from segassets.datasets.rooms import RoomClip, Studio, generate_room
from segassets.datasets.rooms.difficulty import difficulty, first_mask_j, hidden_fraction
from segassets.datasets.rooms.freeze import digests, render_dataset
from segassets.datasets.rooms.layout import FrozenRooms, RoomsOptions
from segassets.datasets.rooms.seeds import EVAL_SEEDS, check_training_seeds
from segassets.datasets.rooms.spec import RoomSpec


def options_of(name: str) -> RoomsOptions:
    return RoomsOptions.model_validate(load_dataset(name).options)


@pytest.fixture(scope="module")
def evaluation() -> tuple[list[RoomClip], FrozenRooms]:
    return render_dataset("rooms_eval", colour=False)


def test_masks_and_depth_are_the_frozen_ones(evaluation: tuple[list[RoomClip], FrozenRooms]) -> None:
    frozen = options_of("rooms_eval").frozen
    assert frozen is not None
    stored, expected = evaluation[1].masks_sha256, frozen.masks_sha256
    assert stored == expected, f"the evaluation rooms changed: stored={stored}, expected={expected}"
    assert evaluation[1].generator_version == frozen.generator_version


def test_a_rooms_pictures_are_the_frozen_ones() -> None:
    options = options_of("rooms_eval")
    studio = Studio(options.room, options.seed_of("room_0003"))
    frames = [studio.frame(t) for t in range(options.room.frames)]
    assert options.frozen is not None
    assert digests(frames)[1] == options.frozen.pictures_sha256["room_0003"]


def test_the_rooms_are_not_easy(evaluation: tuple[list[RoomClip], FrozenRooms]) -> None:
    clips = evaluation[0]
    figures = difficulty(clips)
    assert clips[0].rgb.shape[1:3] == (256, 256) and len(clips[0].rgb) >= 8
    assert figures["objects_min"] >= 6 and figures["objects_max"] <= 12
    assert figures["hidden_fraction"] >= 0.30
    assert figures["first_mask_j"] <= 0.50 and figures["first_mask_j_seen"] <= 0.50
    assert figures["first_mask_objects"] >= 50 and figures["late_objects"] >= 6
    assert figures["useful_size_fraction"] >= 0.5


def test_captions_tell_objects_apart(evaluation: tuple[list[RoomClip], FrozenRooms]) -> None:
    names = [thing.name for clip in evaluation[0] for thing in clip.objects]
    captions = [[thing.caption for thing in clip.objects] for clip in evaluation[0]]
    unique = sum(room.count(words) == 1 for room in captions for words in room)
    assert len(set(names)) >= 15
    assert unique >= 0.8 * len(names)


def test_seeds_are_disjoint() -> None:
    evaluation, training, demo = (options_of(f"rooms_{name}") for name in ("eval", "train", "demo"))
    assert evaluation.purpose == "evaluation" and training.purpose == "training"
    assert evaluation.first_seed in EVAL_SEEDS and evaluation.first_seed + evaluation.count - 1 in EVAL_SEEDS
    check_training_seeds(range(training.first_seed, training.first_seed + training.count))
    assert demo.first_seed not in EVAL_SEEDS
    assert (demo.count, demo.room.frames, demo.room.size_px) == (1, 24, (256, 256))


def test_figures_of_a_scene_that_stands_still() -> None:
    spec = RoomSpec(
        frames=3, size_px=(64, 64), objects_min=6, objects_max=6, moving_fraction=0, late_fraction=0,
        turn_deg=(0, 0), travel_m=(0, 0), jitter_deg=0, camera_modes=("orbit",),
    )  # fmt: skip
    still = generate_room(spec, 2, colour=False)
    np.testing.assert_allclose(first_mask_j(still), 1)
    one = generate_room(spec.model_copy(update={"objects_min": 1, "objects_max": 1}), 2, colour=False)
    assert hidden_fraction([one]) == 0.0
    none = generate_room(spec.model_copy(update={"objects_min": 0, "objects_max": 0, "frames": 1}), 2)
    assert hidden_fraction([none]) == 0.0 and first_mask_j(none).shape == (0,)
    assert hidden_fraction([]) == 0.0
