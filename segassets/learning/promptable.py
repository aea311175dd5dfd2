"""Prompts drawn from label maps, the masks they stand for, and the loss of the four mask tokens against them.

A point is ambiguous, so it has two truths: the part under it and the whole object. The tokens of SAM2's
decoder get fixed meanings: token 0 (single output) and 3 the whole, token 1 the part, token 2 whichever of
the two it is nearer to. A box or a mask names one truth, which all four tokens learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

MIN_AREA_PX = 20


@dataclass
class Prompts:
    """Prompts of one kind over a batch of images.

    `image` (P,) index of the picture; `points_xy` (P, N, 2) pixel indices of the network's input; `labels`
    (P, N); `mask_logits` (P, 1, s, s) or None; `whole`, `part` (P, s, s) coverage in 0..1 on the decoder's
    output grid.
    """

    image: torch.Tensor
    points_xy: torch.Tensor
    labels: torch.Tensor
    mask_logits: torch.Tensor | None
    whole: torch.Tensor
    part: torch.Tensor


def draw_pixels(
    objects: torch.Tensor, parts: torch.Tensor, count: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """`count` pixels (y, x) of one picture: two thirds uniform inside a random part of a random object, the
    rest uniform over the frame (walls and floor among them)."""
    flat_parts = parts.flatten().numpy()
    flat_objects = objects.flatten().numpy()
    order = np.argsort(flat_parts, kind="stable")
    _, starts, sizes = np.unique(flat_parts[order], return_index=True, return_counts=True)
    owner = flat_objects[order[starts]]
    usable = np.flatnonzero((sizes >= MIN_AREA_PX) & (owner > 0))
    pixels = []
    for _ in range(count):
        if len(usable) and rng.random() < 0.66:
            chosen_owner = rng.choice(np.unique(owner[usable]))
            slot = rng.choice(usable[owner[usable] == chosen_owner])
            position = order[starts[slot] + rng.integers(sizes[slot])]
        else:
            position = rng.integers(len(flat_parts))
        pixels.append(divmod(int(position), parts.shape[1]))
    return pixels


def masks_at(objects: torch.Tensor, parts: torch.Tensor, y: int, x: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(whole, part) bool masks under a pixel; on a wall or the floor both are that surface."""
    part = (parts == parts[y, x]) & (objects == objects[y, x])
    whole = objects == objects[y, x] if int(objects[y, x]) > 0 else part
    return whole, part


def box_of(mask: torch.Tensor) -> torch.Tensor:
    """xyxy of the extreme pixels, inclusive, float (4,)."""
    rows = torch.where(mask.any(dim=1))[0]
    columns = torch.where(mask.any(dim=0))[0]
    return torch.stack([columns[0], rows[0], columns[-1], rows[-1]]).float()


def jitter_box(box: torch.Tensor, size_px: int, rng: np.random.Generator) -> torch.Tensor:
    """Each side moved by a normal of up to a tenth of the box's extent, at most .08 of the frame."""
    extent = torch.stack([box[2] - box[0], box[3] - box[1]]).repeat(2)
    noise = torch.from_numpy(rng.standard_normal(4).astype(np.float32)) * rng.uniform(0, 0.1) * extent
    limit = 0.08 * size_px
    return (box + noise.clamp(-limit, limit)).clamp(0, size_px - 1)


def draw_prompts(
    objects: torch.Tensor, parts: torch.Tensor, per_image: int, rng: np.random.Generator
) -> dict[str, Prompts]:
    """Point, box and mask prompts for label maps (N, S, S), grouped by kind (half, a third, a sixth)."""
    size_px = objects.shape[-1]
    rows: dict[str, list[tuple]] = {"point": [], "box": [], "mask": []}
    for image in range(objects.shape[0]):
        for number, (y, x) in enumerate(draw_pixels(objects[image], parts[image], per_image, rng)):
            whole, part = masks_at(objects[image], parts[image], y, x)
            kind = ("point", "box", "point", "mask", "point", "box")[number % 6]
            if kind == "point":
                rows[kind].append((image, torch.tensor([[x, y]]).float(), whole, part))
                continue
            target = part if rng.random() < 0.35 else whole
            if int(target.sum()) < MIN_AREA_PX:
                rows["point"].append((image, torch.tensor([[x, y]]).float(), whole, part))
                continue
            box = jitter_box(box_of(target), size_px, rng).view(2, 2)
            rows[kind].append((image, box, target, target))
    return {kind: _collate(kind, found, rng) for kind, found in rows.items() if found}


def _collate(kind: str, rows: list[tuple], rng: np.random.Generator) -> Prompts:
    whole = F.avg_pool2d(torch.stack([row[2] for row in rows]).float().unsqueeze(1), 4)[:, 0]
    part = F.avg_pool2d(torch.stack([row[3] for row in rows]).float().unsqueeze(1), 4)[:, 0]
    points = torch.stack([row[1] for row in rows])
    labels = (
        torch.ones(points.shape[:2]) if kind == "point" else torch.tensor([[2.0, 3.0]]).repeat(len(rows), 1)
    )
    mask_logits = None
    if kind == "mask":
        mask_logits = _rough_logits(whole, rng)
        points, labels = torch.zeros(len(rows), 1, 2), -torch.ones(len(rows), 1)
    return Prompts(torch.tensor([row[0] for row in rows]), points, labels, mask_logits, whole, part)


def _rough_logits(coverage: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Mask prompts as an earlier prediction would look: of varying sharpness, with smooth errors."""
    count, side = coverage.shape[0], coverage.shape[-1]
    noise = torch.from_numpy(rng.standard_normal((count, 1, side // 4, side // 4)).astype(np.float32))
    noise = F.interpolate(noise, (side, side), mode="bilinear", align_corners=False)
    sharpness = torch.from_numpy(rng.uniform(3.0, 12.0, (count, 1, 1, 1)).astype(np.float32))
    rough = torch.from_numpy(rng.uniform(0.0, 0.5, (count, 1, 1, 1)).astype(np.float32))
    return sharpness * (2 * coverage.unsqueeze(1) - 1 + rough * noise)


def mask_cost(logits: torch.Tensor, coverage: torch.Tensor) -> torch.Tensor:
    """10 x focal (alpha .5, gamma 1) + 3 x dice per mask. Both (..., s, s); the result has the leading
    shape."""
    probability = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, coverage, reduction="none")
    focal = 0.5 * (entropy * (probability - coverage).abs()).mean(dim=(-1, -2))
    overlap = (probability * coverage).sum(dim=(-1, -2))
    total = probability.sum(dim=(-1, -2)) + coverage.sum(dim=(-1, -2))
    return 10 * focal + 3 * (1 - (2 * overlap + 1) / (total + 1))


@torch.no_grad()
def grid_iou(logits: torch.Tensor, coverage: torch.Tensor) -> torch.Tensor:
    """IoU on the decoder's grid of the thresholded prediction with the cells more than half covered; (...)."""
    predicted, truth = logits > 0, coverage > 0.5
    overlap = (predicted & truth).sum(dim=(-1, -2))
    return overlap / (predicted | truth).sum(dim=(-1, -2)).clamp(min=1)


def token_loss(
    logits: torch.Tensor,
    predicted_iou: torch.Tensor,
    whole: torch.Tensor,
    part: torch.Tensor,
) -> torch.Tensor:
    """Mean loss of the four tokens: logits (P, 4, s, s), predicted_iou (P, 4), truths (P, s, s)."""
    nearer_to_part = mask_cost(logits[:, 2].detach(), part) < mask_cost(logits[:, 2].detach(), whole)
    middle = torch.where(nearer_to_part[:, None, None], part, whole)
    truth = torch.stack([whole, part, middle, whole], dim=1)
    weight = logits.new_tensor([0.4, 0.25, 0.15, 0.2])
    masks = (mask_cost(logits, truth) * weight).sum(dim=1)
    quality = (predicted_iou - grid_iou(logits, truth)).abs().mean(dim=1)
    return (masks + quality).mean()
