"""SeqFormer's loss over all decoder layers, each matched by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from segassets.learning.vis_matching import MatchWeights, focal, giou, match_clip
from segassets.learning.vis_targets import ClipTargets
from segassets.models.seqformer.network import Encoded, LayerOutput, SeqFormer


@dataclass(frozen=True)
class VisWeights:
    """Weights of the parts of the loss."""

    category: float = 2.0
    box: float = 5.0
    giou: float = 2.0
    mask: float = 2.0
    dice: float = 5.0
    matching: MatchWeights = field(default_factory=MatchWeights)


def clip_losses(
    network: SeqFormer,
    encoded: Encoded,
    outputs: Sequence[LayerOutput],
    targets: Sequence[ClipTargets],
    weights: VisWeights,
    sets: int = 1,
    instances: float | None = None,
) -> dict[str, torch.Tensor]:
    """Parts of the loss by name, weighted and summed over layers: category, box, giou, mask, dice.

    Args:
        targets: of each of the N clips.
        sets: sets of queries the outputs hold; the parts are means over them. Only the first set learns masks.
        instances: what the sums are divided by; the number of instances (at least 1) by default.
    """
    count = instances if instances is not None else float(max(1, sum(len(t.categories) for t in targets)))
    total: dict[str, torch.Tensor] = defaultdict(lambda: outputs[0].logits.new_zeros(()))
    for output in outputs:
        for number, truth in enumerate(targets):
            parts = _one_clip(network, encoded, output, number, truth, weights, sets)
            for name, value in parts.items():
                total[name] = total[name] + getattr(weights, name) * value / count
    return dict(total)


def _one_clip(
    network: SeqFormer, encoded: Encoded, output: LayerOutput, number: int, truth: ClipTargets,
    weights: VisWeights, sets: int,
) -> dict[str, torch.Tensor]:  # fmt: skip
    """Parts of the loss of a layer on one clip, summed over instances."""
    logits, boxes = output.logits[number], output.boxes[number]
    chosen, of = match_clip(logits, boxes, truth, weights.matching, sets)
    parts = {
        "category": category_loss(logits, chosen, truth.categories[of]) / sets,
        **{
            name: value / sets
            for name, value in box_losses(
                boxes[:, chosen].transpose(0, 1), truth.boxes[of], truth.present[of]
            ).items()
        },
    }
    main = chosen < len(logits) // sets
    asked, about = chosen[main], of[main]
    masks = network.masks(encoded, output, number, asked)
    return parts | mask_losses(masks, truth.masks[about], truth.valid)


def category_loss(logits: torch.Tensor, chosen: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
    """Focal loss of all queries: `chosen` ones are of their categories, the others of none."""
    truth = torch.zeros_like(logits)
    truth[chosen, categories] = 1
    return focal(logits, truth).sum()


def box_losses(boxes: torch.Tensor, truth: torch.Tensor, present: torch.Tensor) -> dict[str, torch.Tensor]:
    """L1 and generalised IoU, means over the frames an instance is seen on, summed over instances.

    Args:
        boxes, truth: (K, T, 4), centre and size.
        present: bool (K, T).
    """
    share = present.float() / present.sum(1, keepdim=True).clamp(min=1)
    distance = (boxes - truth).abs().sum(-1)
    return {"box": (distance * share).sum(), "giou": ((1 - giou(boxes, truth)) * share).sum()}


def mask_losses(logits: torch.Tensor, truth: torch.Tensor, valid: torch.Tensor) -> dict[str, torch.Tensor]:
    """Focal and dice over the whole tube, padding left out, summed over instances.

    Args:
        logits, truth: (K, T, h, w); a frame without the instance is a frame of zeros.
        valid: bool (h, w).
    """
    inside = valid.to(logits.dtype)
    pixels = inside.sum().clamp(min=1) * logits.shape[1]
    probability = logits.sigmoid() * inside
    shared = (probability * truth).flatten(1).sum(1)
    both = probability.flatten(1).sum(1) + (truth * inside).flatten(1).sum(1)
    return {
        "mask": (focal(logits, truth) * inside).sum() / pixels,
        "dice": (1 - (2 * shared + 1) / (both + 1)).sum(),
    }
