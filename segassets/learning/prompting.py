"""First prompts drawn from the true masks: points, boxes, masks, as many and as noisy as the experiment says.

Masks are bool (B, 1, H, W); coordinates (B, P, 2) are x, y in px of the network's input; labels (B, P) int32:
1 inside, 0 outside, 2 and 3 the corners of a box, -1 nothing. An object that is absent from the frame gets one
point outside it, as sam2's own sampler gives.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from segassets.learning.training_config import PromptConfig
from segassets.models.sam2.instantiate import prepare_sam2

prepare_sam2()

from sam2.modeling.sam2_utils import sample_box_points, sample_one_point_from_error_center  # noqa: E402

Points = dict[str, torch.Tensor]


def draw_points(masks: torch.Tensor, config: PromptConfig, center: bool = False) -> Points:
    """`config.points` inside and `config.negative_points` outside each object.

    Args:
        center: the first point is the deepest one, even where the config does not say so.
    """
    inside, inside_labels = _uniform(masks, config.points, 1)
    if config.include_center or center:
        deepest, _ = sample_one_point_from_error_center(masks, None)
        inside = torch.cat([deepest, inside[:, 1:]], dim=1)
    if config.negative_points:
        outside, outside_labels = _uniform(_surroundings(masks), config.negative_points, 0)
        inside, inside_labels = torch.cat([inside, outside], 1), torch.cat([inside_labels, outside_labels], 1)
    return _absent_outside(masks, inside, inside_labels)


def draw_boxes(masks: torch.Tensor, config: PromptConfig) -> Points:
    """Each object's box as two corners, moved by the noise of the config."""
    corners, labels = sample_box_points(masks, config.box_noise, config.box_noise_px)
    return _absent_outside(masks, corners.float(), labels.to(torch.int32))


def draw_masks(masks: torch.Tensor, noise_px: int) -> torch.Tensor:
    """Each mask grown or shrunk by one draw of up to `noise_px` px; one that would vanish stays as it is."""
    if not noise_px:
        return masks
    found = []
    for mask, steps in zip(
        masks, torch.randint(-noise_px, noise_px + 1, (len(masks),)).tolist(), strict=True
    ):
        reach = abs(steps)
        values = mask.float()[None]
        if steps < 0:
            values = -F.max_pool2d(-values, 2 * reach + 1, stride=1, padding=reach)
        elif steps > 0:
            values = F.max_pool2d(values, 2 * reach + 1, stride=1, padding=reach)
        changed = values[0] > 0.5
        found.append(changed if changed.any() else mask)
    return torch.stack(found)


def _uniform(regions: torch.Tensor, count: int, label: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` different pixels of each region (B, 1, H, W); -1 where a region has fewer."""
    flat = regions.flatten(1)
    count = min(count, flat.shape[1])
    drawn = (1 - torch.rand(flat.shape, device=flat.device)) * flat
    value, place = drawn.topk(count, dim=1)
    width = regions.shape[-1]
    xy = torch.stack([place % width, place // width], dim=2).float()
    labels = torch.where(value > 0, label, -1).to(torch.int32)
    return xy, labels


def _surroundings(masks: torch.Tensor) -> torch.Tensor:
    """Pixels outside each object, within its box grown by half its extent on every side."""
    found = torch.zeros_like(masks)
    for index, mask in enumerate(masks[:, 0]):
        rows, columns = torch.where(mask.any(1))[0], torch.where(mask.any(0))[0]
        if not len(rows):
            continue
        top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        down, across = (bottom - top + 1) // 2, (right - left + 1) // 2
        found[index, 0, max(0, top - down) : bottom + down, max(0, left - across) : right + across] = True
    return found & ~masks


def _absent_outside(masks: torch.Tensor, points: torch.Tensor, labels: torch.Tensor) -> Points:
    """The prompts, with one point outside instead for every object that is not on the frame."""
    absent = ~masks.flatten(1).any(1)
    if absent.any():
        labels, points = labels.clone(), points.clone()
        outside, _ = _uniform(~masks[absent], 1, 0)
        labels[absent] = -1
        labels[absent, 0] = 0
        points[absent] = 0.0
        points[absent, 0] = outside[:, 0]
    return {"point_coords": points, "point_labels": labels}
