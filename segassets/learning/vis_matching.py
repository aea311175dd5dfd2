"""Which query answers for which instance of a clip: the cheapest one-to-one assignment (SeqFormer, section 3.3).

An instance is compared on the frames it is seen on, and costs are means over them, so that how long it is seen does not
weigh its box against its category.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment

from segassets.errors import BadInput
from segassets.learning.vis_targets import ClipTargets

ALPHA, GAMMA = 0.25, 2.0  # of the focal terms


@dataclass(frozen=True)
class MatchWeights:
    """Weights of the parts of the matching cost."""

    category: float = 2.0
    box: float = 5.0
    giou: float = 2.0


def match_clip(
    logits: torch.Tensor, boxes: torch.Tensor, targets: ClipTargets, weights: MatchWeights, sets: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions of queries and of the instances they answer for, int64 (sets * min(Q, M),) each.

    Args:
        logits: (sets * Q, classes).
        boxes: (T, sets * Q, 4).
        sets: each set of queries is matched by itself.

    Raises:
        BadInput: a cost that is not a number.
    """
    cost = matching_cost(logits, boxes, targets, weights).cpu().numpy()
    if not np.isfinite(cost).all():
        raise BadInput("matching: a cost is not a number; the training has diverged. Lower the learning rate")
    queries, instances = [], []
    size = len(logits) // sets
    for number in range(sets):
        chosen, of = linear_sum_assignment(cost[number * size : (number + 1) * size])
        queries.append(chosen + number * size)
        instances.append(of)
    device = logits.device
    return tuple(torch.from_numpy(np.concatenate(part)).to(device) for part in (queries, instances))  # type: ignore[return-value]


@torch.no_grad()
def matching_cost(
    logits: torch.Tensor, boxes: torch.Tensor, targets: ClipTargets, weights: MatchWeights
) -> torch.Tensor:
    """(Q, M); arguments as in `match_clip`."""
    probability = logits.float().sigmoid()[:, targets.categories]
    hit = ALPHA * (1 - probability) ** GAMMA * -(probability + 1e-8).log()
    miss = (1 - ALPHA) * probability**GAMMA * -(1 - probability + 1e-8).log()
    ours, theirs = boxes.transpose(0, 1)[:, None].float(), targets.boxes[None]  # (Q, 1, T, 4), (1, M, T, 4)
    seen = targets.present.float()
    frames = seen.sum(1).clamp(min=1)
    distance = ((ours - theirs).abs().sum(-1) * seen).sum(-1) / frames
    overlap = (giou(ours, theirs) * seen).sum(-1) / frames
    return weights.category * (hit - miss) + weights.box * distance - weights.giou * overlap


def giou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Generalised IoU of boxes (centre and size), pairwise by broadcasting: (..., 4) and (..., 4) -> (...)."""
    low, high = first[..., :2] - first[..., 2:] / 2, first[..., :2] + first[..., 2:] / 2
    other_low, other_high = second[..., :2] - second[..., 2:] / 2, second[..., :2] + second[..., 2:] / 2
    shared = (torch.minimum(high, other_high) - torch.maximum(low, other_low)).clamp(min=0).prod(-1)
    either = first[..., 2:].prod(-1) + second[..., 2:].prod(-1) - shared
    hull = (torch.maximum(high, other_high) - torch.minimum(low, other_low)).clamp(min=0).prod(-1)
    return shared / either.clamp(min=1e-7) - (hull - either) / hull.clamp(min=1e-7)


def focal(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Focal loss of each value (Lin et al. 2017), the same shape."""
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    missed = 1 - torch.exp(-entropy)  # 1 - p of the truth, for truths of 0 and 1
    return (ALPHA * truth + (1 - ALPHA) * (1 - truth)) * missed**GAMMA * entropy
