"""A training step of a SeqFormer on clips: the parts of `ClipTraining` that are its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from segassets.errors import BadInput
from segassets.learning.clips import ClipIndex
from segassets.learning.lightning_module import ClipTraining
from segassets.learning.mixture import names_of
from segassets.learning.network import BatchedVideoDatapoint
from segassets.learning.optim import parameters_without_decay
from segassets.learning.validation import Reduce
from segassets.learning.vis_losses import VisWeights, clip_losses
from segassets.learning.vis_matching import MatchWeights, match_clip
from segassets.learning.vis_targets import ClipTargets, clip_targets
from segassets.models.seqformer.network import Encoded, LayerOutput
from segassets.models.seqformer.windows import enlarge

PARTS = ("category", "box", "giou", "mask", "dice")
Categories = dict[tuple[str, int, int], int]  # by source, number of the scene in it, and object


class VisTraining(ClipTraining):
    """Finds all instances of a clip by itself; nothing is prompted."""

    def make_loss(self) -> VisWeights:
        """Weights of the loss."""
        vis = self.experiment.vis
        matching = MatchWeights(vis.matching.category, vis.matching.box, vis.matching.giou)
        return VisWeights(vis.category, vis.box, vis.giou, vis.mask, vis.dice, matching)

    def know(self, train: Sequence[ClipIndex], val: Sequence[ClipIndex]) -> None:
        """Learn from the scenes which category each object has.

        Raises:
            BadInput: one the experiment does not name.
        """
        self._taught = self._categories(train)
        self._judged = self._categories(val) if val else self._taught

    def _categories(self, sources: Sequence[ClipIndex]) -> Categories:
        wanted = self.experiment.vis.categories
        places = {category: place for place, category in enumerate(wanted or ())}
        found: Categories = {}
        for name, source in zip(names_of(sources), sources, strict=True):
            for number, scene in enumerate(source.scenes):
                for thing, category in zip(
                    scene.row_object.tolist(), scene.row_category.tolist(), strict=True
                ):
                    if wanted is not None and category not in places:
                        raise BadInput(
                            f"scene {scene.key}: object {thing} has category {category}, which vis.categories does not "
                            f"name; add it there, or leave it out by data.*.categories"
                        )
                    found[(name, number, thing)] = places.get(category, 0)
        return found

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; the backbone is slower, biases and norms do not decay."""
        config, vis = self.experiment.optimizer, self.experiment.vis
        plain = parameters_without_decay(self.network)
        groups: dict[tuple[float, float], list[torch.nn.Parameter]] = defaultdict(list)
        for name, parameter in self.network.named_parameters():
            rate = config.learning_rate * (vis.backbone_factor if name.startswith("backbone.") else 1.0)
            groups[(rate, 0.0 if name in plain else config.weight_decay)].append(parameter)
        return torch.optim.AdamW(
            [
                {"params": parameters, "lr": rate, "base_lr": rate, "weight_decay": decay}
                for (rate, decay), parameters in groups.items()
                if rate > 0
            ],
            lr=config.learning_rate,
            betas=config.betas,
            eps=config.eps,
            amsgrad=config.amsgrad,
        )

    def prepare(self) -> None:
        """Training mode."""
        self.network.train()

    def terms(self, batch: BatchedVideoDatapoint) -> dict[str, torch.Tensor]:
        """Parts of the loss of a batch, means over decoder layers, and their sum."""
        torch.manual_seed(
            int(np.random.default_rng((self.experiment.seed, self.global_rank, self.batches)).integers(2**62))
        )
        encoded, outputs = self._forward(batch)
        return self._terms(batch, encoded, outputs, self._taught)

    @torch.no_grad()
    def judge(
        self,
        batches: Iterable[Any],
        *,
        autocast: Callable[[], AbstractContextManager[Any]],
        sum_over_devices: Reduce = lambda values: values,
    ) -> dict[str, float]:
        """Mean parts of the loss, and the mean IoU of each instance with the query matched to it, over its tube."""
        self.network.eval()
        names = ["loss", *PARTS]
        totals = torch.zeros(len(names) + 3, dtype=torch.float64)
        for batch in batches:
            batch = batch.to(self.device)
            with autocast():
                encoded, outputs = self._forward(batch)
                terms = self._terms(batch, encoded, outputs, self._judged)
            overlaps = self._tube_overlaps(batch, self._matched_masks(batch, encoded, outputs[-1]))
            totals += torch.tensor(
                [*(float(terms[name]) for name in names), 1.0, float(overlaps.sum()), len(overlaps)]
            )
        totals = sum_over_devices(totals)
        found = {f"val/{name}": float(totals[at] / totals[-3].clamp(min=1)) for at, name in enumerate(names)}
        found["val/mean_iou"] = float(totals[-2] / totals[-1]) if totals[-1] else float("nan")
        return found

    @torch.no_grad()
    def predict(self, batch: BatchedVideoDatapoint, number: int) -> torch.Tensor:
        """Masks of the queries matched to the batch's objects, bool (T, B, S, S)."""
        encoded, outputs = self._forward(batch)
        return self._matched_masks(batch, encoded, outputs[-1])

    def _forward(self, batch: BatchedVideoDatapoint) -> tuple[Encoded, list[LayerOutput]]:
        return self.network(batch.img_batch.transpose(0, 1).flatten(0, 1), batch.num_videos)

    def _terms(
        self, batch: BatchedVideoDatapoint, encoded: Encoded, outputs: list[LayerOutput], known: Categories
    ) -> dict[str, torch.Tensor]:
        targets = [self._targets(batch, video, known)[1] for video in range(batch.num_videos)]
        parts = clip_losses(self.network, encoded, outputs, targets, self.loss)
        return {"loss": torch.stack(list(parts.values())).sum()} | {
            name: value / len(outputs) for name, value in parts.items()
        }

    @staticmethod
    def _targets(
        batch: BatchedVideoDatapoint, video: int, known: Categories
    ) -> tuple[torch.Tensor, ClipTargets]:
        """Positions in the batch of a clip's objects, int64 (M,), and what is true of them."""
        mine = (batch.obj_to_frame_idx[0, :, 1] == video).cpu().nonzero()[:, 0]
        seen = batch.masks[:, mine].flatten(2).any(2).any(0).cpu()
        mine = mine[seen]  # one whose pixels were lost in resizing is nowhere
        identities = batch.metadata.unique_objects_identifier[0, mine].tolist()
        categories = [known[(batch.dict_key, scene, thing)] for scene, thing, _ in identities]
        masks = batch.masks[:, mine].transpose(0, 1).cpu()
        targets = clip_targets(masks.bool(), torch.tensor(categories, dtype=torch.int64))
        return mine, targets.to(batch.img_batch.device)

    def _matched_masks(
        self, batch: BatchedVideoDatapoint, encoded: Encoded, output: LayerOutput
    ) -> torch.Tensor:
        found = torch.zeros_like(batch.masks, dtype=torch.bool)
        size = (found.shape[-2], found.shape[-1])
        for video in range(batch.num_videos):
            mine, targets = self._targets(batch, video, self._judged)
            chosen, of = match_clip(output.logits[video], output.boxes[video], targets, self.loss.matching)
            logits = enlarge(self.network.masks(encoded, output, video, chosen), size, size)
            found[:, mine.to(of.device)[of]] = (logits > 0).transpose(0, 1)
        return found

    @staticmethod
    def _tube_overlaps(batch: BatchedVideoDatapoint, predicted: torch.Tensor) -> torch.Tensor:
        """IoU over all frames of each object that is seen at all."""
        truth = batch.masks.bool()
        both = (predicted & truth).sum((0, 2, 3)).float()
        either = (predicted | truth).sum((0, 2, 3)).float()
        return (both / either.clamp(min=1))[truth.any(3).any(2).any(0)].cpu()
