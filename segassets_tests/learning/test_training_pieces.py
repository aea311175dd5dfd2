"""Parts of a training one by one: prompts, loss, groups of parameters, schedule, files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision.ops

from segassets.errors import BadInput, OutOfSpace
from segassets.learning.checkpoints import read_checkpoint, remove_staging, save_checkpoint
from segassets.learning.lightning_module import memory_errors
from segassets.learning.losses import ClipLoss
from segassets.learning.network import (
    build_training_network,
    count_parameters,
    is_memory,
    learn_only,
    module_of,
)
from segassets.learning.optim import layer_factor, make_optimizer, schedule_factor
from segassets.learning.presets import loss_values
from segassets.learning.prompting import draw_boxes, draw_masks, draw_points
from segassets.learning.stream import BatchStream
from segassets.learning.training_config import (
    MODULES,
    LossConfig,
    ModuleConfig,
    OptimizerConfig,
    PromptConfig,
    ScheduleConfig,
)  # fmt: skip
from segassets.learning.validation import iou_sum
from segassets.models.sam2.tiny import tiny_spec
from segassets.models.spec import ModelSpec

from training.utils.data_utils import Frame, Object, VideoDatapoint, collate_fn  # isort: skip - sam2 is prepared

SIZE = 64


def batch(frames: int = 3, late: bool = False, videos: int = 1):
    """Clips with a moving square, and with one that appears on the second frame."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for video in range(videos):
        content = []
        for frame in range(frames):
            first, second = torch.zeros(2, SIZE, SIZE, dtype=torch.uint8)
            first[8:28, 4 + 3 * frame : 24 + 3 * frame] = 1
            if not late or frame >= 1:
                second[36:56, 20:44] = 1
            objects = [Object(1, frame, first), Object(2, frame, second)]
            content.append(Frame(torch.rand(3, SIZE, SIZE, generator=generator), objects))
        found.append(VideoDatapoint(content, video, (SIZE, SIZE)))
    return collate_fn(found, "made")


def network(prompts: PromptConfig | None = None, modules: ModuleConfig | None = None, **more):
    return build_training_network(tiny_spec(), prompts or PromptConfig(), modules or ModuleConfig(), **more)


MASKS = torch.zeros(3, 1, SIZE, SIZE, dtype=torch.bool)
MASKS[0, 0, 10:30, 20:50] = True
MASKS[1, 0, 5, 7] = True  # one pixel; the third object is not on the frame


def test_points_lie_where_their_labels_say() -> None:
    torch.manual_seed(0)
    found = draw_points(MASKS, PromptConfig(points=3, negative_points=2, include_center=True))
    points, labels = found["point_coords"], found["point_labels"]
    assert points.shape == (3, 5, 2) and labels.dtype == torch.int32
    assert points[0, 0, 1] in (19, 20) and 29 <= points[0, 0, 0] <= 40  # the middle of the square
    for index in range(3):
        for (x, y), label in zip(points[index].long().tolist(), labels[index].tolist(), strict=True):
            if label >= 0:
                assert bool(MASKS[index, 0, y, x]) == bool(label)
    assert labels[0].tolist() == [1, 1, 1, 0, 0]
    assert labels[1].tolist() == [1, -1, -1, 0, 0]  # one pixel has one point inside
    assert labels[2].tolist() == [0, -1, -1, -1, -1]


@pytest.mark.parametrize(("noise", "limit"), [(0.0, 0), (0.1, 3), (0.5, 2)])
def test_boxes(noise: float, limit: int) -> None:
    torch.manual_seed(0)
    found = draw_boxes(MASKS, PromptConfig(box_noise=noise, box_noise_px=limit if noise == 0.5 else 20))
    assert (found["point_coords"][0] - torch.tensor([[20.0, 10.0], [49.0, 29.0]])).abs().max() <= limit
    assert found["point_labels"].tolist() == [[2, 3], [2, 3], [0, -1]]


def test_masks_grow_and_shrink_and_never_vanish() -> None:
    torch.manual_seed(1)
    drawn = torch.stack([draw_masks(MASKS, 4) for _ in range(20)])
    areas = drawn[:, 0].flatten(1).sum(1)
    assert areas.min() < MASKS[0].sum() < areas.max()
    assert (drawn[:, 1].flatten(1).sum(1) >= 1).all() and not drawn[:, 2].any()
    assert draw_masks(MASKS, 0) is MASKS


@pytest.mark.parametrize("kind", ["point", "box", "mask"])
@pytest.mark.parametrize("frames", [1, 3])
def test_every_prompt_gives_a_loss_that_teaches(kind: str, frames: int) -> None:
    clicks = 0 if kind == "mask" else 2
    prompts = PromptConfig.model_validate(
        {"type": kind, "correction_clicks": clicks, "correction_frames": 2, "first_frames": 2}
    )
    learner = network(prompts)
    learner.train()
    learner.draw_from(0, 1)
    clip = batch(frames, videos=2)
    terms = ClipLoss(loss_values(LossConfig(presence=1.0)))(learner(clip), clip.masks)
    terms["loss"].backward()
    assert torch.isfinite(terms["loss"])
    decoder = learner.sam_mask_decoder.transformer.layers[0].self_attn.q_proj.weight
    assert decoder.grad is not None and decoder.grad.abs().sum() > 0


def test_late_objects_are_shown_where_they_appear() -> None:
    learner = network(PromptConfig(type="point"))
    clip = batch(3, late=True)
    learner.draw_from(0)
    found = learner.prepare_prompt_inputs({}, clip)
    assert found["init_cond_frames"] == [0, 1] and found["frames_not_in_init_cond"] == [2]
    labels = {
        frame: inputs["point_labels"].tolist() for frame, inputs in found["point_inputs_per_frame"].items()
    }
    assert labels == {0: [[1], [0]], 1: [[1], [1]]}
    clip = batch(3)
    learner.draw_from(0)
    assert learner.prepare_prompt_inputs({}, clip)["init_cond_frames"] == [0]


def test_frames_on_which_objects_are_shown_are_not_judged() -> None:
    learner = network(PromptConfig(type="mask")).eval()
    for late, judged in ((True, 2), (False, 4)):
        clip = batch(3, late=late)
        with torch.no_grad():
            assert iou_sum(learner(clip), clip.masks)[1] == judged  # two objects on each of the other frames
    picture = batch(1)
    with torch.no_grad():
        assert iou_sum(learner(picture), picture.masks)[1] == 2


def test_the_share_of_boxes_does_not_grow_with_the_prompted_frames() -> None:
    config = PromptConfig(
        point_probability=1.0, box_probability=0.5, first_frames=3, random_first_frames=False
    )
    learner, clip, boxes = network(config), batch(3), 0
    learner.train()
    for number in range(60):
        learner.draw_from(0, number)
        kinds = {
            bool((inputs["point_labels"] == 2).any())
            for inputs in learner.prepare_prompt_inputs({}, clip)["point_inputs_per_frame"].values()
        }
        assert len(kinds) == 1
        boxes += kinds.pop()
    assert 18 <= boxes <= 42


def test_the_same_numbers_draw_the_same() -> None:
    learner = network(PromptConfig(correction_clicks=2))
    learner.train()
    clip = batch()
    outputs = []
    for numbers in ((1, 2), (1, 3), (1, 2)):
        learner.draw_from(7, *numbers)
        outputs.append(learner(clip)[-1]["pred_masks_high_res"])
    assert torch.equal(outputs[0], outputs[2]) and not torch.equal(outputs[0], outputs[1])


def test_activation_checkpointing_changes_no_gradient() -> None:
    gradients = []
    for twice in (False, True):
        learner = network(PromptConfig(type="box", correction_clicks=1), checkpointing=twice)
        learner.train()
        learner.draw_from(0)
        clip = batch(2)
        ClipLoss(loss_values(LossConfig()))(learner(clip), clip.masks)["loss"].backward()
        gradients.append(torch.cat([p.grad.flatten() for p in learner.parameters() if p.grad is not None]))
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize(
    ("preset", "alpha", "gamma"), [("focal-main", 0.25, 2.0), ("equal", 0.25, 2.0), ("bce", -1.0, 0.0)]
)
def test_mask_and_dice_terms_are_the_textbooks(preset: str, alpha: float, gamma: float) -> None:
    torch.manual_seed(0)
    logits, truth = torch.randn(2, 1, 8, 8), torch.rand(1, 2, 8, 8) > 0.5
    output = {
        "multistep_pred_multimasks_high_res": [logits],
        "multistep_pred_ious": [torch.rand(2, 1)],
        "multistep_object_score_logits": [torch.zeros(2, 1)],
    }
    found = ClipLoss(loss_values(LossConfig.model_validate({"preset": preset})))([output], truth)
    target = truth[0].unsqueeze(1).float()
    focal = torchvision.ops.sigmoid_focal_loss(logits, target, alpha, gamma, reduction="mean")
    probability = logits.sigmoid()
    overlap = (probability * target).flatten(1).sum(1)
    sums = probability.flatten(1).sum(1) + target.flatten(1).sum(1)
    assert float(found["mask"]) == pytest.approx(float(focal), rel=1e-5)
    assert float(found["dice"]) == pytest.approx(float((1 - (2 * overlap + 1) / (sums + 1)).mean()), rel=1e-5)


def test_temperature_stride_and_presence() -> None:
    truth = torch.zeros(4, 1, 8, 8, dtype=torch.bool)
    truth[0, 0, 2:6, 2:6] = True
    outputs = [
        {
            "multistep_pred_multimasks_high_res": [torch.full((1, 1, 8, 8), 0.7)],
            "multistep_pred_ious": [torch.zeros(1, 1)],
            "multistep_object_score_logits": [torch.full((1, 1), 2.0)],
        }
        for _ in range(4)
    ]
    values = loss_values(LossConfig(preset="bce", presence=1.0, temperature=0.7))
    terms = ClipLoss(values, frame_stride=2)(outputs, truth)
    present = torch.nn.functional.binary_cross_entropy_with_logits(torch.ones(1, 8, 8), truth[0].float())
    assert float(terms["mask"]) == pytest.approx(float(present), rel=1e-5)  # the object is absent on frame 2
    score = torch.nn.functional.softplus(torch.tensor([-2.0, 2.0])).sum()
    assert float(terms["presence"]) == pytest.approx(float(score), rel=1e-5)
    assert float(ClipLoss(values, predicts_presence=False)(outputs, truth)["presence"]) == 0


def test_a_wrong_absence_counts_like_any_wrong_mask_and_teaches_nothing() -> None:
    truth = torch.ones(1, 1, 8, 8, dtype=torch.bool)
    logits = torch.full((1, 1, 8, 8), -1024.0, requires_grad=True)
    output = {
        "multistep_pred_multimasks_high_res": [logits],
        "multistep_pred_ious": [torch.zeros(1, 1)],
        "multistep_object_score_logits": [torch.full((1, 1), -2.0)],
    }
    terms = ClipLoss(loss_values(LossConfig(preset="bce")))([output], truth)
    terms["loss"].backward()
    assert float(terms["mask"].detach()) == pytest.approx(32) and not logits.grad.any()


@pytest.mark.parametrize("preset", ["focal-main", "dice-only"])
def test_a_step_in_bfloat16(preset: str) -> None:
    learner = network(PromptConfig(correction_clicks=1))
    learner.train()
    learner.draw_from(0)
    clip = batch(2)
    with torch.autocast("cpu", torch.bfloat16):
        values = loss_values(LossConfig.model_validate({"preset": preset, "presence": 1}))
        terms = ClipLoss(values)(learner(clip), clip.masks)
    terms["loss"].backward()
    assert torch.isfinite(terms["loss"]) and terms["loss"].dtype == torch.float32


def test_frozen_modules_stay_as_they_are() -> None:
    learner = network(modules=ModuleConfig(trainable=["memory_attention", "memory_encoder"]))
    learn_only(learner, ["memory_attention", "memory_encoder"])
    learns = {module_of(name) for name, value in learner.named_parameters() if value.requires_grad}
    assert learns == {"memory_attention", "memory_encoder"}
    assert learner.training and learner.memory_attention.training and not learner.image_encoder.training
    counts = count_parameters(learner)
    assert counts["trained"] == counts["memory_attention"] + counts["memory_encoder"] < counts["all"]
    assert counts["all"] == sum(value.numel() for value in learner.parameters())
    assert {module_of(name) for name, _ in learner.named_parameters()} == set(MODULES)


def test_memory_from_random_values(tmp_path: Path) -> None:
    stored = network().state_dict()
    save_checkpoint(tmp_path / "start.pt", {"model": stored})
    spec = ModelSpec.model_validate(
        tiny_spec(1).model_dump() | {"source": {"kind": "file", "path": str(tmp_path / "start.pt")}}
    )
    learner = build_training_network(spec, PromptConfig(), ModuleConfig(random_init_memory=True), seed=5)
    changed = {name for name, value in learner.state_dict().items() if not torch.equal(value, stored[name])}
    assert changed and all(is_memory(name) for name in changed)
    assert "memory_attention.layers.0.linear1.weight" in changed


def test_groups_of_parameters() -> None:
    learner = network()
    config = OptimizerConfig(learning_rate=1.0, weight_decay=0.5, layer_decay=0.5, amsgrad=True)
    optimizer = make_optimizer(learner, config, ModuleConfig(learning_rate_scale={"memory_encoder": 3.0}))
    found = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    assert len(found) == len(list(learner.parameters())) and optimizer.defaults["amsgrad"]
    named = {name: found[id(parameter)] for name, parameter in learner.named_parameters()}
    assert named["memory_attention.norm.weight"]["weight_decay"] == 0
    assert named["memory_attention.layers.0.linear1.bias"]["weight_decay"] == 0
    assert named["memory_attention.layers.0.linear1.weight"]["weight_decay"] == 0.5
    assert named["memory_encoder.out_proj.weight"]["lr"] == 3.0
    trunk = learner.image_encoder.trunk
    depths = {
        trunk.get_layer_id(n.split("trunk.")[1]) for n in named if "trunk." in n and "pos_embed" not in n
    }
    rates = {group["lr"] for name, group in named.items() if "trunk." in name and "pos_embed" not in name}
    assert rates == {0.5 ** (trunk.get_num_layers() + 1 - depth) for depth in depths}


def test_no_layer_decay_behind_the_trunk() -> None:
    assert layer_factor("image_encoder.neck.convs.0.conv.weight", None, 0.5) == 1
    assert layer_factor("image_encoder.trunk.blocks.0.attn.qkv.weight", None, 1.0) == 1
    assert layer_factor("image_encoder.trunk.pos_embed", None, 0.5) == 1


@pytest.mark.parametrize(
    ("schedule", "step", "factor"),
    [
        ({"warmup_fraction": 0.2}, 0, 0.5),
        ({"warmup_fraction": 0.2}, 1, 1.0),
        ({"warmup_fraction": 0.2}, 2, 1.0),
        ({"warmup_fraction": 0.2, "end": 0.0}, 9, 0.0),
        ({"warmup_steps": 4, "start": 0.2}, 0, 0.4),
        ({"type": "constant"}, 9, 1.0),
        ({"end": 0.1}, 99, 0.1),
    ],
)
def test_schedule(schedule: dict, step: int, factor: float) -> None:
    assert schedule_factor(step, 10, ScheduleConfig.model_validate(schedule)) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("first", "count", "expected"),
    [(0, 7, [0, 1, 2, 10, 11, 12, 20]), (4, 7, [11, 12, 20]), (7, 7, []), (3, 6, [10, 11, 12])],
)
def test_stream_goes_on_at_any_batch(first: int, count: int, expected: list[int]) -> None:
    stream = BatchStream(lambda epoch, start: range(10 * epoch + start, 10 * epoch + 3), 3, first, count)
    assert list(stream) == expected


def test_checkpoints_appear_whole(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"model": {"a": torch.ones(2)}, "steps": 1})
    (tmp_path / ".last.pt.123.tmp").write_bytes(b"half")
    remove_staging(tmp_path)
    assert read_checkpoint(path)["steps"] == 1 and [p.name for p in tmp_path.iterdir()] == ["last.pt"]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadInput, match="cannot be read as a checkpoint"):
        read_checkpoint(path)


def test_full_disk_leaves_the_old_checkpoint(tmp_path: Path, small_disk: Path) -> None:
    path = small_disk / "last.pt"
    save_checkpoint(path, {"model": {"a": torch.ones(10)}})
    before = path.read_bytes()
    with pytest.raises(OutOfSpace, match=r"last\.pt"):
        save_checkpoint(path, {"model": {"a": torch.ones(2_000_000)}})
    assert path.read_bytes() == before and [p.name for p in small_disk.iterdir()] == ["last.pt"]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
        RuntimeError("DataLoader worker (pid 9) is killed by signal: Killed. "),
    ],
)
def test_out_of_memory_names_what_to_lower(error: Exception) -> None:
    with pytest.raises(BadInput, match=r"step 3: out of memory.*batch_size.*activation_checkpointing"):
        with memory_errors("step 3"):
            raise error


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory_errors("step 3"):
        raise RuntimeError("shape")
