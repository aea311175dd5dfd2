"""Matching and losses of SeqFormer against torchvision, all permutations, and loops."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from torchvision.ops import box_convert, generalized_box_iou, masks_to_boxes, sigmoid_focal_loss

from segassets.errors import BadInput
from segassets.learning.vis_losses import VisWeights, box_losses, category_loss, clip_losses, mask_losses
from segassets.learning.vis_matching import MatchWeights, focal, giou, match_clip, matching_cost
from segassets.learning.vis_targets import ClipTargets, clip_targets
from segassets_tests.models.seqformer.tiny import tiny_network


def random_boxes(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, 4) * 0.5 + 0.05


def random_targets(count: int, frames: int, classes: int = 3) -> ClipTargets:
    present = torch.rand(count, frames) > 0.3
    present[:, 0] = True
    return ClipTargets(
        torch.randint(classes, (count,)), random_boxes(count, frames), present,
        (torch.rand(count, frames, 8, 8) > 0.5).float(), torch.ones(8, 8, dtype=torch.bool),
    )  # fmt: skip


def test_giou_is_torchvisions() -> None:
    torch.manual_seed(0)
    first, second = random_boxes(5), random_boxes(7)
    corners = [box_convert(boxes, "cxcywh", "xyxy") for boxes in (first, second)]
    assert torch.allclose(giou(first[:, None], second[None]), generalized_box_iou(*corners), atol=1e-5)


def test_focal_is_torchvisions() -> None:
    torch.manual_seed(0)
    logits, truth = torch.randn(50) * 4, (torch.rand(50) > 0.7).float()
    assert torch.allclose(focal(logits, truth), sigmoid_focal_loss(logits, truth, 0.25, 2.0), atol=1e-5)


@pytest.mark.parametrize(("queries", "count", "frames"), [(5, 3, 2), (4, 4, 1), (3, 0, 2), (2, 3, 1)])
def test_matching_is_the_cheapest_of_all(queries: int, count: int, frames: int) -> None:
    torch.manual_seed(queries)
    logits, boxes, targets = (
        torch.randn(queries, 3),
        random_boxes(frames, queries),
        random_targets(count, frames),
    )
    cost = matching_cost(logits, boxes, targets, MatchWeights())
    chosen, of = match_clip(logits, boxes, targets, MatchWeights())
    assert len(chosen) == len(of) == min(queries, count)
    few, many = sorted((queries, count))
    wide = cost if queries <= count else cost.T
    best = min(sum(wide[i, p[i]].item() for i in range(few)) for p in permutations(range(many), few))
    assert cost[chosen, of].sum().item() == pytest.approx(best, abs=1e-4)


def test_cost_written_out() -> None:
    torch.manual_seed(3)
    logits, boxes, targets = torch.randn(4, 3), random_boxes(3, 4), random_targets(2, 3)
    found = matching_cost(logits, boxes, targets, MatchWeights(2, 5, 2))
    for q in range(4):
        for m in range(2):
            p = logits[q, targets.categories[m]].sigmoid()
            category = 0.25 * (1 - p) ** 2 * -p.log() - 0.75 * p**2 * -(1 - p).log()
            seen = [t for t in range(3) if targets.present[m, t]]
            l1 = sum((boxes[t, q] - targets.boxes[m, t]).abs().sum() for t in seen) / len(seen)
            overlaps = [
                generalized_box_iou(
                    box_convert(boxes[t, q][None], "cxcywh", "xyxy"),
                    box_convert(targets.boxes[m, t][None], "cxcywh", "xyxy"),
                )[0, 0]
                for t in seen
            ]
            expected = 2 * category + 5 * l1 - 2 * sum(overlaps) / len(seen)
            assert found[q, m].item() == pytest.approx(float(expected), abs=1e-4)


def test_each_set_is_matched_by_itself() -> None:
    torch.manual_seed(4)
    logits, boxes, targets = torch.randn(6, 3), random_boxes(2, 6), random_targets(2, 2)
    chosen, of = match_clip(logits, boxes, targets, MatchWeights(), sets=2)
    alone = match_clip(logits[3:], boxes[:, 3:], targets, MatchWeights())
    assert sorted(chosen[2:].tolist()) == sorted((alone[0] + 3).tolist()) and (chosen[:2] < 3).all()
    assert sorted(of[:2].tolist()) == sorted(of[2:].tolist()) == [0, 1]


def test_a_cost_that_is_no_number_is_named() -> None:
    with pytest.raises(BadInput, match="not a number"):
        match_clip(torch.full((2, 3), float("nan")), random_boxes(1, 2), random_targets(1, 1), MatchWeights())


def test_absent_frames_ask_nothing_of_boxes() -> None:
    torch.manual_seed(5)
    boxes, truth = random_boxes(2, 3), random_boxes(2, 3)
    present = torch.tensor([[True, False, True], [False, False, True]])
    found = box_losses(boxes, truth, present)
    elsewhere = torch.where(present[..., None], truth, torch.zeros(4))  # zero boxes, as other loaders give
    assert found["box"].item() == box_losses(boxes, elsewhere, present)["box"].item()
    by_hand = sum(
        sum((boxes[k, t] - truth[k, t]).abs().sum() for t in range(3) if present[k, t]) / present[k].sum()
        for k in range(2)
    )
    assert found["box"].item() == pytest.approx(float(by_hand), abs=1e-5)
    never = box_losses(boxes, truth, torch.zeros(2, 3, dtype=torch.bool))
    assert never["box"].item() == never["giou"].item() == 0


def test_category_loss_is_torchvisions() -> None:
    torch.manual_seed(6)
    logits = torch.randn(5, 3)
    truth = torch.zeros(5, 3)
    truth[1, 2] = truth[4, 0] = 1
    found = category_loss(logits, torch.tensor([1, 4]), torch.tensor([2, 0]))
    assert found.item() == pytest.approx(sigmoid_focal_loss(logits, truth, 0.25, 2.0, "sum").item(), rel=1e-5)


def test_mask_losses_over_the_tube_without_padding() -> None:
    torch.manual_seed(7)
    logits, truth = torch.randn(2, 3, 4, 6), (torch.rand(2, 3, 4, 6) > 0.5).float()
    valid = torch.zeros(4, 6, dtype=torch.bool)
    valid[:3, :5] = True
    found = mask_losses(logits, truth, valid)
    inner, wanted = logits[:, :, :3, :5], truth[:, :, :3, :5]
    focal_mean = sigmoid_focal_loss(inner, wanted, 0.25, 2.0).mean((1, 2, 3)).sum()
    p = inner.sigmoid()
    dice = sum(1 - (2 * (p[k] * wanted[k]).sum() + 1) / (p[k].sum() + wanted[k].sum() + 1) for k in range(2))
    assert found["mask"].item() == pytest.approx(focal_mean.item(), rel=1e-4)
    assert found["dice"].item() == pytest.approx(float(dice), rel=1e-4)
    logits[:, :, 3:], truth[:, :, 3:] = 50, 0
    assert mask_losses(logits, truth, valid)["dice"].item() == pytest.approx(float(dice), rel=1e-4)


def test_boxes_of_masks_are_torchvisions() -> None:
    masks = torch.zeros(5, 2, 12, 16, dtype=torch.bool)
    masks[0, 0, 2:5, 3:9] = True
    masks[1, 1, 7, 8] = True  # one pixel
    masks[2] = True  # the whole frame
    masks[3, 0, 0, 15] = True  # a corner; instance 4 is nowhere
    targets = clip_targets(masks, torch.zeros(5, dtype=torch.long), padded_hw=(32, 32))
    assert torch.equal(targets.present, masks.any(3).any(2))
    seen = targets.present
    low_high = masks_to_boxes(masks[seen]) + torch.tensor(
        [0.0, 0.0, 1.0, 1.0]
    )  # theirs ends on the last pixel
    expected = box_convert(low_high, "xyxy", "cxcywh") / torch.tensor([16.0, 12.0, 16.0, 12.0])
    assert torch.allclose(targets.boxes[seen], expected)
    assert targets.masks.shape == (5, 2, 8, 8) and targets.valid.sum() == 3 * 4
    assert torch.equal(targets.masks[..., :3, :4].bool(), masks[..., 2::4, 2::4])


@pytest.mark.parametrize(("count", "frames", "sets"), [(2, 2, 1), (0, 1, 1), (1, 3, 2)])
def test_whole_loss_is_finite_and_teaches(count: int, frames: int, sets: int) -> None:
    network = tiny_network()
    encoded = network.encode(torch.randn(frames, 3, 32, 32))
    own = network.queries.weight
    outputs = network.decode(encoded, 1, own.repeat(sets, 1), sets)
    parts = clip_losses(network, encoded, outputs, [random_targets(count, frames)], VisWeights(), sets)
    assert set(parts) == {"category", "box", "giou", "mask", "dice"}
    total = torch.stack(list(parts.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)
    if count == 0:
        assert parts["box"].item() == parts["mask"].item() == 0 and parts["category"].item() > 0
