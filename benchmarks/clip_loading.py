"""Clips of 8 frames from a video of 100, against a loader that decodes every mask of the video for each clip.

Both read the same JPEG files of the same clips and hand over the same pictures and masks, before any transform; the
other side is what a loader with dense masks per video does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Figure, interleaved, seconds

GOAL = 5.0
FRAMES, HEIGHT, WIDTH, OBJECTS = 100, 480, 640, 8
CLIPS, REPEATS = 4, 5


def make_scene(folder: Path, frames: int, objects: int, height: int, width: int) -> Any:
    """JPEG frames of drifting blobs over a gradient, and the training scene of them."""
    import pyarrow as pa
    from PIL import Image

    from segassets.learning.clip_scenes import TrainingScene
    from segassets.masks import rle
    from segassets.masks.schemas import FRAMES as SCHEMA

    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    angle = np.arctan2(rows - height / 2, columns - width / 2)
    centres = rng.uniform(0.25, 0.75, (objects, 2)) * (height, width)
    radii, lobes = rng.uniform(0.06, 0.2, objects) * height, rng.integers(3, 8, objects)
    records, counts = [], []
    for frame in range(frames):
        picture = np.stack([rows * 255 // height, columns * 255 // width, (rows + columns + frame) % 256], 2)
        for number in range(objects):
            y, x = centres[number] + frame * np.array([0.4, 0.6])
            reach = radii[number] * (1 + 0.2 * np.sin(lobes[number] * angle))
            mask = (rows - y) ** 2 + (columns - x) ** 2 <= reach**2
            picture[mask] = (40 * number % 256, 90, 200)
            counts.append(rle.encode(mask))
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{frame:05d}.jpg", quality=90)
        records.append(
            {
                "scene": "bench", "frame": frame, "source_frame": frame, "uri": f"{frame:05d}.jpg",
                "height": height, "width": width, "annotated": True,
            }
        )  # fmt: skip
    return TrainingScene(
        key="bench",
        frames=pa.Table.from_pylist(records, schema=SCHEMA),
        root=str(folder),
        taught=np.arange(frames, dtype=np.int32),
        by_picture=False,
        row_frame=np.repeat(np.arange(frames, dtype=np.int32), objects),
        row_object=np.tile(np.arange(1, objects + 1), frames),
        row_category=np.full(frames * objects, -1, np.int32),
        counts=pa.array(counts),
        categories={},
    )


def ours(dataset: Any, clips: list[int]) -> list[Any]:
    """Pictures and masks of some clips, objects drawn as in training."""
    from segassets.learning.clip_dataset import ClipDraw

    return [dataset.raw(ClipDraw(clip, clip)) for clip in clips]


def dense(dataset: Any, source: Any, clips: list[int]) -> list[Any]:
    """Pictures of the same clips, and the masks of all objects cut out of those of the whole video [T, N, H, W]."""
    from PIL import Image

    from segassets.masks import rle

    scene = dataset.index.scenes[0]
    height, width = scene.sizes_hw[0].tolist()
    found = []
    for clip in clips:
        frames = dataset.index[clip].frames
        pictures = [Image.fromarray(source.read(frame)) for frame in frames]
        every = rle.decode_batch(scene.counts.to_pylist(), height, width)
        found.append((pictures, every.reshape(len(scene.taught), -1, height, width)[frames]))
    return found


def check_equal(mine: Any, theirs: tuple[Any, np.ndarray]) -> None:
    """Raises AssertionError unless the masks of one clip are the same."""
    for frame, masks in zip(mine.frames, theirs[1], strict=True):
        for item in frame.objects:
            assert np.array_equal(item.segment, masks[item.object_id - 1])


def measure(
    frames: int, objects: int, height: int, width: int, clips: int, repeats: int
) -> tuple[float, float]:
    """Seconds a clip: ours, and by decoding everything."""
    from segassets.learning.clip_config import ClipData
    from segassets.learning.clip_dataset import ClipDataset
    from segassets.learning.clips import ClipIndex

    with tempfile.TemporaryDirectory() as name:
        scene = make_scene(Path(name), frames, objects, height, width)
        index = ClipIndex(ClipData(dataset="bench", frames=8, clip_stride=1), [scene])
        dataset = ClipDataset(index, 512)
        chosen = np.linspace(0, len(index) - 1, clips).astype(int).tolist()
        source = scene.open()
        check_equal(ours(dataset, chosen[:1])[0], dense(dataset, source, chosen[:1])[0])
        mine_s, dense_s = interleaved(
            [
                lambda: seconds(lambda: ours(dataset, chosen)),
                lambda: seconds(lambda: dense(dataset, source, chosen)),
            ],
            repeats,
        )
    return mine_s / clips, dense_s / clips


def run(names: list[str]) -> list[Figure]:
    """The figures asked for."""
    mine, other = measure(FRAMES, OBJECTS, HEIGHT, WIDTH, CLIPS, REPEATS)
    note = f"{mine * 1e3:.0f} ms a clip against {other * 1e3:.0f} ms, pictures included; {OBJECTS} objects, {HEIGHT}p"
    return [Figure("clip_loading", other / mine, "x decoding every mask", GOAL, note=note)]
