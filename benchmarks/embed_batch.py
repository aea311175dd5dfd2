"""Vectors of 64 masks of a picture: crops in batches, against one crop after the other through the same network."""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Figure, interleaved, seconds

HEIGHT, WIDTH, MASKS, REPEATS = 480, 640, 64, 5


def make_masks() -> tuple[np.ndarray, list[np.ndarray]]:
    """A picture of noise and ellipses on it of 20 to 120 pixels across."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    masks = []
    for _ in range(MASKS):
        y, x, tall, wide = (
            int(rng.integers(60, HEIGHT - 60)),
            int(rng.integers(60, WIDTH - 60)),
            *rng.integers(10, 60, 2),
        )
        masks.append(((v - y) / tall) ** 2 + ((u - x) / wide) ** 2 < 1)
    return rgb, masks


def run(names: list[str]) -> list[Figure]:
    """The figure."""
    import torch

    from segassets.models.embedding.crops import masked_crop
    from segassets.models.load import load_model
    from segassets.models.registry import load_spec
    from segassets.models.spec import RandomSource

    spec = load_spec("nano-clip")
    embedder = load_model(spec.model_copy(update={"source": RandomSource(kind="random")}), "cpu")
    rgb, masks = make_masks()

    def together() -> np.ndarray:
        found: np.ndarray = embedder.embed_pictures([masked_crop(rgb, mask) for mask in masks])
        return found

    def one_by_one() -> np.ndarray:
        return np.concatenate([embedder.embed_pictures([masked_crop(rgb, mask)]) for mask in masks])

    off = float(np.abs(together() - one_by_one()).max())
    if off > 1e-4:
        raise RuntimeError(f"expected the same vectors either way, found a difference of {off:.2g}")
    batched, single = interleaved([lambda: seconds(together), lambda: seconds(one_by_one)], REPEATS)
    note = f"{batched * 1000:.0f} ms against {single * 1000:.0f} ms, {torch.get_num_threads()} threads, on the CPU"
    return [Figure("embed_batch", single / batched, "x one by one", 2, note=note)]
