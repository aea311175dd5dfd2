"""sam2's training loss with the values of an experiment."""

from __future__ import annotations

from typing import Any

import torch

from segassets.learning.presets import LossValues
from segassets.models.sam2.instantiate import prepare_sam2

prepare_sam2()

from training.loss_fns import CORE_LOSS_KEY, MultiStepMultiMasksAndIous  # noqa: E402

# names of sam2's terms -> ours, in curves and tables
TERMS = {
    CORE_LOSS_KEY: "loss", "loss_mask": "mask", "loss_dice": "dice", "loss_iou": "iou", "loss_class": "presence",
}  # fmt: skip
_LOGITS = "multistep_pred_multimasks_high_res"
_NOTHING, _SURELY_OUTSIDE = -1000.0, -32.0


class ClipLoss:
    """Loss of the outputs of a clip.

    Args:
        values: weights and shapes of the terms; with `presence` 0 the network is held to every mask, empty
            ones included, and its presence score is left alone.
        frame_stride: every how many frames count.
        predicts_presence: whether the network has such a score.
    """

    def __init__(self, values: LossValues, frame_stride: int = 1, predicts_presence: bool = True) -> None:
        self.temperature = values.temperature
        self.frame_stride = frame_stride
        with_presence = values.presence > 0 and predicts_presence
        self._loss = MultiStepMultiMasksAndIous(
            weight_dict={
                "loss_mask": values.mask,
                "loss_dice": values.dice,
                "loss_iou": values.iou,
                "loss_class": values.presence if with_presence else 0.0,
            },
            focal_alpha=values.focal_alpha,
            focal_gamma=values.focal_gamma,
            supervise_all_iou=values.supervise_all_iou,
            iou_use_l1_loss=values.iou_l1,
            pred_obj_scores=with_presence,
            focal_alpha_obj_score=values.presence_alpha,
            focal_gamma_obj_score=values.presence_gamma,
        )

    def __call__(self, outputs: list[dict[str, Any]], masks: torch.Tensor) -> dict[str, torch.Tensor]:
        """Terms by our names, each a scalar; "loss" is their weighted sum.

        Args:
            outputs: of SAM2Train, one per frame.
            masks: (T, B, H, W) bool truth.
        """
        stride = self.frame_stride
        counted = [self._tempered(output) for output in outputs[::stride]]
        terms = self._loss(counted, masks[::stride])
        return {ours: torch.as_tensor(terms[theirs]) for theirs, ours in TERMS.items()}

    def _tempered(self, output: dict[str, Any]) -> dict[str, Any]:
        """The output with its mask logits in float32, divided by the temperature.

        Where the network says that the object is absent, sam2 puts -1024 in place of the mask. No gradient
        flows there, but a single wrong absence would outweigh everything else in the curves: it counts as
        "surely outside" instead.
        """
        found = []
        for logits in output[_LOGITS]:
            seen = torch.where(logits <= _NOTHING, _SURELY_OUTSIDE, logits.float())
            found.append(seen / self.temperature)
        return {**output, _LOGITS: found}
