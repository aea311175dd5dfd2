"""A program with VideoCutLER's arguments and outputs, or one that fails in the way --behave names."""

from __future__ import annotations

import argparse
import glob
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

parser = argparse.ArgumentParser()
for name in ("--config-file", "--output", "--save-frames", "--save-masks"):
    parser.add_argument(name)
parser.add_argument("--input", nargs="+")
parser.add_argument("--confidence-threshold", type=float)
parser.add_argument("--behave", default="works")
parser.add_argument("--opts", nargs=argparse.REMAINDER, default=[])
args = parser.parse_args()

pictures = sorted(glob.glob(args.input[0]))
folder = Path(args.output) / args.input[0].split("/")[-2]
weights = args.opts[args.opts.index("MODEL.WEIGHTS") + 1]
seen = os.environ.get("CUDA_VISIBLE_DEVICES")
print(f"confidence {args.confidence_threshold}, GPU {seen!r}, weights {Path(weights).name}", flush=True)


def save_masks(masks: list[np.ndarray], path: Path) -> None:
    """As the original: a picture of ids; fails where there is no mask."""
    ids = np.zeros(masks[0].shape, np.uint8)
    for at, mask in enumerate(masks, 1):
        ids[mask] = at
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(ids)
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.save(path)


if args.behave == "oom":
    sys.exit("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB")
if args.behave == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if args.behave == "silent":
    time.sleep(60)
if args.behave == "exits":
    sys.exit(0)
for number, name in enumerate(pictures):
    height, width = np.asarray(Image.open(name)).shape[:2]
    mask = np.zeros((height, width), bool)
    mask[4:16, 4 + number : 20 + number] = True
    if args.behave == "incomplete" and number == 2:
        sys.exit(0)
    if args.behave == "raises" and number == 1:
        raise RuntimeError("a kernel was not found")
    found = [] if args.behave == "empty" else [mask]
    save_masks(found, folder / f"mask_{Path(name).stem}.png")
