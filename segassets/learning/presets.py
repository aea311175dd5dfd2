"""The values behind `loss.preset` and `prompts.type`. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from segassets.errors import BadConfig
from segassets.learning.training_config import LossConfig, PromptConfig

# sam2's own settings, which every preset starts from
_COMMON = {
    "presence": 0.0, "focal_alpha": 0.25, "focal_gamma": 2.0, "presence_alpha": -1.0, "presence_gamma": 0.0,
    "temperature": 1.0, "supervise_all_iou": True, "iou_l1": True,
}  # fmt: skip
LOSS_PRESETS: dict[str, dict[str, float | bool]] = {
    "focal-main": {**_COMMON, "mask": 20.0, "dice": 1.0, "iou": 1.0},
    "dice-main": {**_COMMON, "mask": 1.0, "dice": 10.0, "iou": 10.0},
    "equal": {**_COMMON, "mask": 10.0, "dice": 10.0, "iou": 10.0},
    "dice-only": {**_COMMON, "mask": 0.0, "dice": 20.0, "iou": 1.0, "temperature": 0.7},
    # the mask term without its balance and focus is binary cross-entropy
    "bce": {**_COMMON, "mask": 1.0, "dice": 0.0, "iou": 0.0, "focal_alpha": -1.0, "focal_gamma": 0.0},
}
# probability of point or box (else the mask), and of the box given those
PROMPT_PRESETS: dict[str, tuple[float, float]] = {
    "point": (1.0, 0.0),
    "box": (1.0, 1.0),
    "mask": (0.0, 0.0),
    "mixed": (0.5, 0.5),
}


@dataclass(frozen=True)
class LossValues:
    """A loss without empty fields; meanings as in `LossConfig`."""

    mask: float
    dice: float
    iou: float
    presence: float
    focal_alpha: float
    focal_gamma: float
    presence_alpha: float
    presence_gamma: float
    temperature: float
    supervise_all_iou: bool
    iou_l1: bool


def loss_values(config: LossConfig) -> LossValues:
    """The preset's values under those that are given.

    Raises:
        BadConfig: all weights are zero.
    """
    given = config.model_dump(exclude={"preset", "frame_stride"}, exclude_none=True)
    values = LossValues(**{**LOSS_PRESETS[config.preset], **given})  # type: ignore[arg-type]
    if not any((values.mask, values.dice, values.iou, values.presence)):
        raise BadConfig("loss: every weight is 0, there is nothing to learn; set 'loss.mask' or 'loss.dice'")
    return values


def prompt_probabilities(config: PromptConfig) -> tuple[float, float]:
    """Probability of a prompt by point or box, and of the box given those."""
    point, box = PROMPT_PRESETS[config.type]
    return (
        point if config.point_probability is None else config.point_probability,
        box if config.box_probability is None else config.box_probability,
    )
