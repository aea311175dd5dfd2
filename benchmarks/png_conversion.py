"""1,000 mask pictures of 10 instances to run lengths, against a converter that decodes each picture once per instance.

Both end with the same tubes: the other decodes, compares with the id and encodes, as a loop over instances does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, interleaved, seconds

VIDEOS, FRAMES, INSTANCES, HEIGHT, WIDTH = 20, 50, 10, 360, 640
REPEATS = 3


def make_folder(folder: Path, seed: int) -> None:
    """`mask_%05d.png` of ten discs that drift, the later over the earlier, ids as gray values."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    centres, motion = (
        rng.uniform(0.1, 0.9, (INSTANCES, 2)) * (HEIGHT, WIDTH),
        rng.normal(0, 1, (INSTANCES, 2)),
    )
    radii = rng.uniform(0.05, 0.2, INSTANCES) * HEIGHT
    folder.mkdir()
    for frame in range(FRAMES):
        ids = np.zeros((HEIGHT, WIDTH), np.uint8)
        for number in range(INSTANCES):
            y, x = centres[number] + frame * motion[number]
            ids[(rows - y) ** 2 + (columns - x) ** 2 <= radii[number] ** 2] = number + 1
        Image.fromarray(ids).save(folder / f"mask_{frame:05d}.png")


def once_per_instance(folder: Path) -> dict[int, dict[int, str]]:
    """Instance -> frame -> counts, decoding the pictures again for each instance."""
    from PIL import Image
    from pycocotools import mask as coco

    pictures = sorted(folder.glob("mask_*.png"))
    ids = sorted({int(value) for path in pictures for value in np.unique(np.asarray(Image.open(path)))} - {0})
    found: dict[int, dict[int, str]] = {key: {} for key in ids}
    for key in ids:
        for frame, path in enumerate(pictures):
            mask = np.asarray(Image.open(path)) == key
            if mask.any():
                encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
                found[key][frame] = encoded["counts"].decode("ascii")
    return found


def once(folder: Path) -> dict[int, dict[int, str]]:
    """The same, as segassets reads such a folder."""
    from segassets.datasets.id_folders import list_masks, read_id_folder

    pictures = list_masks(folder)
    tubes = read_id_folder(pictures, [path.name for path in pictures], (HEIGHT, WIDTH), "report").tubes
    return dict(zip(tubes.ids.tolist(), tubes.masks, strict=True))


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / f"{number:05d}" for number in range(VIDEOS)]
        for seed, folder in enumerate(folders):
            make_folder(folder, seed)
        if any(once(folder) != once_per_instance(folder) for folder in folders[:3]):
            raise RuntimeError("the two converters give other masks")
        tasks = [lambda: seconds(lambda: [once(f) for f in folders]),
                 lambda: seconds(lambda: [once_per_instance(f) for f in folders])]  # fmt: skip
        ours, theirs = interleaved(tasks, REPEATS)
    note = f"{ours:.2f} s against {theirs:.2f} s for {VIDEOS * FRAMES} pictures of {INSTANCES} instances"
    return [Figure("png_conversion", theirs / ours, "x a decode per instance", 5, note=note)]
