"""Quick figures of a SeqFormer in training, on clips of rooms it never sees: AP of its tubes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from segassets.evaluation.vis import VisEvaluation
from segassets.learning.room_clips import PIXEL_MEAN, PIXEL_STD, Clip
from segassets.masks import rle
from segassets.masks.tubes import Tubes
from segassets.models.seqformer.network import SeqFormer
from segassets.models.seqformer.windows import segment_window

TOP = 20


@torch.no_grad()
def quick_scores(network: SeqFormer, clips: Sequence[Clip], frames: int) -> dict[str, float]:
    """AP50, AP and the IoU of the best prediction on the first `frames` frames of each clip, of one category."""
    training = network.training
    network.eval()
    evaluation = VisEvaluation()
    for clip in clips:
        rgb = torch.from_numpy(clip.rgb[:frames]).permute(0, 3, 1, 2).float() / 255
        found = segment_window(network, (rgb - PIXEL_MEAN) / PIXEL_STD, TOP)
        names = [name for name in np.unique(clip.objects[:frames]).tolist() if name > 0]
        truth = _tubes(np.stack([clip.objects[:frames] == name for name in names]), np.ones(len(names)))
        masks = (found.mask_logits() > 0).numpy()
        evaluation.add(truth, _tubes(masks, found.scores.amax(1).numpy()))
    network.train(training)
    figures = evaluation.scores().agnostic
    return {name: figures[name] or 0.0 for name in ("ap50", "ap", "mean_best_iou")}


def _tubes(masks: np.ndarray, scores: np.ndarray) -> Tubes:
    """Tubes of bool masks (N, T, H, W)."""
    height, width = masks.shape[2:]
    tubes = [{t: rle.encode(mask) for t, mask in enumerate(tube) if mask.any()} for tube in masks]
    return Tubes(height, width, tubes, scores=scores)
