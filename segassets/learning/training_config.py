"""How a SAM2 learns, section by section: prompts, loss, modules, optimizer, trainer. Imports no torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from segassets.strict import StrictModel

Module = Literal[
    "image_encoder", "memory_attention", "memory_encoder", "mask_decoder", "prompt_encoder", "object_pointers"
]
MODULES: tuple[Module, ...] = (
    "image_encoder", "memory_attention", "memory_encoder", "mask_decoder", "prompt_encoder", "object_pointers",
)  # fmt: skip
LossPreset = Literal["focal-main", "dice-main", "equal", "dice-only", "bce"]


class PromptConfig(StrictModel):
    """What the network is told about each object while it learns.

    sam2's own rules hold: a mask is given without correction clicks, and a clip of one frame (a picture) is
    always prompted by a point or a box, because a mask given there would be its own answer.
    """

    type: Literal["point", "box", "mask", "mixed"] = Field(
        "mixed",
        description="Kind of prompt; mixed draws one per batch: half masks, a quarter points, a quarter boxes.",
    )
    point_probability: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of batches prompted by point or box, not mask; empty for the type's own.",
    )
    box_probability: float | None = Field(
        None, ge=0, le=1, description="Share of those that get the box; empty for the type's own."
    )
    points: int = Field(1, ge=1, le=32, description="Points inside the object in the first prompt.")
    negative_points: int = Field(0, ge=0, le=32, description="Points outside the object in the first prompt.")
    include_center: bool = Field(False, description="The first point is the one deepest inside the object.")
    box_noise: float = Field(
        0.1, ge=0, le=1, description="Largest shift of a corner, as a part of the box's width and height."
    )
    box_noise_px: int = Field(20, ge=0, description="The same limit in px of the network's input.")
    mask_noise_px: int = Field(0, ge=0, description="Mask prompts are grown or shrunk by up to this many px.")
    first_frames: int = Field(
        1, ge=1, description="Frames prompted from the truth before tracking starts, at most."
    )
    random_first_frames: bool = Field(
        True, description="Draw from one to that many; false takes all of them."
    )
    correction_clicks: int = Field(
        0, ge=0, le=32, description="Clicks drawn one by one from the error, per frame."
    )
    correction_frames: int = Field(1, ge=1, description="Frames corrected by clicks, at most.")
    random_correction_frames: bool = Field(True, description="Draw how many of them.")
    corrected_frames_condition: bool = Field(
        True, description="A corrected frame counts as prompted for the frames after it."
    )
    clicks_from_truth: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of correction clicks drawn from the object and not from the error.",
    )

    @model_validator(mode="after")
    def _enough_frames(self) -> PromptConfig:
        if self.correction_clicks and self.correction_frames < self.first_frames:
            raise ValueError(
                f"'correction_frames' is {self.correction_frames}, fewer than 'first_frames' ({self.first_frames}): "
                "every first frame is corrected"
            )
        return self


class LossConfig(StrictModel):
    """sam2's loss: mask (focal), dice, predicted IoU and presence of the object, per click and frame.

    A field left empty takes the preset's value (segassets.learning.presets).
    """

    preset: LossPreset = Field("focal-main", description="Weights to start from.")
    mask: float | None = Field(
        None, ge=0, description="Weight of the mask term (focal; plain BCE where gamma is 0)."
    )
    dice: float | None = Field(None, ge=0, description="Weight of the dice term.")
    iou: float | None = Field(None, ge=0, description="Weight of the term on the predicted IoU.")
    presence: float | None = Field(
        None, ge=0, description="Weight of the term on 'is the object on this frame'; 0 leaves it untrained."
    )
    focal_alpha: float | None = Field(None, description="Balance of inside and outside; -1 for none.")
    focal_gamma: float | None = Field(None, ge=0, description="How much less the easy pixels count.")
    presence_alpha: float | None = Field(None, description="Balance of the presence term; -1 for none.")
    presence_gamma: float | None = Field(None, ge=0, description="How much less the sure frames count.")
    temperature: float | None = Field(
        None, gt=0, description="Mask logits are divided by it before the loss."
    )
    supervise_all_iou: bool | None = Field(
        None, description="Train the predicted IoU of all masks of a click, not the best mask's alone."
    )
    iou_l1: bool | None = Field(None, description="Absolute instead of squared difference of IoUs.")
    frame_stride: int = Field(1, ge=1, description="Every how many frames of a clip the loss is computed.")


class ModuleConfig(StrictModel):
    """Which parts of the network learn. object_pointers: the pointers, and the embeddings of memory and absence."""

    trainable: list[Module] = Field(
        list(MODULES), min_length=1, description="Modules that learn; the rest is frozen."
    )
    random_init_memory: bool = Field(
        False, description="Start memory attention, memory encoder and object pointers from random values."
    )
    learning_rate_scale: dict[Module, float] = Field(
        {}, description="Factor on the learning rate of a module, e.g. {image_encoder: 0.6}."
    )

    @field_validator("trainable")
    @classmethod
    def _sorted(cls, value: list[Module]) -> list[Module]:
        return [module for module in MODULES if module in value]


class OptimizerConfig(StrictModel):
    """AdamW; no weight decay on biases and norms."""

    learning_rate: float = Field(5e-6, gt=0, description="Of an optimizer step, at its highest.")
    weight_decay: float = Field(0.1, ge=0, description="0 for biases and norms, whatever this says.")
    betas: tuple[float, float] = Field((0.9, 0.999), description="Of AdamW.")
    eps: float = Field(1e-8, gt=0, description="Of AdamW.")
    amsgrad: bool = Field(False, description="Of AdamW.")
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Factor on the learning rate from one block of the trunk to the one before it.",
    )


class ScheduleConfig(StrictModel):
    """Learning rate over the optimizer steps: linear warm-up, then cosine or constant."""

    type: Literal["cosine", "constant"] = Field("cosine", description="After the warm-up.")
    warmup_fraction: float = Field(0.0, ge=0, lt=1, description="Part of all steps spent warming up.")
    warmup_steps: int | None = Field(None, ge=0, description="Or their number.")
    start: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Factor on the learning rate from which the warm-up rises; no step has it.",
    )
    end: float = Field(0.1, ge=0, le=1, description="Factor at the last step of the cosine.")


class TrainerConfig(StrictModel):
    """How long, on what, how exactly."""

    accelerator: Literal["auto", "cpu", "gpu"] = Field(
        "auto", description="auto takes a GPU where there is one."
    )
    devices: int = Field(1, ge=1, description="Processes, each with its own GPU (or all on the CPU).")
    strategy: Literal["auto", "ddp"] = Field("auto", description="How several devices share the work: ddp.")
    precision: Literal["32", "bf16-mixed", "16-mixed"] = Field(
        "32", description="Arithmetic of a training step."
    )
    epochs: int | None = Field(
        None,
        ge=1,
        description="Passes over the training clips; empty for one, or for as many as max_steps takes.",
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        description="Optimizer steps after which training ends, where the epochs do not end sooner.",
    )
    max_minutes: float | None = Field(
        None, gt=0, description="Minutes after which training ends, time before an interruption included."
    )
    accumulate: int = Field(1, ge=1, description="Batches per optimizer step, on each device.")
    clip: float | None = Field(1.0, gt=0, description="Largest norm of the gradient; empty for no limit.")
    activation_checkpointing: bool = Field(
        False,
        description="Compute activations twice instead of keeping them: less memory, a third more time.",
    )
    validate_every: int | None = Field(
        None, ge=1, description="Optimizer steps between two validations; empty for once per epoch."
    )
    validation_batches: int = Field(
        16, ge=1, description="Batches of a validation, at most, the same each time."
    )

    @field_validator("precision", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return {"16": "16-mixed", "bf16": "bf16-mixed", "fp32": "32"}.get(str(value), str(value))


class CheckpointConfig(StrictModel):
    """What is kept of a training."""

    best_k: int = Field(3, ge=0, description="Best checkpoints kept beside the last; needs validation clips.")
    monitor: Literal["val/loss", "val/mean_iou"] = Field(
        "val/loss", description="Figure of a validation that says best."
    )
    every_steps: int = Field(
        200, ge=1, description="Optimizer steps between two saves of the last checkpoint."
    )
    every_minutes: float = Field(5.0, gt=0, description="Or this many minutes, whichever is sooner.")


class LoggingConfig(StrictModel):
    """Where curves go besides curves.parquet."""

    every_steps: int = Field(1, ge=1, description="Optimizer steps between two points of a curve.")
    tensorboard: bool = Field(True, description="Write the folder tensorboard/.")
    wandb: bool = Field(
        False, description="Also send the curves to Weights & Biases (pip install 'segassets[wandb]')."
    )
    wandb_project: str = Field("segassets", description="Its project.")
    examples: int = Field(
        4, ge=0, le=64, description="Pictures of predictions beside the truth, made at the end."
    )
