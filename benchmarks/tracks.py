"""Whole track runs against sam2's own video predictor: same weights (nano), same frames, decoding on both sides.

Both read JPEG files from disk, follow the same masks from frame 0 to the end, and encode every mask at the frame's size
as RLE; ours also writes its tables and checkpoints. Post-processing is off on both sides. sam2's side runs sam2's own
layers; ours those of `segassets.models.sam2.processor_layers`.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import Figure, interleaved, seconds

FRAMES, HEIGHT, WIDTH = 48, 256, 256
GOALS = {1: 0.95, 4: 1.5, 16: 3.2}
REPEATS = 5


def make_footage(folder: Path, frames: int, objects: int) -> np.ndarray:
    """JPEG frames of squares that drift over noise; returns their masks on frame 0 (N, H, W)."""
    from PIL import Image

    rng = np.random.default_rng(0)
    ground = np.array(Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).resize((WIDTH, HEIGHT)))
    corners = rng.integers(0, 200, (objects, 2))
    colours = rng.integers(0, 255, (objects, 3))
    masks = np.zeros((objects, HEIGHT, WIDTH), bool)
    folder.mkdir(parents=True)
    for frame in range(frames):
        picture = ground.copy()
        for index, ((y, x), colour) in enumerate(zip(corners, colours, strict=True)):
            left = (x + frame) % 210
            picture[y : y + 44, left : left + 44] = colour
            if frame == 0:
                masks[index, y : y + 44, left : left + 44] = True
        Image.fromarray(picture).save(folder / f"{frame:05d}.jpg", quality=90)
    return masks


def frame_source(folder: Path, frames: int) -> Any:
    """The platform's reader of these frames."""
    from segassets.datasets.frames import FrameSource
    from segassets.masks.schemas import FRAMES as SCHEMA

    rows = [
        {
            "scene": "bench", "frame": index, "source_frame": index, "uri": f"{index:05d}.jpg",
            "height": HEIGHT, "width": WIDTH, "annotated": False,
        }
        for index in range(frames)
    ]  # fmt: skip
    return FrameSource(pa.Table.from_pylist(rows, schema=SCHEMA), str(folder))


def prompts(masks: np.ndarray) -> pa.Table:
    """The masks as candidates on frame 0."""
    from segassets.masks import rle
    from segassets.masks.table import MaskRows

    rows = MaskRows("bench")
    for counts in rle.encode_batch(masks):
        rows.add(
            frame=0, source_frame=0, height=HEIGHT, width=WIDTH, rle_counts=counts, source="candidate"
        )  # fmt: skip
    return rows.to_table()


def track_ours(network: Any, folder: Path, frames: int, masks: np.ndarray, scratch: Path) -> None:
    """One whole run of the tracking stage."""
    from segassets.models.sam2.video import Sam2Tracker
    from segassets.tracking.config import TrackingConfig
    from segassets.tracking.scene import track_scene

    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    config = TrackingConfig(backward_frames=0, retire_after=frames)  # sam2 follows absent objects to the end
    source = frame_source(folder, frames)
    model = Sam2Tracker(network, frames)
    track_scene(source, "bench", prompts(masks), model, config, scratch / "work", scratch)


def track_theirs(predictor: Any, folder: Path, masks: np.ndarray) -> None:
    """One whole run of sam2's predictor, masks as RLE."""
    from segassets.masks import rle

    with contextlib.redirect_stderr(io.StringIO()):  # its progress bars
        state = predictor.init_state(str(folder))
        for index, mask in enumerate(masks):
            predictor.add_new_mask(state, 0, index + 1, mask)
        for _, _, logits in predictor.propagate_in_video(state):
            rle.encode_batch((logits[:, 0] > 0).cpu().numpy())


def run(names: list[str]) -> list[Figure]:
    """The figures asked for."""
    from segassets.models.registry import load_spec
    from segassets.models.sam2.build import build_sam2_network, build_sam2_video_predictor

    spec = load_spec("nano")
    network, predictor = build_sam2_network(spec), build_sam2_video_predictor(spec)
    figures = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for objects in (number for number in GOALS if f"tracks_{number}" in names):
            folder, scratch = root / f"frames_{objects}", root / "scratch"
            masks = make_footage(folder, FRAMES, objects)

            def ours(folder: Path = folder, masks: np.ndarray = masks, scratch: Path = scratch) -> float:
                return seconds(lambda: track_ours(network, folder, FRAMES, masks, scratch))

            def theirs(folder: Path = folder, masks: np.ndarray = masks) -> float:
                return seconds(lambda: track_theirs(predictor, folder, masks))

            ours(), theirs()  # warm
            mine, reference = interleaved([ours, theirs], REPEATS)
            figures.append(
                Figure(
                    f"tracks_{objects}", reference / mine, "x sam2's predictor", GOALS[objects],
                    note=f"{FRAMES / mine:.1f} frames/s against {FRAMES / reference:.1f}, {objects} objects",
                )
            )  # fmt: skip
    return figures
