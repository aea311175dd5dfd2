"""Validation of a network in training: the loss and the IoU on the same clips each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch

from segassets.learning.losses import TERMS, ClipLoss
from segassets.learning.network import PromptedSAM2

Reduce = Callable[[torch.Tensor], torch.Tensor]


@torch.no_grad()
def validate(
    network: PromptedSAM2,
    loss: ClipLoss,
    batches: Iterable[Any],
    seed: int,
    *,
    autocast: Callable[[], AbstractContextManager[Any]],
    sum_over_devices: Reduce = lambda values: values,
) -> dict[str, float]:
    """Mean of the loss's terms over the batches, and the mean IoU.

    IoU is that of every object with its truth, over the frames it is on; of a clip of several frames those
    left out on which an object was shown. nan where there is none. The network is left in evaluation mode.

    Args:
        autocast: context of a forward pass.
        sum_over_devices: adds up a vector over all processes.
    """
    network.eval()
    names = [*TERMS.values()]
    totals = torch.zeros(len(names) + 3, dtype=torch.float64)
    for number, batch in enumerate(batches):
        network.draw_from(seed, number)
        batch = batch.to(network.device)
        with autocast():
            outputs = network(batch)
            terms = loss(outputs, batch.masks)
        overlap, count = iou_sum(outputs, batch.masks)
        totals += torch.tensor(
            [*(float(terms[name]) for name in names), 1.0, overlap, count], dtype=torch.float64
        )
    totals = sum_over_devices(totals)
    means = totals[: len(names)] / totals[-3].clamp(min=1)
    found = {f"val/{name}": float(value) for name, value in zip(names, means, strict=True)}
    found["val/mean_iou"] = float(totals[-2] / totals[-1]) if totals[-1] else float("nan")
    return found


def iou_sum(outputs: list[dict[str, Any]], masks: torch.Tensor) -> tuple[float, int]:
    """Sum of the IoUs of predictions and truths (T, B, H, W) and their number, as `validate` counts them."""
    judged = [at for at, output in enumerate(outputs) if len(outputs) == 1 or not _was_shown(output)]
    if not judged:
        return 0.0, 0
    predicted = torch.stack([outputs[at]["pred_masks_high_res"][:, 0] > 0 for at in judged])
    truth = masks[judged]
    overlap = (predicted & truth).flatten(2).sum(2)
    union = (predicted | truth).flatten(2).sum(2)
    present = truth.flatten(2).any(2)
    return float((overlap / union.clamp(min=1))[present].sum()), int(present.sum())


def _was_shown(output: dict[str, Any]) -> bool:
    """Whether the network was given a prompt on this frame."""
    return output["point_inputs"] is not None or output["mask_inputs"] is not None
