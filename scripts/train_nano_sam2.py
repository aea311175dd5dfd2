"""Train the small SAM2 that ships with the platform, from scratch, on generated rooms.

    python scripts/train_nano_sam2.py render --clips /tmp/rooms --count 1200
    python scripts/train_nano_sam2.py render --clips /tmp/rooms_check --count 24 --first-seed 900000
    python scripts/train_nano_sam2.py train --clips /tmp/rooms --check-clips /tmp/rooms_check --work /tmp/nano
    --minutes 60

Both can run at the same time: training picks up clips as they appear. A killed training continues from the
last checkpoint in --work. --minutes is processor time of one core, so a busy machine takes longer and trains
the same.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from segassets.configs_dir import configs_dir
from segassets.learning.promptable_check import quick_figures
from segassets.learning.promptable_start import align_prompts_with_places, set_picture_size
from segassets.learning.promptable_steps import clip_loss, draw_targets, encode, picture_loss
from segassets.learning.room_clips import ClipPool, Sample, draw_sample
from segassets.models.sam2.instantiate import instantiate, prepare_sam2

PEAK_LEARNING_RATE = 6e-4
WEIGHT_DECAY = 0.01
WARM_UP_STEPS = 200
PICTURES, PROMPTS_PER_PICTURE = 8, 6
CLIPS, TARGETS_PER_CLIP, SHORT_CLIP, LONG_CLIP = 1, 6, 5, 8
SMALL_PICTURES_PX, SMALL_UNTIL = 192, 0.55
CHECKPOINT_EVERY_S, CHECK_EVERY_S = 120, 300


def clip_share(progress: float) -> float:
    """Probability that a step trains on clips: pictures first, mostly clips in the end."""
    return 0.0 if progress < 0.12 else 0.4 if progress < 0.5 else 0.5


def learning_rate(progress: float, step: int) -> float:
    """Warm-up, a plateau until half of the time, then down in a line to a hundredth."""
    return (
        PEAK_LEARNING_RATE * min(1.0, (step + 1) / WARM_UP_STEPS) * min(1.0, max(0.01, (1 - progress) / 0.6))
    )


def stack(samples: list[Sample]) -> Sample:
    """Samples joined along a new first axis: image (N, T, 3, S, S), labels (N, T, S, S)."""
    return Sample(
        *(torch.stack([getattr(s, name) for s in samples]) for name in ("image", "objects", "parts"))
    )


def picture_step(
    network, pool: ClipPool, size_px: int, rng: np.random.Generator, progress: float
) -> torch.Tensor:
    batch = stack([draw_sample(pool, rng, 1, size_px) for _ in range(PICTURES)])
    features = encode(network, batch.image[:, 0], bf16=True)
    correct = rng.random() < 0.3 * min(1.0, progress / 0.2)
    return picture_loss(
        network, features, batch.objects[:, 0], batch.parts[:, 0], PROMPTS_PER_PICTURE, rng, correct
    )


def clip_step(network, pool: ClipPool, size_px: int, rng: np.random.Generator, progress: float):
    """Loss of tracking plus that of prompts on one frame of each clip; and the tracking IoU."""
    frames = LONG_CLIP if progress > 0.5 and rng.random() < 0.35 else SHORT_CLIP
    batch = stack([draw_sample(pool, rng, frames, size_px) for _ in range(CLIPS)])
    features = encode(network, batch.image.flatten(0, 1), bf16=True)
    targets = draw_targets(batch.objects, batch.parts, TARGETS_PER_CLIP, rng)
    teacher = max(0.0, 0.5 * (1 - progress / 0.6))
    tracking, overlap = clip_loss(network, features, targets, rng, teacher)
    index = torch.arange(CLIPS) * frames + torch.from_numpy(rng.integers(frames, size=CLIPS))
    chosen = type(features)([level[index] for level in features.levels], [])
    labels = [getattr(batch, name).flatten(0, 1)[index] for name in ("objects", "parts")]
    return tracking + 0.5 * picture_loss(network, chosen, *labels, PROMPTS_PER_PICTURE, rng, False), overlap


def make_optimizer(network) -> torch.optim.Optimizer:
    decayed = [p for p in network.parameters() if p.ndim >= 2]
    plain = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_LEARNING_RATE, betas=(0.9, 0.98), fused=True)


def save_weights(network, path: Path) -> None:
    """fp16 safetensors under the parameter names of sam2's own checkpoints."""
    from safetensors.torch import save_file

    staging = path.with_suffix(".tmp")
    save_file(
        {name: value.detach().half().contiguous() for name, value in network.state_dict().items()}, staging
    )
    staging.rename(path)


def save_state(path: Path, network, optimizer, elapsed_s: float, step: int) -> None:
    staging = path.with_suffix(".tmp")
    state = {
        "model": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "elapsed_s": elapsed_s,
        "step": step,
    }
    torch.save(state, staging)
    staging.rename(path)


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    prepare_sam2()
    config = yaml.safe_load((args.model or configs_dir() / "models" / "nano.yaml").read_text())
    network = instantiate(config["network"]).train()
    align_prompts_with_places(network)
    optimizer = make_optimizer(network)
    args.work.mkdir(parents=True, exist_ok=True)
    last, elapsed_s, step = args.work / "last.pt", 0.0, 0
    if last.exists():
        state = torch.load(last, weights_only=True)
        network.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        elapsed_s, step = state["elapsed_s"], state["step"]
    pool, check = ClipPool(args.clips), ClipPool(args.check_clips)
    pool.refresh(), check.refresh()
    rng = np.random.default_rng([args.seed, step])
    window: dict[str, list[float]] = {"picture": [], "clip": [], "track_iou": []}
    saved = checked = logged = elapsed_s
    mark = time.process_time()
    while elapsed_s < args.minutes * 60:
        progress = elapsed_s / (args.minutes * 60)
        size_px = SMALL_PICTURES_PX if progress < SMALL_UNTIL else config["image_size"]
        set_picture_size(network, size_px)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(progress, step)
        if rng.random() < clip_share(progress):
            loss, overlap = clip_step(network, pool, size_px, rng, progress)
            window["clip"].append(loss.item()), window["track_iou"].append(overlap.item())
        else:
            loss = picture_step(network, pool, size_px, rng, progress)
            window["picture"].append(loss.item())
        if not torch.isfinite(loss):
            raise SystemExit(
                f"step {step}: the loss is {loss.item()}; continue from {last} with a lower rate"
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        elapsed_s, mark = elapsed_s + time.process_time() - mark, time.process_time()
        if elapsed_s - logged > 30:
            logged, means = elapsed_s, {k: round(float(np.mean(v)), 4) for k, v in window.items() if v}
            print(
                json.dumps(
                    {"minute": round(elapsed_s / 60, 2), "step": step, "clips": pool.refresh(), **means}
                ),
                flush=True,
            )
            window = {name: [] for name in window}
        if elapsed_s - checked > CHECK_EVERY_S:
            checked = elapsed_s
            figures = {
                k: round(v, 4) for k, v in quick_figures(network, check.clips[:12], size_px, 6).items()
            }
            print(
                json.dumps({"minute": round(elapsed_s / 60, 2), "step": step, "check": figures}), flush=True
            )
        if elapsed_s - saved > CHECKPOINT_EVERY_S:
            saved = elapsed_s
            save_state(last, network, optimizer, elapsed_s, step)
            save_weights(network, args.weights)
    save_state(last, network, optimizer, elapsed_s, step)
    save_weights(network, args.weights)
    set_picture_size(network, config["image_size"])
    print(
        json.dumps({"done": True, "step": step, **quick_figures(network, check.clips, config["image_size"])}),
        flush=True,
    )


def render(args: argparse.Namespace) -> None:
    from segassets.learning.render_rooms import render_clips

    render_clips(args.clips, range(args.first_seed, args.first_seed + args.count))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    rendering = commands.add_parser("render", help="render clips of rooms")
    rendering.add_argument("--clips", type=Path, required=True, help="folder to render into")
    rendering.add_argument("--count", type=int, default=1200)
    rendering.add_argument("--first-seed", type=int, default=1_000_000)
    rendering.set_defaults(run=render)
    training = commands.add_parser("train", help="train on rendered clips")
    training.add_argument("--clips", type=Path, required=True)
    training.add_argument("--check-clips", type=Path, required=True)
    training.add_argument(
        "--work", type=Path, required=True, help="folder of the checkpoint to continue from"
    )
    training.add_argument("--weights", type=Path, default=Path("segassets/models/nano/sam2_nano.safetensors"))
    training.add_argument("--model", type=Path, help="YAML of the model; by default nano's")
    training.add_argument("--minutes", type=float, default=60.0)
    training.add_argument("--threads", type=int, default=1)
    training.add_argument("--seed", type=int, default=0)
    training.set_defaults(run=train)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
