"""The file contract of external candidate engines, for programs: copy this file next to yours.

Needs Python 3.8, numpy and pillow; nothing of segassets. See docs/external-engines.md.
"""

import argparse
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
from PIL import Image


def run(propose):
    """Answer the request named on the command line.

    propose(rgb, picture_path, request) -> list of dicts with `segmentation` (H, W) bool, `level`, and where
    known `stability`, `predicted_iou` (0..1) and `parent` (position in this list).
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--request", type=Path, required=True)
    parser.add_argument("--result", type=Path, required=True)
    arguments, _ = parser.parse_known_args()
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    request = json.loads(arguments.request.read_text("utf-8"))
    for entry in request["frames"]:
        path = arguments.request.parent / entry["picture"]
        rgb = np.asarray(Image.open(path).convert("RGB"))
        write_result(arguments.result, entry, propose(rgb, path, request))
        print(f"frame {entry['frame']} done", flush=True)


def write_result(folder, entry, masks):
    """One frame's masks as `<frame>.npz`, under a temporary name until it is complete."""
    height, width = entry["height"], entry["width"]
    packed = np.zeros((len(masks), (height * width + 7) // 8), np.uint8)
    for at, mask in enumerate(masks):
        packed[at] = np.packbits(np.asarray(mask["segmentation"], bool).reshape(height * width))
    target = Path(folder) / f"{entry['frame']:06d}.npz"
    staging = target.with_suffix(".tmp")
    with staging.open("wb") as stream:
        np.savez_compressed(
            stream,
            size=np.array([height, width], np.int64),
            masks=packed,
            level=np.array([mask["level"] for mask in masks], np.int64),
            parent=np.array([mask.get("parent", -1) for mask in masks], np.int64),
            stability=np.array([mask.get("stability", np.nan) for mask in masks], np.float32),
            predicted_iou=np.array([mask.get("predicted_iou", np.nan) for mask in masks], np.float32),
        )
    staging.replace(target)


def _end_with_the_caller():
    """Standard input stays open as long as the caller lives."""
    sys.stdin.buffer.read()
    os._exit(1)
