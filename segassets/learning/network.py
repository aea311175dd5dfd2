"""The network that learns: sam2's own SAM2Train with an experiment's prompts, weights and frozen parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from segassets.errors import BadConfig
from segassets.learning.presets import prompt_probabilities
from segassets.learning.prompting import draw_boxes, draw_masks, draw_points
from segassets.learning.training_config import MODULES, Module, ModuleConfig, PromptConfig
from segassets.models.sam2.build import load_parameters, network_config
from segassets.models.sam2.instantiate import instantiate, prepare_sam2
from segassets.models.spec import ModelSpec, RandomSource
from segassets.models.weights import fetch_weights, read_weights

prepare_sam2()

from training.model.sam2 import SAM2Train  # noqa: E402
from training.utils.data_utils import BatchedVideoDatapoint  # noqa: E402

PREFIXES: dict[str, Module] = {
    "image_encoder": "image_encoder",
    "memory_attention": "memory_attention",
    "memory_encoder": "memory_encoder",
    "sam_mask_decoder": "mask_decoder",
    "sam_prompt_encoder": "prompt_encoder",
}


class PromptedSAM2(SAM2Train):
    """SAM2Train whose first prompts follow a `PromptConfig`, and which is shown late objects where they appear."""

    def __init__(self, prompts: PromptConfig, checkpointing: bool = False, **network: Any) -> None:
        point, box = prompt_probabilities(prompts)
        self.prompt_config = prompts
        super().__init__(
            prob_to_use_pt_input_for_train=point,
            prob_to_use_pt_input_for_eval=point,
            prob_to_use_box_input_for_train=box,
            prob_to_use_box_input_for_eval=box,
            rand_init_cond_frames_for_train=prompts.random_first_frames,
            rand_frames_to_correct_for_train=prompts.random_correction_frames,
            add_all_frames_to_correct_as_cond=prompts.corrected_frames_condition,
            num_correction_pt_per_frame=prompts.correction_clicks,
            prob_to_sample_from_gt_for_train=prompts.clicks_from_truth,
            use_act_ckpt_iterative_pt_sampling=checkpointing,
            **network,
        )

    def draw_from(self, seed: int, *numbers: int) -> None:
        """Make everything drawn from here on a function of these numbers, in this process."""
        self.rng = np.random.default_rng((seed, *numbers))
        torch.manual_seed(int(self.rng.integers(2**62)))

    def prepare_prompt_inputs(
        self, backbone_out: dict[str, Any], input: BatchedVideoDatapoint, start_frame_idx: int = 0
    ) -> dict[str, Any]:
        """sam2's choice of frames and kinds of prompts, with our own points, boxes and masks on them."""
        config, frames = self.prompt_config, input.num_frames
        corrected = config.correction_frames if config.correction_clicks else config.first_frames
        self.num_init_cond_frames_for_train = min(config.first_frames, frames)
        self.num_frames_to_correct_for_train = min(max(corrected, config.first_frames), frames)
        found = super().prepare_prompt_inputs(backbone_out, input, start_frame_idx)
        if not config.correction_clicks:
            found["frames_to_add_correction_pt"] = []
        drawn = found["point_inputs_per_frame"].get(found["init_cond_frames"][0])
        with_box = drawn is not None and bool((drawn["point_labels"] == 2).any())  # one kind for all frames
        self._show_late_objects(found, input.masks)
        for frame in found["init_cond_frames"]:
            masks = found["gt_masks_per_frame"][frame]
            if not found["use_pt_input"]:
                found["mask_inputs_per_frame"][frame] = draw_masks(masks, config.mask_noise_px)
            elif with_box:
                found["point_inputs_per_frame"][frame] = draw_boxes(masks, config)
            else:
                found["point_inputs_per_frame"][frame] = draw_points(masks, config, center=not self.training)
        return found

    @staticmethod
    def _show_late_objects(found: dict[str, Any], masks: torch.Tensor) -> None:
        """Also prompt the frames where objects that no first frame shows appear; `masks` (T, B, H, W)."""
        present = masks.flatten(2).any(2).cpu()
        shown = present[found["init_cond_frames"]].any(0)
        while (waiting := present & ~shown).any():
            frame = int(waiting.any(1).nonzero()[0])
            found["init_cond_frames"] = [*found["init_cond_frames"], frame]
            found["frames_not_in_init_cond"] = [t for t in found["frames_not_in_init_cond"] if t != frame]
            shown |= present[frame]


def build_training_network(
    spec: ModelSpec,
    prompts: PromptConfig,
    modules: ModuleConfig,
    *,
    image_size: int | None = None,
    checkpointing: bool = False,
    seed: int = 0,
) -> PromptedSAM2:
    """The network of a model, on the CPU, ready to learn.

    Args:
        image_size: side of the square input in px; None for the model's own.
        checkpointing: compute activations of trunk, memory attention and click decoder twice.
        seed: of new parameters (`random_init_memory`).

    Raises:
        BadInput: the checkpoint is of another architecture.
        BadConfig: nothing is left to train.
    """
    spec = spec if image_size is None else spec.model_copy(update={"image_size": image_size})
    arguments = {key: value for key, value in network_config(spec).items() if key != "_target_"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.source.seed if isinstance(spec.source, RandomSource) else seed)
        network = PromptedSAM2(prompts, checkpointing, **instantiate(arguments))
    if not isinstance(spec.source, RandomSource):
        path = fetch_weights(spec)
        fresh = {name: value.clone() for name, value in network.state_dict().items()}
        load_parameters(network, read_weights(path), path)
        if modules.random_init_memory:
            network.load_state_dict({n: v for n, v in fresh.items() if is_memory(n)}, strict=False)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(module_of(name) in modules.trainable)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise BadConfig(f"modules.trainable: {modules.trainable} have no parameters in model '{spec.name}'")
    if checkpointing:
        trunk = network.image_encoder.trunk
        for module in (
            *getattr(trunk, "blocks", getattr(trunk, "stages", ())),
            *network.memory_attention.layers,
        ):
            _compute_twice(module)
    return network


def module_of(parameter: str) -> Module:
    """The module, in the words of `modules.trainable`, that a parameter belongs to."""
    return PREFIXES.get(parameter.split(".")[0], "object_pointers")


def is_memory(parameter: str) -> bool:
    """Whether a parameter belongs to the parts that remember earlier frames."""
    return module_of(parameter) in ("memory_attention", "memory_encoder", "object_pointers")


def learn_only(network: PromptedSAM2, trainable: list[Module]) -> None:
    """Training mode, but evaluation mode (no dropout) for the frozen modules."""
    network.train()
    for name, module in network.named_children():
        if PREFIXES.get(name, "object_pointers") not in trainable:
            module.eval()


def count_parameters(network: torch.nn.Module) -> dict[str, int]:
    """Parameters that learn, by module, and under "trained" and "all" in total."""
    found: dict[str, int] = dict.fromkeys(MODULES, 0)
    for name, parameter in network.named_parameters():
        found[module_of(name)] += parameter.numel() if parameter.requires_grad else 0
    trained = sum(found.values())
    return {**found, "trained": trained, "all": sum(p.numel() for p in network.parameters())}


def _compute_twice(module: torch.nn.Module) -> None:
    forward = module.forward

    def forward_again(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    module.forward = forward_again  # type: ignore[method-assign]
