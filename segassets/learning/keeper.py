"""What happens between optimizer steps: curves, validations, checkpoints, progress, the end of the time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from segassets.learning.checkpoint_folder import LAST
from segassets.learning.checkpoints import parameters_of, read_checkpoint, save_checkpoint
from segassets.learning.curves import Curves
from segassets.learning.experiment import Experiment
from segassets.learning.lightning_module import ClipTraining
from segassets.runtime.progress import Progress

Validate = Callable[[ClipTraining], dict[str, float]]


@dataclass
class Standing:
    """How far a training is; stored in last.pt.

    Attributes:
        best: file, step and value of the monitored figure of the best checkpoints, best first.
        seconds: time trained, of all processes that worked on it one after the other.
    """

    step: int = 0
    batches: int = 0
    seconds: float = 0.0
    best: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, content: dict[str, Any]) -> Standing:
        """The standing stored in a checkpoint."""
        return cls(
            content["steps"], content["batches"], content["time_elapsed"], content["best_meter_values"]
        )


class Keeper(pl.Callback):
    """Keeps a training's folder up to date while it runs; only the first process writes.

    Args:
        identity: what a later process compares before it goes on from last.pt.
        validate: gives the figures of a validation; None without validation clips.
        validate_every: optimizer steps between two.
        steps: of the whole training.
        progress: hears (optimizer steps done, all, figures in words).
        state: optimizer and scaler states to go on from.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        curves: Curves,
        standing: Standing,
        *,
        identity: dict[str, Any],
        validate: Validate | None,
        validate_every: int,
        steps: int,
        progress: Progress,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.experiment, self.folder, self.curves, self.standing = experiment, folder, curves, standing
        self.identity, self.validate, self.validate_every = identity, validate, validate_every
        self.steps, self.progress, self.state = steps, progress, state
        self._before_s, self._began, self._saved_at = standing.seconds, time.monotonic(), time.monotonic()
        self._saved_step = standing.step if state else None
        self.validating_s = 0.0

    def last_good(self) -> str:
        """What an error can promise: the newest checkpoint, in words."""
        if self._saved_step is None:
            return "Nothing was saved yet"
        return f"{self.folder / LAST} holds step {self._saved_step}, the last good one"

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Take up the optimizer where it was; judge the network before its first step."""
        assert isinstance(module, ClipTraining)
        if self.state is not None:
            trainer.optimizers[0].load_state_dict(self.state["optimizer"])
            if self.state.get("scaler"):
                trainer.precision_plugin.load_state_dict(self.state["scaler"])
            self.state = None
        elif self.validate:
            self._validate(trainer, module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After an optimizer step: note it, validate and save when it is time."""
        assert isinstance(module, ClipTraining)
        if module.step == self.standing.step:
            return
        self.standing.step, self.standing.batches = module.step, module.batches
        self.standing.seconds = self._before_s + time.monotonic() - self._began
        ended = self._time_is_over(trainer) or module.step >= self.steps
        self._note(trainer, module)
        if self.validate and (module.step % self.validate_every == 0 or ended):
            self._validate(trainer, module)
        if ended or self._save_is_due(module.step):
            self.save(trainer, module)
        if ended:
            trainer.should_stop = True

    def save(self, trainer: pl.Trainer, module: ClipTraining) -> None:
        """Write the curves, then last.pt."""
        if trainer.is_global_zero:
            self.curves.write()
            standing = self.standing
            content = {
                "model": parameters_of(module.network),
                "optimizer": trainer.optimizers[0].state_dict(),
                "scaler": trainer.precision_plugin.state_dict(),
                "epoch": module.experiment.trainer.epochs or 0,
                "steps": standing.step,
                "batches": standing.batches,
                "time_elapsed": standing.seconds,
                "best_meter_values": standing.best,
                "identity": self.identity,
            }
            save_checkpoint(self.folder / LAST, content)
        self._saved_at, self._saved_step = time.monotonic(), self.standing.step

    def _note(self, trainer: pl.Trainer, module: ClipTraining) -> None:
        """A point of the training curves, and the progress."""
        every = self.experiment.logging.every_steps
        sums, module.sums = module.sums, {}
        names = [name for name in sums if name != "batches"]
        means = {f"train/{name}": float(sums[name] / sums["batches"]) for name in names}
        if module.step % every == 0 or module.step == 1:
            rate = max(group["lr"] / group["base_lr"] for group in trainer.optimizers[0].param_groups)
            means["learning_rate"] = rate * self.experiment.optimizer.learning_rate
            means["gradient_norm"] = float(module.gradient_norm)
            if trainer.is_global_zero:
                self.curves.add(module.step, means)
        shown = self.curves.last("val/mean_iou")
        words = f"loss {means['train/loss']:.4g}" + (f", val IoU {shown:.3f}" if shown is not None else "")
        self.progress(module.step, self.steps, words)

    def _validate(self, trainer: pl.Trainer, module: ClipTraining) -> None:
        assert self.validate is not None
        began = time.monotonic()
        figures = self.validate(module)
        module.prepare()
        self.validating_s += time.monotonic() - began
        if trainer.is_global_zero:
            self.curves.add(module.step, figures)
            if module.step:
                self._keep_if_best(module, figures)

    def _keep_if_best(self, module: ClipTraining, figures: dict[str, float]) -> None:
        config, best = self.experiment.checkpoints, self.standing.best
        value, step = figures[config.monitor], module.step
        if not config.best_k or not math.isfinite(value):
            return
        best[:] = [entry for entry in best if entry["step"] != step]
        new: dict[str, Any] = {"file": f"best-{step:07d}.pt", "step": step, "value": value}
        ranked = sorted([*best, new], key=self._rank)
        if new not in ranked[: config.best_k]:
            return
        content = {"model": parameters_of(module.network), "steps": step, "figures": figures}
        save_checkpoint(self.folder / new["file"], content)
        self.standing.best = ranked[: config.best_k]

    def _rank(self, entry: dict[str, Any]) -> tuple[float, int]:
        """Best first, the earlier one of equals."""
        sign = 1 if self.experiment.checkpoints.monitor == "val/loss" else -1
        return (sign * entry["value"], entry["step"])

    def remove_beaten(self) -> None:
        """Remove checkpoints that are no longer among the best; last.pt must have been saved."""
        kept = {entry["file"] for entry in self.standing.best}
        for path in self.folder.glob("best-*.pt"):
            if path.name not in kept:
                path.unlink()

    def _save_is_due(self, step: int) -> bool:
        config = self.experiment.checkpoints
        return step % config.every_steps == 0 or time.monotonic() - self._saved_at > config.every_minutes * 60

    def _time_is_over(self, trainer: pl.Trainer) -> bool:
        limit = self.experiment.trainer.max_minutes
        if limit is None:
            return False
        return trainer.strategy.reduce_boolean_decision(self.standing.seconds > limit * 60, all=False)


def take_up(folder: Path, identity: dict[str, Any]) -> tuple[Standing, dict[str, Any]] | None:
    """Standing and content of `folder/last.pt`; None where there is none.

    Raises:
        StaleInput: it belongs to another experiment, other data or other start weights; names which.
        BadInput: it cannot be read.
    """
    from segassets.errors import StaleInput

    path = folder / LAST
    if not path.is_file():
        return None
    content = read_checkpoint(path)
    stored = content.get("identity") or {}
    changed = [name for name, value in identity.items() if stored.get(name) != value]
    if changed:
        raise StaleInput(
            f"{path}: a training with another {' and '.join(changed)} (stored "
            f"{', '.join(str(stored.get(name))[:12] for name in changed)}; expected "
            f"{', '.join(str(identity[name])[:12] for name in changed)}); train with resume=False to start anew, or "
            "into another folder"
        )
    return Standing.of(content), content
