"""What the small SAM2 learns from: samples, prompts, truths, losses; and that a step on each teaches."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from segassets.datasets.rooms import RoomSpec, generate_room
from segassets.datasets.rooms.seeds import EVAL_SEEDS
from segassets.errors import BadConfig
from segassets.learning import promptable, promptable_steps
from segassets.learning.promptable_check import quick_figures
from segassets.learning.promptable_start import align_prompts_with_places, set_picture_size
from segassets.learning.render_rooms import SURFACES, render_clips, training_arrays
from segassets.learning.room_clips import Clip, ClipPool, draw_sample
from segassets.models.sam2.build import build_sam2_network
from segassets.models.sam2.tiny import tiny_spec

SIZE = 64


@lru_cache(maxsize=1)
def _clip() -> Clip:
    spec = RoomSpec.model_validate(
        {"frames": 4, "size_px": (SIZE, SIZE), "antialias": False, "objects_min": 6}
    )
    return Clip(**training_arrays(generate_room(spec, 3)))


def _pool() -> ClipPool:
    return ClipPool(Path(), clips=[_clip()])


def _labels(frames: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    sample = draw_sample(_pool(), np.random.default_rng(0), frames, SIZE, augment=False)
    return sample.objects, sample.parts


def test_every_pixel_of_a_room_has_a_surface_or_a_part() -> None:
    clip = _clip()
    assert ((clip.parts >= 1) & (clip.parts <= SURFACES) == (clip.objects == 0)).all()
    for part in np.unique(clip.parts[clip.objects > 0]):
        assert len(np.unique(clip.objects[clip.parts == part])) == 1


def test_clips_are_rendered_once_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = RoomSpec.model_validate({"frames": 2, "size_px": (32, 32), "antialias": False, "objects_max": 6})
    monkeypatch.setattr("segassets.learning.render_rooms.training_spec", lambda seed: spec)
    render_clips(tmp_path, range(2))
    first = (tmp_path / "0000000.npz").stat().st_mtime_ns
    pool = ClipPool(tmp_path)
    assert pool.refresh() == 2
    render_clips(tmp_path, range(3))
    assert pool.refresh() == 3
    assert (tmp_path / "0000000.npz").stat().st_mtime_ns == first
    with pytest.raises(BadConfig, match="evaluation"):
        render_clips(tmp_path, [EVAL_SEEDS.start])


def test_samples_come_from_the_seed() -> None:
    samples = [draw_sample(_pool(), np.random.default_rng(seed), 2, SIZE) for seed in (4, 4, 5)]
    assert samples[0].image.shape == (2, 3, SIZE, SIZE)
    assert samples[0].parts.shape == samples[0].objects.shape == (2, SIZE, SIZE)
    assert torch.equal(samples[0].image, samples[1].image)
    assert not torch.equal(samples[0].image, samples[2].image)


def test_prompts_lie_on_what_they_stand_for() -> None:
    objects, parts = _labels()
    groups = promptable.draw_prompts(objects, parts, 24, np.random.default_rng(1))
    assert set(groups) == {"point", "box", "mask"}
    assert sum(len(prompts.image) for prompts in groups.values()) == 24
    points = groups["point"]
    for (x, y), whole, part in zip(
        points.points_xy[:, 0].long().tolist(), points.whole, points.part, strict=True
    ):
        assert part[y // 4, x // 4] > 0
        assert (whole >= part).all()
    for name in ("box", "mask"):
        assert torch.equal(groups[name].whole, groups[name].part)
    assert (groups["box"].labels == torch.tensor([2.0, 3.0])).all()
    assert groups["mask"].mask_logits.shape[1:] == (1, SIZE // 4, SIZE // 4)


def test_background_is_prompted_by_its_surfaces() -> None:
    objects, parts = _labels()
    y, x = (int(v[0]) for v in torch.where(objects[0] == 0))
    whole, part = promptable.masks_at(objects[0], parts[0], y, x)
    assert torch.equal(whole, part)
    assert bool(whole[y, x])
    assert not whole.all()


@pytest.mark.parametrize(
    ("mask", "box"),
    [
        pytest.param(
            torch.eye(4).bool()[:1] & torch.tensor([True, False, False, False]), [0, 0, 0, 0], id="one pixel"
        ),
        pytest.param(torch.ones(3, 5).bool(), [0, 0, 4, 2], id="full frame"),
    ],
)
def test_box_of(mask: torch.Tensor, box: list[int]) -> None:
    assert promptable.box_of(mask).tolist() == box


def test_costs_and_ious() -> None:
    truth = torch.zeros(3, 16, 16)
    truth[0, 4:9, 4:9] = 1
    truth[1] = 1
    logits = torch.where(truth > 0, 20.0, -20.0)
    assert promptable.mask_cost(logits, truth).max() < 0.01
    assert promptable.mask_cost(-logits, truth)[:2].min() > 3
    assert promptable.grid_iou(logits, truth).tolist() == [1, 1, 0]
    assert promptable.grid_iou(-logits, truth)[0] == 0
    half = truth.clone()
    half[1, 8:] = 0
    assert promptable.grid_iou(logits, half)[1] == pytest.approx(0.5)


def test_tokens_learn_part_and_whole() -> None:
    whole, part = torch.zeros(1, 16, 16), torch.zeros(1, 16, 16)
    whole[:, 2:12, 2:12], part[:, 2:6, 2:6] = 1, 1
    tell = lambda *masks: torch.stack([torch.where(m[0] > 0, 20.0, -20.0) for m in masks])[None]  # noqa: E731
    sure = torch.ones(1, 4)
    meant = promptable.token_loss(tell(whole, part, part, whole), sure, whole, part)
    also_meant = promptable.token_loss(tell(whole, part, whole, whole), sure, whole, part)
    swapped = promptable.token_loss(tell(part, whole, part, part), sure, whole, part)
    assert meant == pytest.approx(0, abs=0.01)
    assert also_meant == pytest.approx(0, abs=0.01)
    assert swapped > 1


def test_targets_are_seen_first_and_enough() -> None:
    objects, parts = _labels(frames=3)
    targets = promptable_steps.draw_targets(objects[None], parts[None], 5, np.random.default_rng(0))
    assert targets.masks.shape == (5, 3, SIZE, SIZE)
    assert (targets.masks[:, 0].flatten(1).sum(1) >= promptable.MIN_AREA_PX).all()
    many = promptable_steps.draw_targets(objects[None], parts[None], 99, np.random.default_rng(0))
    assert len(many.clip) == 99


@pytest.mark.parametrize("from_box", [False, True], ids=["from masks", "from boxes"])
def test_steps_teach(from_box: bool) -> None:
    """On one sample the loss falls, and gradients reach memory and encoder."""
    torch.manual_seed(0)
    network = build_sam2_network(tiny_spec()).train().requires_grad_(True)
    align_prompts_with_places(network)
    sample = draw_sample(_pool(), np.random.default_rng(0), 3, SIZE, augment=False)
    targets = promptable_steps.draw_targets(
        sample.objects[None], sample.parts[None], 3, np.random.default_rng(0)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        rng = np.random.default_rng(0)
        features = promptable_steps.encode(network, sample.image)
        tracking, overlap = promptable_steps.clip_loss(network, features, targets, rng, 0.5, from_box)
        pictures = promptable_steps.picture_loss(
            network, features, sample.objects, sample.parts, 6, rng, True
        )
        optimizer.zero_grad()
        (tracking + pictures).backward()
        optimizer.step()
        losses.append(float((tracking + pictures).detach()))
        assert 0 <= overlap <= 1
    assert losses[-1] < 0.8 * losses[0]
    for name in (
        "memory_encoder.out_proj.weight",
        "image_encoder.trunk.patch_embed.proj.weight",
        "maskmem_tpos_enc",
    ):
        assert network.get_parameter(name).grad.abs().sum() > 0


def test_checks_at_any_picture_size() -> None:
    network = build_sam2_network(tiny_spec(seed=9))
    for size in (32, 96):
        set_picture_size(network, size)
        figures = quick_figures(network, [_clip()], size, frames=2)
        assert set(figures) == {"point", "point_best", "box", "track"}
        assert all(0 <= value <= 1 for value in figures.values())


def test_aligned_prompts_look_at_their_place() -> None:
    network = build_sam2_network(tiny_spec(seed=9))
    align_prompts_with_places(network)
    prompts, side = network.sam_prompt_encoder, network.sam_image_embedding_size
    attention = network.sam_mask_decoder.transformer.layers[0].cross_attn_token_to_image
    places = prompts.get_dense_pe().flatten(2).transpose(1, 2)
    point = prompts.pe_layer.forward_with_coords(torch.tensor([[[24.5, 40.5]]]), (SIZE, SIZE))
    scores = (attention.q_proj(point) @ attention.k_proj(places).transpose(1, 2)).view(side, side)
    y, x = divmod(int(scores.argmax()), side)
    assert abs(y - 40 // 16) <= 1
    assert abs(x - 24 // 16) <= 1
