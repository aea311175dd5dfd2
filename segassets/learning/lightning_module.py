"""One training step on clips, as a Lightning module: draw prompts, forward, loss, guards, learning rate.

What is a SAM2's own stands in the methods up to `predict`; another network overrides those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import lightning.pytorch as pl
import torch

from segassets.errors import BadInput, SegassetsError
from segassets.learning.clips import ClipIndex
from segassets.learning.experiment import Experiment
from segassets.learning.interrupted import LESS_MEMORY
from segassets.learning.losses import ClipLoss
from segassets.learning.network import BatchedVideoDatapoint, learn_only
from segassets.learning.optim import make_optimizer, schedule_factor
from segassets.learning.presets import loss_values
from segassets.learning.validation import Reduce, validate


class ClipTraining(pl.LightningModule):
    """Trains a network for a number of optimizer steps; everything drawn depends on the number of the batch alone.

    Args:
        steps: optimizer steps of the whole training, for the schedule.
        first_step, first_batch: where this process goes on from.
        describe: a batch in words, for errors: its scenes and frames.
        last_good: what is kept when it fails, in words.

    Attributes:
        sums: terms of the loss summed since the last optimizer step, and under "batches" their number.
        seen: clips, objects and frames since this process began.
    """

    def __init__(
        self,
        network: Any,
        experiment: Experiment,
        steps: int,
        first_step: int = 0,
        first_batch: int = 0,
        describe: Callable[[Any], str] = lambda batch: "of this batch",
        last_good: Callable[[], str] = lambda: "nothing was saved yet",
    ) -> None:
        super().__init__()
        self.network = network
        self.experiment = experiment
        self.steps, self.first_step, self.batches = steps, first_step, first_batch
        self.loss: Any = self.make_loss()
        self.sums: dict[str, torch.Tensor] = {}
        self.seen = {"clips": 0, "objects": 0, "frames": 0}
        self.gradient_norm = torch.zeros(())
        self._describe, self._last_good = describe, last_good

    def make_loss(self) -> Any:
        """What `terms` holds the network to."""
        loss = self.experiment.loss
        return ClipLoss(loss_values(loss), loss.frame_stride, self.network.pred_obj_scores)

    def know(self, train: Sequence[ClipIndex], val: Sequence[ClipIndex]) -> None:
        """Take from the sources what a batch does not say."""

    def terms(self, batch: BatchedVideoDatapoint) -> dict[str, torch.Tensor]:
        """Terms of the loss of a batch by name; what is learned from is "loss"."""
        self.network.draw_from(self.experiment.seed, self.global_rank, self.batches)
        return self.loss(self.network(batch), batch.masks)

    def prepare(self) -> None:
        """Training mode; frozen modules stay in evaluation mode."""
        learn_only(self.network, self.experiment.modules.trainable)

    def judge(
        self,
        batches: Iterable[Any],
        *,
        autocast: Callable[[], AbstractContextManager[Any]],
        sum_over_devices: Reduce = lambda values: values,
    ) -> dict[str, float]:
        """Figures of a validation; arguments as in segassets.learning.validation.validate."""
        return validate(
            self.network, self.loss, batches, self.experiment.seed, autocast=autocast,
            sum_over_devices=sum_over_devices,
        )  # fmt: skip

    def predict(self, batch: BatchedVideoDatapoint, number: int) -> torch.Tensor:
        """Predicted masks bool (T, B, S, S) of a batch's objects; `number` of the batch, for what is drawn."""
        self.network.draw_from(self.experiment.seed, number)
        outputs = self.network(batch)
        return torch.stack([output["pred_masks_high_res"][:, 0] > 0 for output in outputs])

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.first_step + self.trainer.global_step

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; the learning rate is set before every batch."""
        return make_optimizer(self.network, self.experiment.optimizer, self.experiment.modules)

    def on_train_start(self) -> None:
        """Set the modes of all modules."""
        self.prepare()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set the learning rate of the step this batch belongs to."""
        factor = schedule_factor(self.step, self.steps, self.experiment.schedule)
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = group["base_lr"] * factor

    def training_step(self, batch: BatchedVideoDatapoint, batch_idx: int) -> torch.Tensor:
        """Loss of a batch of clips.

        Raises:
            BadInput: it is not a number.
        """
        with memory_errors(f"training step {self.step + 1}"):
            terms = self.terms(batch)
        if not torch.isfinite(terms["loss"]):
            raise BadInput(self._not_a_number("loss", terms["loss"], batch))
        for name, value in {**terms, "batches": torch.ones(())}.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()
        self.batches += 1
        frames, objects = batch.masks.shape[:2]
        for name, count in {
            "clips": batch.num_videos,
            "objects": objects,
            "frames": frames * batch.num_videos,
        }.items():
            self.seen[name] += count
        self._batch = batch
        return terms["loss"]

    def configure_gradient_clipping(
        self, optimizer: torch.optim.Optimizer, *limits: Any, **named: Any
    ) -> None:
        """Clip to the experiment's norm; a norm that is not a number stops a training without loss scaling.

        Raises:
            BadInput: the gradient is not a number.
        """
        limit = self.experiment.trainer.clip
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(parameters, float("inf") if limit is None else limit)
        if not torch.isfinite(norm) and self.trainer.precision != "16-mixed":
            raise BadInput(self._not_a_number("gradient", norm, self._batch))
        self.gradient_norm = norm.detach()

    def backward(self, loss: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        """As Lightning does, with running out of memory put in words."""
        with memory_errors(f"training step {self.step + 1}"):
            super().backward(loss, *args, **kwargs)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Batches are sam2's tensor classes, which move themselves."""
        return batch.to(device, non_blocking=True)

    def _not_a_number(self, what: str, value: torch.Tensor, batch: Any) -> str:
        return (
            f"training step {self.step + 1}: the {what} is {value.item()}, expected a finite number; batch "
            f"{self.batches}: {self._describe(batch)}. {self._last_good()}. Look at those frames and masks; else "
            "lower optimizer.learning_rate, set trainer.clip (1.0), or use trainer.precision 32 or bf16-mixed; then "
            "train again with the same folder to go on from there"
        )


@contextmanager
def memory_errors(doing: str) -> Iterator[None]:
    """Running out of memory as an error that names what to lower."""
    try:
        yield
    except SegassetsError:
        raise
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise BadInput(f"{doing}: out of memory ({said}); {LESS_MEMORY}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python could not get the memory it asked for."""
    words = str(error).lower()
    said = (
        "out of memory",
        "can't allocate memory",
        "killed by signal: killed",
    )  # the last of a loading process
    return isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(text in words for text in said)
    )
