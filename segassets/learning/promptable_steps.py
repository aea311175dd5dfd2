"""One training step on pictures and one on clips, for any SAM2 network: both return a loss to differentiate.

They call the parts of sam2's `SAM2Base` directly, so all four mask tokens can be supervised at the decoder's
own resolution (a sixteenth of the pixels of sam2's trainer) and many prompts share one encoded picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from segassets.learning.promptable import (
    MIN_AREA_PX,
    Prompts,
    box_of,
    draw_prompts,
    grid_iou,
    jitter_box,
    mask_cost,
    token_loss,
)

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


@dataclass
class Features:
    """Encoded pictures: `levels` [(N, C, h, w)] finest first, the last one the embedding that meets the
    memory."""

    levels: list[torch.Tensor]
    positions: list[torch.Tensor]


def encode(network: SAM2Base, images: torch.Tensor, bf16: bool = False) -> Features:
    """images (N, 3, S, S) normalised; with `bf16` the encoder's convolutions run in bfloat16 (the features
    are float32 all the same)."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
        out = network.forward_image(images)
    count = network.num_feature_levels
    levels, positions = out["backbone_fpn"][-count:], out["vision_pos_enc"][-count:]
    return Features([level.float() for level in levels], [position.float() for position in positions])


def decode(network: SAM2Base, features: Features, prompts: Prompts) -> tuple[torch.Tensor, ...]:
    """All four masks of each prompt: logits (P, 4, s, s), predicted IoU (P, 4), object score (P, 1)."""
    sparse, dense = network.sam_prompt_encoder(
        points=(prompts.points_xy, prompts.labels), boxes=None, masks=prompts.mask_logits
    )
    embedding = features.levels[-1] + network.no_mem_embed.view(1, -1, 1, 1)
    logits, predicted_iou, _, object_score = network.sam_mask_decoder.predict_masks(
        image_embeddings=embedding[prompts.image],
        image_pe=network.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        repeat_image=False,
        high_res_features=[level[prompts.image] for level in features.levels[:-1]],
    )
    return logits, predicted_iou, object_score


def picture_loss(
    network: SAM2Base,
    features: Features,
    objects: torch.Tensor,
    parts: torch.Tensor,
    per_image: int,
    rng: np.random.Generator,
    correct: bool,
) -> torch.Tensor:
    """Loss of point, box and mask prompts on encoded pictures; with `correct`, also of a second, correcting
    click."""
    groups = draw_prompts(objects, parts, per_image, rng)
    total = features.levels[-1].new_zeros(())
    count = sum(len(prompts.image) for prompts in groups.values())
    for kind, prompts in groups.items():
        logits, predicted_iou, object_score = decode(network, features, prompts)
        loss = token_loss(logits, predicted_iou, prompts.whole, prompts.part)
        presence = F.softplus(-object_score).mean()
        total = total + (loss + 0.2 * presence) * (len(prompts.image) / count)
        if correct and kind != "mask":
            corrected = _with_correction(prompts, logits[:, 0].detach(), rng)
            logits, predicted_iou, _ = decode(network, features, corrected)
            loss = token_loss(logits, predicted_iou, corrected.whole, corrected.part)
            total = total + loss * (len(corrected.image) / count)
    return total


def _with_correction(prompts: Prompts, logits: torch.Tensor, rng: np.random.Generator) -> Prompts:
    """A third of the prompts, each with a click where token 0 errs most and its logits as the mask prompt."""
    chosen = torch.from_numpy(rng.permutation(len(prompts.image))[: max(1, len(prompts.image) // 3)])
    truth, guess = prompts.whole[chosen] > 0.5, logits[chosen] > 0
    error = (truth != guess).float() + 1e-4 * truth.float() + 1e-9
    side = logits.shape[-1]
    place = torch.from_numpy(
        np.stack(
            [
                rng.choice(side * side, p=weights / weights.sum())
                for weights in error.flatten(1).double().numpy()
            ]
        )
    )
    clicks = torch.stack([place % side, place // side], dim=1).float() * 4 + 1.5
    signs = truth.flatten(1)[torch.arange(len(chosen)), place].float()
    return Prompts(
        prompts.image[chosen],
        torch.cat([prompts.points_xy[chosen], clicks[:, None]], dim=1),
        torch.cat([prompts.labels[chosen], signs[:, None]], dim=1),
        logits[chosen, None].clamp(-32, 32),
        prompts.whole[chosen],
        prompts.whole[chosen],
    )


@dataclass
class Targets:
    """Objects followed through clips: `clip` (B,), `masks` (B, T, S, S) float 0/1."""

    clip: torch.Tensor
    masks: torch.Tensor


def draw_targets(
    objects: torch.Tensor, parts: torch.Tensor, per_clip: int, rng: np.random.Generator
) -> Targets:
    """Things seen in the first frame of each clip (labels (C, T, S, S)): objects, parts of them, a wall now
    and then.

    Every clip gives exactly `per_clip`, by repetition where it shows fewer.
    """
    clips, masks = [], []
    for clip in range(objects.shape[0]):
        found = []
        for name in torch.unique(objects[clip, 0]).tolist():
            if name > 0:
                found.append((1.0, objects[clip] == name))
        for name in torch.unique(parts[clip, 0]).tolist():
            mask = parts[clip] == name
            inside_object = int(objects[clip, 0][mask[0]].max()) > 0
            found.append((0.3 if inside_object else 0.15, mask))
        found = [(weight, mask) for weight, mask in found if int(mask[0].sum()) >= MIN_AREA_PX]
        weights = np.array([weight for weight, _ in found])
        repeat = len(found) < per_clip
        for pick in rng.choice(len(found), per_clip, replace=repeat, p=weights / weights.sum()):
            clips.append(clip)
            masks.append(found[pick][1])
    return Targets(torch.tensor(clips), torch.stack(masks).float())


def clip_loss(
    network: SAM2Base,
    features: Features,
    targets: Targets,
    rng: np.random.Generator,
    teacher: float = 0.0,
    from_box: bool | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Track the targets from a first-frame mask (or box) through their clips.

    Args:
        features: of all frames, clip-major (C * T pictures).
        teacher: probability that a frame's memory is made from the true mask instead of the predicted one.
        from_box: start from boxes instead of masks; drawn (one in four) where not given.

    Returns:
        the loss, and the mean IoU over the frames after the first (detached).
    """
    frames = targets.masks.shape[1]
    outputs: dict[str, dict] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    losses, overlaps = [], []
    if from_box is None:
        from_box = rng.random() < 0.25
    for frame in range(frames):
        index = targets.clip * frames + frame
        truth = targets.masks[:, frame : frame + 1]
        coverage = F.avg_pool2d(truth, 4)[:, 0]
        points, mask = _first_prompt(truth, from_box, rng) if frame == 0 else (None, None)
        levels = [level[index].flatten(2).permute(2, 0, 1) for level in features.levels]
        positions = [level[index].flatten(2).permute(2, 0, 1) for level in features.positions]
        sizes = [tuple(level.shape[-2:]) for level in features.levels]
        current, sam, _, _ = network._track_step(
            frame, frame == 0, levels, positions, sizes, points, mask, outputs, frames, False, None
        )
        _, _, predicted_iou, low_res, high_res, pointer, object_score = sam
        current["obj_ptr"] = pointer
        if frame > 0 or from_box:
            losses.append(_followed_loss(low_res[:, 0], predicted_iou[:, 0], object_score[:, 0], coverage))
        if frame > 0:
            overlaps.append(grid_iou(low_res[:, 0], coverage)[coverage.amax(dim=(-1, -2)) > 0])
        if frame + 1 < frames:
            if frame > 0 and rng.random() < teacher:
                high_res, object_score = truth * 20 - 10, coverage.amax(dim=(-1, -2))[:, None] - 1e-6
            network._encode_memory_in_output(levels, sizes, points, True, high_res, object_score, current)
            outputs["cond_frame_outputs" if frame == 0 else "non_cond_frame_outputs"][frame] = current
    return torch.stack(losses).mean(), torch.cat(overlaps).mean()


def _first_prompt(
    truth: torch.Tensor, from_box: bool, rng: np.random.Generator
) -> tuple[dict[str, torch.Tensor] | None, torch.Tensor | None]:
    """Point inputs (the corners of jittered boxes) or mask inputs, as sam2's `track_step` takes them."""
    if not from_box:
        return None, truth
    boxes = torch.stack([jitter_box(box_of(mask[0] > 0), truth.shape[-1], rng) for mask in truth])
    labels = torch.tensor([[2, 3]], dtype=torch.int32).repeat(len(truth), 1)
    return {"point_coords": boxes.view(-1, 2, 2), "point_labels": labels}, None


def _followed_loss(
    logits: torch.Tensor, predicted_iou: torch.Tensor, object_score: torch.Tensor, coverage: torch.Tensor
) -> torch.Tensor:
    """Mask and IoU loss where the object is seen (and the network did not blank it), presence loss
    everywhere."""
    present = (coverage.amax(dim=(-1, -2)) > 0).float()
    presence = F.binary_cross_entropy_with_logits(object_score, present)
    counted = present * (logits.amax(dim=(-1, -2)) > -1000).float()
    masks = mask_cost(logits.clamp(-64, 64), coverage) + (predicted_iou - grid_iou(logits, coverage)).abs()
    return (masks * counted).sum() / counted.sum().clamp(min=1) + 0.5 * presence
