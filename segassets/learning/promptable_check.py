"""Quick quality figures of a network in training, on clips it never sees: point, box and tracking IoU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from segassets.learning.promptable import Prompts, box_of, grid_iou
from segassets.learning.promptable_steps import Targets, clip_loss, decode, encode
from segassets.learning.room_clips import Clip, ClipPool, draw_sample

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


@torch.no_grad()
def quick_figures(network: SAM2Base, clips: list[Clip], size_px: int, frames: int = 8) -> dict[str, float]:
    """IoU on the decoder's grid, over objects of more than .5 % of the frame: from a random point inside
    (single mask, and the best of three), from the box, and the mean over `frames` frames tracked from the
    first mask."""
    network.eval()
    rng = np.random.default_rng(7)
    found: dict[str, list[torch.Tensor]] = {"point": [], "point_best": [], "box": [], "track": []}
    for clip in clips:
        pool = ClipPool(folder=Path(), clips=[clip])
        sample = draw_sample(pool, rng, frames, size_px, augment=False)
        names = [n for n in torch.unique(sample.objects[0]).tolist() if n > 0]
        masks = [sample.objects == n for n in names]
        masks = [m for m in masks if m[0].float().mean() > 0.005]
        if not masks:
            continue
        features = encode(network, sample.image)
        first = torch.stack([m[0] for m in masks])
        whole = F.avg_pool2d(first.float()[:, None], 4)[:, 0]
        places = [rng.choice(np.flatnonzero(m.numpy().ravel())) for m in first]
        points = torch.tensor([[[p % size_px, p // size_px]] for p in places]).float()
        index = torch.zeros(len(masks), dtype=torch.long)
        logits, _, _ = decode(
            network, features, Prompts(index, points, torch.ones(len(masks), 1), None, whole, whole)
        )
        found["point"].append(grid_iou(logits[:, 0], whole))
        found["point_best"].append(grid_iou(logits[:, 1:], whole[:, None].expand(-1, 3, -1, -1)).amax(dim=1))
        boxes = torch.stack([box_of(m) for m in first]).view(-1, 2, 2)
        labels = torch.tensor([[2.0, 3.0]]).repeat(len(masks), 1)
        logits, _, _ = decode(network, features, Prompts(index, boxes, labels, None, whole, whole))
        found["box"].append(grid_iou(logits[:, 0], whole))
        targets = Targets(index, torch.stack(masks).float())
        found["track"].append(clip_loss(network, features, targets, rng, from_box=False)[1][None])
    network.train()
    return {name: float(torch.cat(values).mean()) for name, values in found.items()}
